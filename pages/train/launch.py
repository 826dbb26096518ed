"""The Train page: settings are chosen in a form, a run is launched with them, and every run is followed while it learns."""

from __future__ import annotations

from typing import Final

import streamlit as st

from core.config import PRESETS, RunSettings, SettingsError, settings_from, validated
from core.model.checkpoint import BUNDLED
from core.structured import decoded, read_json
from core.training import jobs
from core.training.estimate import Estimate, estimate
from core.training.store.progress import progress
from pages.common import forms, layout, mnist, sitemap
from pages.train.run_view import show_run

_FORM: Final = "train"
_FIRST: Final = "number-small"
_RANDOM: Final = "random weights"
_STATES: Final = {
    "queued": ":material/hourglass_empty: waits for its turn",
    "running": ":material/play_circle: is training",
    "stopping": ":material/pause_circle: stops at its next step",
    "finished": ":material/check_circle: is finished",
    "stopped": ":material/stop_circle: was stopped; what it learned is kept",
    "failed": ":material/error: failed",
    "killed": ":material/cancel: was ended at once; it goes on from its last saved state",
    "died": ":material/error: died: its process is gone without a word",
}


def take_preset() -> None:
    """Fill the form with the preset that was chosen."""
    forms.fill(_FORM, PRESETS[st.session_state["train-preset"]])


def take_file() -> None:
    """Fill the form from a JSON file of settings; what it leaves out stays as it is in the preset."""
    st.session_state.pop("train-file-error", None)
    file = st.session_state["train-file"]
    if file is None:
        return
    try:
        values = read_json(decoded(file.getvalue()))
        if not isinstance(values, dict):
            raise ValueError("it must hold an object")
        base = PRESETS[st.session_state["train-preset"]]
        forms.fill(_FORM, settings_from(values, base, source=file.name))
    except (SettingsError, ValueError) as error:  # a `StructureError`, or ours
        st.session_state["train-file-error"] = f"{file.name} was not taken: {error}"


@st.cache_data(show_spinner=False, max_entries=200)
def estimated(settings: str) -> Estimate:
    """What a run with these settings (as JSON) would take."""
    return estimate(RunSettings.model_validate_json(settings), mnist.mnist())


def show_estimate(settings: RunSettings) -> None:
    """Parameters, memory and time, beside the form."""
    expected = estimated(settings.model_dump_json())
    minutes = expected.seconds / 60
    with st.container(horizontal=True, gap="large"):
        st.metric("Parameters", f"{expected.parameters:,}", width="content")
        st.metric("Memory, about", f"{expected.memory / 2**20:,.0f} MB", width="content")
        st.metric(
            "Time, about", f"{minutes / 60:.1f} h" if minutes > 90 else f"{minutes:.1f} min", width="content"
        )
    finder = settings.model.kind == "finder"
    searching = ""
    if finder:
        searching = f" {settings.scenes.count:,} scenes are made first, if they are not there yet: some 30 ms each on a core."
    elif settings.canvas.found_share:
        searching = " Searching simulated camera frames comes first and takes minutes."
    st.caption(
        f"{settings.training.steps:,} steps of {settings.training.batch_size} {'windows of scenes' if finder else 'canvases'}, {expected.seconds_per_step * 1000:.0f} ms a step: "
        f"timed just now on this machine, as if it had nothing else to do.{searching}"
    )


def launch(settings: RunSettings, name: str, begin: str, *, sample: bool) -> None:
    """Start the run, and follow it from now on."""
    command = ["train", "--config={folder}/asked.json", "--out={folder}", f"--name={name}"]
    command += ["--sample"] if sample else []
    command += [] if begin == _RANDOM else [f"--start={BUNDLED / begin}"]
    try:
        job = jobs.launch(command, name, files={"asked.json": settings.model_dump_json(indent=2)})
    except jobs.JobError as error:
        st.error(str(error))
        return
    st.query_params["job"] = job.id


@st.fragment(run_every=1.0)
def follow() -> None:
    """All runs that were launched, and one of them from close by; anew each second, and nothing else of the page with it."""
    launched = {job.id: job for job in jobs.jobs() if job.command[:1] == ("train",)}
    if not launched:
        layout.empty_state(
            "No run yet",
            "Set *Epochs* (under **Teaching**) to 2 and press **Train**: you can watch it learn in a few minutes.",
            key="jobs",
            icon=":material/model_training:",
        )
        return
    asked = st.query_params.get("job")
    if asked in launched and st.session_state.get("train-asked") != asked:
        st.session_state["train-asked"] = st.session_state["train-job"] = asked
    chosen = st.selectbox(
        "Run",
        list(launched),
        format_func=lambda job: f"{launched[job].name} · {launched[job].created:%d %b %H:%M:%S} UTC",
        key="train-job",
    )
    if chosen not in launched:
        return
    st.query_params["job"] = st.session_state["train-asked"] = chosen
    job = launched[chosen]
    st.markdown(f"**{layout.escape_markdown(job.name)}** {_STATES[job.state]}.")
    controls(job)
    if job.state in ("failed", "died"):
        if job.message:
            st.error(layout.escape_markdown(job.message))
        st.code(job.last_lines() or "It printed nothing.", language=None)
    elif job.alive and not progress(job.folder).step:
        st.code(job.last_lines(1) or "Starting …", language=None)
    show_run(job.folder, key=f"training-{job.id}", alive=job.alive)


def controls(job: jobs.Job) -> None:
    """What can be done with a run in its state."""
    with st.container(horizontal=True, key="train-controls"):
        if job.alive:
            st.button(
                "Stop",
                icon=":material/pause:",
                on_click=jobs.stop,
                args=[job.id],
                disabled=job.state == "stopping",
            )
            st.button(
                "End at once",
                icon=":material/dangerous:",
                on_click=jobs.kill,
                args=[job.id],
                help="Loses what was learned since the last save.",
            )
        elif job.state != "finished":
            st.button("Go on", icon=":material/play_arrow:", on_click=go_on, args=[job.id])
        settings = progress(job.folder).settings
        if settings is not None:
            st.button(
                "Take its settings",
                icon=":material/content_copy:",
                on_click=forms.fill,
                args=[_FORM, settings],
                help="Fills the form above.",
            )


def go_on(job_id: str) -> None:
    """Resume a run that ended too early."""
    try:
        jobs.resume(job_id)
    except jobs.JobError as error:
        st.session_state["train-message"] = str(error)


layout.header(sitemap.LAUNCH)
left, right = st.columns([1, 1], gap="large", vertical_alignment="bottom")
with left:
    st.selectbox(
        "Begin from a preset",
        list(PRESETS),
        index=list(PRESETS).index(_FIRST),
        key="train-preset",
        on_change=take_preset,
        persist_state="session",
        help="A named set of settings, which you can change below.",
    )
with right:
    name = st.text_input(
        "Name of the run", "my first run", max_chars=80, key="train-name", persist_state="session"
    )
values = forms.settings_form(_FORM, PRESETS[_FIRST])
settings: RunSettings | None = None
try:
    settings = validated(RunSettings, values, source="These settings cannot work")
except SettingsError as error:
    st.error(str(error))

if settings is not None:
    show_estimate(settings)
with st.container(horizontal=True, vertical_alignment="bottom", key="train-launch"):
    pressed = st.button(
        "Train",
        type="primary",
        icon=":material/model_training:",
        disabled=settings is None or not name.strip(),
    )
    with st.popover("Data and start", icon=":material/tune:"):
        sample = st.toggle(
            "The bundled sample only",
            key="train-sample",
            persist_state="session",
            help="4,000 digits of MNIST instead of 55,000: needs no network, and scores are lower.",
        )
        begin = st.selectbox(
            "Begin with",
            [_RANDOM, *(f"{kind}.safetensors" for kind in ("digit", "number", "finder"))],
            key="train-begin",
            help="A checkpoint must have the same model settings.",
        )
    with st.popover("JSON", icon=":material/data_object:"):
        st.file_uploader("Settings from a file", "json", key="train-file", on_change=take_file)
        if settings is not None:
            st.download_button(
                "Save these settings",
                settings.model_dump_json(indent=2),
                "settings.json",
                "application/json",
                icon=":material/download:",
                on_click="ignore",
            )
if "train-file-error" in st.session_state:
    st.error(st.session_state["train-file-error"])
if pressed and settings is not None:
    launch(settings, name.strip(), begin, sample=sample)

st.header("Runs launched here", anchor=False)
if message := st.session_state.pop("train-message", None):
    st.error(message)
follow()
