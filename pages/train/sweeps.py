"""The Sweeps page: many settings are tried in one go, and compared: which matter, how much, and what accuracy costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.config import PRESETS, READING_PRESETS, RunSettings, SettingsError
from core.structured import StructureError, decoded
from core.training import jobs
from core.training.estimate import Estimate, estimate
from core.training.scores import score_of
from core.training.sweeps import figures, study
from core.training.sweeps.file import EXAMPLE, PRESET, Plan, name_in, read_plan
from core.training.sweeps.study import Sweep, Trial
from pages.common import forms, layout, mnist, sitemap
from pages.common.charts import show_chart
from pages.train.bundled_study import offer_study
from pages.train.sweep_charts import COSTS, groups, restyled, short, show_clickable, trade_off

_CHOSEN: Final = "sweeps-trial"  # in the session: the name of a sweep and the number of a trial
_FILE: Final = "sweeps-file"
_FORM: Final = "sweeps-form"
_VIEWS: Final = ("Runs", "Settings", "Epochs", "Cost", "Groups")
_STATES: Final = {
    "waiting": "waits",
    "running": "is training",
    "interrupted": "was interrupted",
    "finished": "finished",
    "pruned": "pruned",
    "failed": "failed",
}
_OVER: Final = ("finished", "pruned", "failed")


@st.cache_data(ttl=2, show_spinner=False)
def all_sweeps() -> list[Sweep]:
    """Every sweep, newest first."""
    return study.sweeps()


@st.cache_data(ttl=5, show_spinner=False, max_entries=100)
def _trials(folder: str, stamp: tuple[int, int], _one: Sweep) -> list[Trial]:
    return study.trials(_one)


def trials_of(one: Sweep) -> list[Trial]:
    """Its trials as they are now; none, and a message, where they cannot be read."""
    try:
        return _trials(str(one.folder), study.stamp(one), one)
    except SettingsError as error:
        st.error(str(error))
        return []


@st.cache_data(show_spinner=False, max_entries=100)
def _figure(
    kind: str, stamps: list[tuple[str, int, int]], params: list[str], _sweeps: Sequence[Sweep]
) -> go.Figure | None:
    return figures.figure(kind, _sweeps[0], params, beside=_sweeps[1:])


def figure(kind: str, some: Sequence[Sweep], params: Sequence[str] = ()) -> go.Figure | None:
    """One of Optuna's figures in our looks; None, and what it waits for, while there is nothing to draw."""
    try:
        drawn = _figure(kind, [(str(one.folder), *study.stamp(one)) for one in some], list(params), some)
    except SettingsError:  # said where its trials were read
        return None
    if drawn is None:
        if not params:
            st.caption(
                f"**{kind.capitalize()}** is drawn once more runs have finished with different results."
            )
        return None
    return restyled(drawn, kind, some[0].metric, [one.name for one in some])


def side_by_side(some: Sequence[Sweep]) -> Iterator[tuple[Sweep, DeltaGenerator]]:
    """A place for each sweep, in two columns where there are several."""
    columns = st.columns(min(len(some), 2), gap="medium")
    for number, one in enumerate(some):
        with columns[number % len(columns)]:
            if len(some) > 1:
                st.markdown(f"**{layout.escape_markdown(one.name)}**")
            yield one, columns[number % len(columns)]


@st.fragment(run_every=2.0)
def follow(some: Sequence[Sweep]) -> None:
    """How far each sweep is, and what can be done with it; when a trial is over, the page is drawn anew."""
    over = []
    for one, _ in side_by_side(some):
        known = trials_of(one)
        counts: Counter[str] = Counter(trial.state for trial in known)
        done = sum(counts[state] for state in _OVER if state != "failed") + counts["failed"]
        over.append(done)
        parts = [
            f"{counts[state]} {_STATES[state]}"
            for state in ("finished", "pruned", "failed", "interrupted")
            if counts[state]
        ]
        parts += [
            f"run {trial.number} is in epoch {len(trial.values) + 1} of {one.plan.run_settings(trial.params).training.epochs}"
            for trial in known
            if trial.state == "running"
        ]
        st.progress(
            min(done / one.trials, 1.0),
            text=f"{done} of {one.trials} runs: {', '.join(parts) or 'none yet'}",
        )
        controls(one, counts)
    if over != st.session_state.setdefault("sweeps-over", over):
        st.session_state["sweeps-over"] = over
        st.rerun()


def controls(one: Sweep, counts: Counter[str]) -> None:
    """Stop a sweep, or go on with it."""
    job = next((job for job in jobs.jobs() if job.command == ("sweep", str(one.folder))), None)
    with st.container(horizontal=True):
        if job is not None and job.alive:
            stopping = job.state == "stopping"
            st.button(
                "Stop",
                icon=":material/pause:",
                key=f"stop-{one.folder.name}",
                on_click=jobs.stop,
                args=[job.id],
                disabled=stopping,
            )
            if stopping:
                st.caption("It stops at its next step.")
            elif job.state == "queued":
                st.caption("It waits until what was launched before it is over.")
        elif not counts["running"] and sum(counts[state] for state in _OVER) < one.trials:
            st.button(
                "Go on", icon=":material/play_arrow:", key=f"go-{one.folder.name}", on_click=start, args=[one]
            )
    if job is not None and job.state in ("failed", "died"):
        st.error(layout.escape_markdown(job.message) or "Its process is gone without a word.")
        st.code(job.last_lines() or "It printed nothing.", language=None)


def start(one: Sweep) -> None:
    """Run it as a job, which outlives the page."""
    try:
        jobs.launch(["sweep", str(one.folder)], one.name)
    except jobs.JobError as error:
        st.session_state["sweeps-message"] = str(error)


def compare(some: Sequence[Sweep]) -> None:
    """The chosen sweeps, seen from one side at a time."""
    tables = {one.name: trials_of(one) for one in some}
    if not any(tables.values()):
        st.caption("Its runs appear here as soon as the first one begins.")
        return
    view = st.segmented_control(
        "Look at",
        _VIEWS,
        default=_VIEWS[0],
        required=True,
        key="sweeps-view",
        persist_state="session",
        label_visibility="collapsed",
    )
    if view == "Runs":
        show_trials(some, tables)
    elif view in ("Settings", "Epochs"):
        show_figures(view.lower(), some)
    elif view == "Cost":
        show_cost(some, tables)
    else:
        show_groups(some, tables)
    show_one(some, tables)


def show_trials(some: Sequence[Sweep], tables: dict[str, list[Trial]]) -> None:
    """The history of all, and each trial as a row."""
    begun = [one for one in some if any(trial.state == "finished" for trial in tables[one.name])]
    if begun and (drawn := figure("history", begun)):
        show_clickable(drawn, key="sweeps-history", label="The value of each run, in order", into=_CHOSEN)
    rows = [trial for known in tables.values() for trial in reversed(known)]

    highest = max((value for trial in rows for value in trial.values.values()), default=1.0)

    def clicked() -> None:
        for row in st.session_state["sweeps-table"]["selection"]["rows"]:
            st.session_state[_CHOSEN] = (rows[row].sweep, rows[row].number)

    st.dataframe(
        [_row(trial, some[0].metric, several=len(some) > 1) for trial in rows],
        key="sweeps-table",
        hide_index=True,
        height=min(38 + 35 * len(rows), 400),
        on_select=clicked,
        selection_mode="single-row",
        column_config={
            "value": _value_column(some[0].metric),
            "seconds": st.column_config.NumberColumn(format="%.0f s"),
            "latency": st.column_config.NumberColumn("ms a strip", format="%.2f"),
            "parameters": st.column_config.NumberColumn(format="localized"),
            "epochs": st.column_config.LineChartColumn("epoch by epoch", y_min=0.0, y_max=highest),
        },
    )


def _value_column(metric: str) -> Any:
    if not score_of(metric).is_share:
        return st.column_config.NumberColumn(metric, format="%.3f")
    return st.column_config.ProgressColumn(metric, format="%.1f %%", min_value=0.0, max_value=100.0)


def _row(trial: Trial, metric: str, *, several: bool) -> dict[str, Any]:
    return {
        **({"sweep": trial.sweep} if several else {}),
        "run": trial.number,
        "state": _STATES[trial.state],
        "value": 100 * trial.value if trial.value is not None and score_of(metric).is_share else trial.value,
        **{name: short(value) for name, value in trial.params.items()},
        "epochs": list(trial.values.values()),
        "parameters": trial.parameters,
        "seconds": trial.seconds,
        "latency": trial.latency,
    }


def show_figures(view: str, some: Sequence[Sweep]) -> None:
    """Those of Optuna's figures that belong to a view, each with how it is read."""
    for name, one in figures.FIGURES.items():
        if one.view == view:
            (show_each, show_by_setting, show_pair)[one.settings](name, some)
            if one.note:
                st.caption(one.note)


def show_each(kind: str, some: Sequence[Sweep]) -> None:
    """A figure for each sweep."""
    for one, _ in side_by_side(some):
        if drawn := figure(kind, [one]):
            key = f"{kind}-{one.folder.name}"
            if any(trace.customdata is not None for trace in drawn.data):
                show_clickable(drawn, key=key, label=figures.FIGURES[kind].title, into=_CHOSEN)
            else:
                show_chart(drawn, key=key, height=340, save_as=kind)


def show_by_setting(kind: str, some: Sequence[Sweep]) -> None:
    """A figure for each setting that a sweep varies, two beside each other."""
    for one, _ in side_by_side(some):
        for number, name in enumerate(one.plan.settings.varied):
            if number % 2 == 0:
                columns = st.columns(2)
            with columns[number % 2]:
                if drawn := figure(kind, [one], [name]):
                    key, save_as = f"{kind}-{name}-{one.folder.name}", f"{kind}-{name}"
                    show_chart(drawn, key=key, height=260, save_as=save_as)


def show_pair(kind: str, some: Sequence[Sweep]) -> None:
    """A figure for two settings that one chooses."""
    for one, _ in side_by_side(some):
        varied = list(one.plan.settings.varied)
        if len(varied) < 2:
            continue
        left, right = st.columns(2)
        across = left.selectbox("Across", varied, key=f"across-{one.folder.name}")
        up = right.selectbox("Up", [name for name in varied if name != across], key=f"up-{one.folder.name}")
        if drawn := figure(kind, [one], [across, up]):
            show_chart(drawn, key=f"{kind}-{one.folder.name}", height=380, save_as=kind)


def show_cost(some: Sequence[Sweep], tables: dict[str, list[Trial]]) -> None:
    """What accuracy costs."""
    cost = st.selectbox("Paid with", list(COSTS), format_func=lambda one: COSTS[one], key="sweeps-cost")
    drawn = trade_off(dict(tables), cost, some[0].metric, maximize=some[0].maximize)
    show_clickable(
        drawn, key=f"sweeps-cost-{cost}", label="Each run by what it costs and how good it is", into=_CHOSEN
    )
    st.caption(
        "The dotted line joins the runs that no other betters at the same cost or less (the Pareto front); the others are faint. "
        "Click a point to see its run."
    )


def show_groups(some: Sequence[Sweep], tables: dict[str, list[Trial]]) -> None:
    """What a setting does, whatever the others are."""
    settings = list(
        dict.fromkeys(name for one in some for name, it in one.plan.settings.varied.items() if it.choices)
    )
    if not settings:
        st.caption(
            "Nothing can be grouped: the settings of this sweep are drawn between bounds. A setting with `values` can."
        )
        return
    setting = st.selectbox("Group by", settings, key="sweeps-group")
    found = {name: made for name, known in tables.items() if (made := figures.grouped(known, setting))}
    drawn = groups(dict(found), setting, some[0].metric)
    show_clickable(drawn, key=f"sweeps-groups-{setting}", label=f"Runs by {setting}", into=_CHOSEN)
    st.caption(
        "A diamond is the mean of all finished runs with that value, over seeds and whatever else differs; whiskers are one "
        "standard deviation. Where whiskers overlap, the difference may be chance."
    )
    st.dataframe(
        [
            {
                **({"sweep": name} if len(some) > 1 else {}),
                setting: str(group.setting),
                "runs": len(group.trials),
                "mean": group.mean,
                "spread": group.spread if len(group.trials) > 1 else None,
            }
            for name, made in found.items()
            for group in made
        ],
        hide_index=True,
        column_config={name: st.column_config.NumberColumn(format="percent") for name in ("mean", "spread")},
    )


def show_one(some: Sequence[Sweep], tables: dict[str, list[Trial]]) -> None:
    """The trial that was clicked, or else the best; its run, its settings, its checkpoint."""
    by_name = {one.name: one for one in some}
    best = [(one, trial) for one in some if (trial := one.best(tables[one.name]))]
    name, number = st.session_state.get(_CHOSEN, ("", -1))
    found = [(by_name[name], trial) for trial in tables.get(name, []) if trial.number == number]
    if not found and not best:
        return
    one, trial = (
        found or sorted(best, key=lambda pair: pair[1].value or 0.0, reverse=pair_is_maximized(best))
    )[0]
    settings = one.plan.run_settings(trial.params)
    is_best = any(trial == other for _, other in best)
    st.header("The best run" if is_best else "The run that you chose", anchor=False)
    st.markdown(
        f"Run {trial.number} of **{layout.escape_markdown(one.name)}** {_STATES[trial.state]}: {_chosen(trial)}."
    )
    if trial.why:
        st.error(layout.escape_markdown(trial.why))
    figures = {
        one.metric.capitalize(): score_of(one.metric).text(trial.value) if trial.value is not None else "–"
    }
    figures["Parameters"] = f"{trial.parameters:,}" if trial.parameters else "–"
    figures["Reads a strip in"] = f"{trial.latency:.2f} ms" if trial.latency else "–"
    figures["Trained for"] = f"{trial.seconds:,.0f} s" if trial.seconds else "–"
    with st.container(horizontal=True):
        for label, value in figures.items():
            st.metric(label, value, width=150)
    with st.container(horizontal=True, vertical_alignment="center", key="sweeps-actions"):
        if trial.run:
            st.page_link(
                sitemap.RUNS.file,
                label="In Runs",
                icon=":material/monitoring:",
                query_params={"run": trial.run},
            )
        if st.button(
            "Train with its settings",
            icon=":material/model_training:",
            help="Fills the form of the Train page.",
        ):
            forms.fill("train", settings)
            st.switch_page(sitemap.LAUNCH.file)
        st.download_button(
            "Its settings (JSON)",
            settings.model_dump_json(indent=2),
            f"{one.folder.name}-run-{trial.number}.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
    if trial.checkpoint.exists():
        st.caption("Its best checkpoint, as `python -m core read --checkpoint` and `evaluate` take it:")
        st.code(str(trial.checkpoint), language=None, wrap_lines=True)


def pair_is_maximized(best: Sequence[tuple[Sweep, Trial]]) -> bool:
    """Whether more is better, as the first of these sweeps says."""
    return best[0][0].maximize


def _chosen(trial: Trial) -> str:
    return ", ".join(
        f"{layout.escape_markdown(name)} {layout.escape_markdown(short(value))}"
        for name, value in trial.params.items()
    )


def take_file() -> None:
    """Put an uploaded sweep file into the text area."""
    file = st.session_state["sweeps-upload"]
    if file is not None:
        try:
            st.session_state[_FILE] = decoded(file.getvalue())
        except StructureError as error:
            st.session_state["sweeps-message"] = f"{file.name}: {error}."


@st.cache_data(show_spinner=False, max_entries=50)
def estimated(settings: str) -> Estimate:
    """What one of the trials would take."""
    return estimate(RunSettings.model_validate_json(settings), mnist.mnist())


def new_sweep() -> None:
    """A sweep file, and all that it needs to start."""
    st.session_state.setdefault(_FILE, EXAMPLE)
    left, right = st.columns([3, 2], gap="large")
    with left:
        text = st.text_area(
            "Sweep file",
            key=_FILE,
            height=380,
            persist_state="session",
            help="YAML or JSON, in the manner of Weights & Biases.",
        )
        st.file_uploader("Or from a file", ["yaml", "yml", "json"], key="sweeps-upload", on_change=take_file)
    with right:
        preset = st.selectbox(
            "What the file leaves out",
            READING_PRESETS,
            index=READING_PRESETS.index(PRESET),
            key="sweeps-preset",
            persist_state="session",
            help="The preset from which every run begins.",
        )
        try:
            plan = read_plan(text or "", PRESETS[preset])
            proposed = name_in(text or "")
        except SettingsError as error:
            st.error(layout.escape_markdown(str(error)))
            return
        name = st.text_input(
            "Name", proposed or "my first sweep", max_chars=80, key="sweeps-name", persist_state="session"
        )
        trials = None
        if plan.settings.method != "grid":
            trials = st.number_input("Runs", 1, 10_000, plan.trials, key="sweeps-trials")
        sample = st.toggle(
            "The bundled sample only",
            key="sweeps-sample",
            persist_state="session",
            help="4,000 digits of MNIST instead of 55,000: needs no network, and scores are lower.",
        )
        say(plan, trials or plan.trials)
        if st.button(
            "Start the sweep", type="primary", icon=":material/rocket_launch:", disabled=not name.strip()
        ):
            try:
                made = study.begin(text, name.strip(), PRESETS[preset], trials=trials, sample=sample)
            except (SettingsError, OSError) as error:
                st.error(layout.escape_markdown(str(error)))
                return
            start(made)
            all_sweeps.clear()
            st.session_state["sweeps-new"] = made.name
            st.rerun()


def say(plan: Plan, trials: int) -> None:
    """What a sweep would do, and how long it would take."""
    one = estimated(plan.example.model_dump_json())
    minutes = trials * one.seconds / 60
    duration = f"{minutes / 60:.1f} h" if minutes > 90 else f"{minutes:.0f} min"
    aim = f"{plan.settings.metric.goal}s *{plan.settings.metric.name}* ({score_of(plan.settings.metric.name).title})"
    st.markdown(
        f"**{trials} runs**, about **{duration}** in all if each takes as long as the first. The sweep varies "
        f"{', '.join(f'`{name}`' for name in plan.settings.varied) or 'nothing'} and {aim}."
    )
    if plan.left_out:
        st.caption(
            f"{len(plan.left_out)} combinations are left out, for they cannot be trained: {layout.escape_markdown('; '.join(plan.left_out[:3]))}"
        )


layout.header(sitemap.SWEEPS)
if message := st.session_state.pop("sweeps-message", None):
    st.error(layout.escape_markdown(message))
known = {one.name: one for one in all_sweeps()}
if not known:
    with layout.empty_state(
        "No sweep yet",
        "A sweep trains the same model again and again with other settings. The file below asks whether four heads read better "
        "than one: press **Start the sweep**, and compare here.",
        key="sweeps",
        icon=":material/rocket_launch:",
    ):
        offer_study("sweeps-study")
else:
    if (new := st.session_state.pop("sweeps-new", None)) in known:
        st.session_state["sweeps-chosen"] = [new]
        st.session_state[_FORM] = False
    asked = [name for name in st.query_params.get_all("sweep") if name in known]
    if "sweeps-chosen" not in st.session_state:
        st.session_state["sweeps-chosen"] = asked or list(known)[:1]
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    chosen = left.multiselect(
        "Sweeps",
        list(known),
        key="sweeps-chosen",
        persist_state="session",
        placeholder="Choose one, or several to compare",
    )
    right.toggle("New sweep", key=_FORM, persist_state="session")
    st.query_params["sweep"] = chosen
if not known or st.session_state[_FORM]:
    st.header("A new sweep", anchor=False)
    new_sweep()
elif chosen:
    follow([known[name] for name in chosen])
    compare([known[name] for name in chosen])
