"""The Runs page: every recorded run can be found, sorted, compared with others, and taken to the other pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import streamlit as st

from core.config import Kind, SettingsError
from core.training.scores import SCORES, SHOWN_FIRST, score_of
from core.training.store.compare import QueryError, differing, matching, settings_of
from core.training.store.tracking import Run, StoreError
from pages.common import forms, layout, readers, sitemap
from pages.train import run_table
from pages.train.bundled_study import offer_study
from pages.train.live_chart import live_chart
from pages.train.run_readings import show_errors, show_same

_VIEWS: Final = ("Curves", "Settings", "Same canvases", "Errors")
_OF_FINDERS: Final = _VIEWS[:2]  # which read nothing
_USE: Final[dict[Kind, str]] = {
    "number": "read numbers",
    "digit": "read single digits",
    "finder": "find numbers",
}
_CHOSEN, _BASE, _GONE = "runs-chosen", "runs-base", "runs-gone"  # in the session
_FIRST: Final = 3  # runs that are compared where nobody chose any


def say_empty() -> None:
    """How the first run comes about."""
    with layout.empty_state(
        "No run yet",
        "Every model that is trained leaves a run here: its settings, its curves and its best checkpoint. Train a small model first; "
        "two of them with one setting changed, and you can see what that setting does.",
        key="runs",
        icon=":material/monitoring:",
    ):
        st.page_link(sitemap.LAUNCH.file, label="Train a model", icon=":material/model_training:")
        offer_study("runs-study")
        st.caption("Or from a terminal:")
        st.code(
            "python -m core train --preset number-small --training.epochs 2 --name first --out runs/first",
            language="bash",
            wrap_lines=True,
        )


def attempt(action: Callable[..., object], *arguments: object) -> None:
    """Do something to the store; what is wrong with it is message on the page."""
    try:
        action(*arguments)
    except StoreError as error:
        st.session_state["runs-message"] = str(error)
    run_table.changed()


def delete(some: Sequence[Run]) -> None:
    """Out of sight, until they are taken back."""
    for run in some:
        attempt(run_table.store().delete, run.id)
    st.session_state[_GONE] = [run.id for run in some]
    st.session_state[_CHOSEN] = []


def restore(ids: Sequence[str]) -> None:
    """Take deleted runs back."""
    for run_id in ids:
        attempt(run_table.store().restore, run_id)
    st.session_state[_CHOSEN] = list(ids)
    st.session_state.pop(_GONE, None)


def use(run: Run) -> None:
    """The other pages read with its checkpoint from now on."""
    try:
        path = run_table.checkpoint(run)
    except StoreError as error:
        st.session_state["runs-message"] = str(error)
        return
    if path is None:
        st.session_state["runs-message"] = (
            f"{run.name} kept no checkpoint: it was not validated even once, or only its figures are here."
        )
        return
    kind = _kind(run)
    readers.use(kind, path, run.name)
    st.session_state["runs-used"] = (kind, run.name)


def _kind(run: Run) -> Kind:
    """Which model it trained."""
    said = run.settings.get("model.kind")
    return next((kind for kind in _USE if kind == said), "number")


def edit(run: Run) -> None:
    """Another name and note, as they stand in the form."""
    attempt(run_table.store().rename, run.id, st.session_state["runs-name"].strip())
    attempt(run_table.store().note, run.id, st.session_state["runs-note"])


def tag(some: Sequence[Run]) -> None:
    """The tag in the form, on all of them."""
    key = st.session_state["runs-tag"].strip()
    for run in some if key else []:
        attempt(run_table.store().tag, run.id, key, st.session_state["runs-tag-value"].strip())


def untag(some: Sequence[Run], key: str) -> None:
    """That tag off all of them."""
    for run in some:
        attempt(run_table.store().untag, run.id, key)


def pin(run: Run | None) -> None:
    """What the others are measured against."""
    st.session_state[_BASE] = run.id if run else ""


def take_settings(run: Run) -> None:
    """Into the form of the Train page."""
    try:
        forms.fill("train", settings_of(run))
        st.session_state["runs-go"] = True
    except SettingsError as error:
        st.session_state["runs-message"] = str(error)


def messages() -> None:
    """What came of what was pressed."""
    if message := st.session_state.pop("runs-message", None):
        st.error(layout.escape_markdown(message))
    if st.session_state.pop("runs-go", False):
        st.switch_page(sitemap.LAUNCH.file)
    if used := st.session_state.pop("runs-used", None):
        kind, name = used
        with st.container(horizontal=True, vertical_alignment="center", key="runs-used-note"):
            st.success(f"The other pages now {_USE[kind]} with {layout.escape_markdown(name)}.")
            if kind == "finder":
                st.page_link(sitemap.PHOTO.file, label="Read a photo", icon=sitemap.PHOTO.icon)
            else:
                st.page_link(sitemap.DRAW.file, label="Draw a number", icon=sitemap.DRAW.icon)
    if gone := st.session_state.get(_GONE):
        with st.container(horizontal=True, vertical_alignment="center", key="runs-undo"):
            st.caption(f"{len(gone)} run{'s' * (len(gone) > 1)} deleted.", width="content")
            st.button("Undo", icon=":material/undo:", on_click=restore, args=[gone])


def filtered(known: list[Run]) -> list[Run]:
    """Those that the filter lets through."""
    query = st.text_input(
        "Filter",
        key="filter",
        type="search",
        bind="query-params",
        placeholder="clean>90%  heads>=4  positions=learned  or any word",
        help="Conditions on settings, metrics and tags (`heads=4`, `best.clean>0.9`, `last.loss<1`, `status=finished`), and words that must "
        "be in the name, the note or a tag. All of them must hold.",
    )
    try:
        return matching(known, query or "")
    except QueryError as error:
        st.warning(layout.escape_markdown(str(error)))
        return known


def choose(listed: list[Run], baseline: Run | None, columns: list[str]) -> list[Run]:
    """The table, and the runs whose rows are ticked in it."""
    table = run_table.rows(listed, columns, baseline)
    ids = [run.id for run in listed]
    if _CHOSEN not in st.session_state:
        st.session_state[_CHOSEN] = st.query_params.get_all("run") or ids[:_FIRST]
    chosen = [run_id for run_id in st.session_state[_CHOSEN] if run_id in ids]
    key = f"runs-table-{hash(tuple(ids))}"

    def ticked() -> None:
        st.session_state[_CHOSEN] = [ids[row] for row in st.session_state[key]["selection"]["rows"]]

    st.dataframe(
        table,
        key=key,
        hide_index=True,
        height=min(38 + 35 * len(table), 400),
        column_config=run_table.column_config(table),
        placeholder="",
        on_select=ticked,
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [ids.index(run_id) for run_id in chosen]}},
    )
    by_id = {run.id: run for run in listed}
    return [by_id[run_id] for run_id in chosen]


def act(some: list[Run], table_runs: list[Run], columns: list[str], baseline: Run | None) -> None:
    """What can be done with the ticked runs."""
    one = some[0] if len(some) == 1 else None
    with st.container(horizontal=True, key="runs-actions"):
        if one:
            with st.popover("Name and note", icon=":material/edit:"), st.form("runs-edit", border=False):
                st.text_input("Name", one.name, max_chars=250, key="runs-name")
                st.text_area("Note", one.note, max_chars=5000, key="runs-note")
                st.form_submit_button("Save", on_click=edit, args=[one])
        if some:
            with st.popover("Tags", icon=":material/sell:"):
                with st.form("runs-tags", border=False, clear_on_submit=True):
                    st.text_input("Tag", max_chars=250, key="runs-tag")
                    st.text_input("Value (may be empty)", max_chars=1000, key="runs-tag-value")
                    st.form_submit_button("Add", on_click=tag, args=[some])
                for place, key in enumerate(
                    dict.fromkeys(key for run in some for key in run_table.own_tags(run))
                ):
                    st.button(
                        f"Remove {layout.escape_markdown(key)}",
                        key=f"runs-untag-{place}",
                        icon=":material/close:",
                        on_click=untag,
                        args=[some, key],
                    )
        if one and one != baseline:
            st.button(
                "Pin as baseline",
                icon=":material/keep:",
                on_click=pin,
                args=[one],
                help="The table then shows how far the others are above it.",
            )
        if baseline:
            st.button("Unpin", icon=":material/keep_off:", on_click=pin, args=[None])
        if one:
            st.button(
                "Use this checkpoint",
                icon=":material/output:",
                on_click=use,
                args=[one],
                help="The pages that read do so with this run's best checkpoint, until you take the bundled one again.",
            )
            st.button(
                "Train with its settings",
                icon=":material/content_copy:",
                on_click=take_settings,
                args=[one],
            )
        if some:
            st.button(f"Delete {len(some)}", icon=":material/delete:", on_click=delete, args=[some])
        with st.popover("Take along", icon=":material/download:"):
            st.download_button(
                "The table (CSV)",
                lambda: run_table.table_csv(run_table.rows(table_runs, columns, baseline)),
                "runs.csv",
                "text/csv",
                on_click="ignore",
            )
            if some:
                st.download_button(
                    "The ticked runs, everything (JSON)",
                    lambda: run_table.runs_json(some),
                    "runs.json",
                    "application/json",
                    on_click="ignore",
                )
                st.download_button(
                    "Their curves (CSV)",
                    lambda: run_table.curves_csv(some, sorted({name for run in some for name in run.last})),
                    "curves.csv",
                    "text/csv",
                    on_click="ignore",
                )


def show_curves(some: list[Run]) -> None:
    """How the runs learned, over each other."""
    known = sorted(
        {name for run in some for name in run.last},
        key=lambda name: list(SCORES).index(name) if name in SCORES else len(SCORES),
    )
    if not known:
        st.caption("These runs have not logged a value yet.")
        return
    left, middle, right = st.columns([3, 2, 2], gap="medium", vertical_alignment="bottom")
    usual = [name for name in ("loss", *SHOWN_FIRST) if name in known] or known[:1]
    metrics = left.multiselect(
        "Metrics",
        known,
        usual,
        format_func=lambda name: score_of(name).title,
        key="metrics",
        bind="query-params",
    )
    axis = middle.selectbox(
        "Along",
        list(run_table.AXES),
        format_func=lambda one: run_table.AXES[one],
        key="axis",
        bind="query-params",
    )
    weight = right.slider(
        "Smoothing",
        0.0,
        0.99,
        0.6,
        0.01,
        key="smooth",
        bind="query-params",
        help="0 shows what was measured. Curves of many points are smoothed, those of a few epochs hardly.",
    )
    with st.container(horizontal=True):
        log_y = st.toggle("Logarithmic values", key="logy", bind="query-params")
        log_x = st.toggle(f"Logarithmic {run_table.AXES[axis]}", key="logx", bind="query-params")
    if not metrics:
        st.caption("Choose a metric.")
        return

    @st.fragment(run_every=2.0 if any(run_table.status(run) == "running" for run in some) else None)
    def draw() -> None:
        try:
            figure = run_table.curves(some, metrics, axis, weight=weight, log_x=log_x, log_y=log_y)
        except StoreError as error:
            st.error(layout.escape_markdown(str(error)))
            return
        live_chart(
            figure, key="runs-curves", label="Curves of the ticked runs", height=90 + 250 * len(metrics)
        )

    draw()
    for metric in metrics:
        without = [layout.escape_markdown(run.name) for run in some if metric not in run.last]
        if without:
            st.caption(
                f"*{layout.escape_markdown(score_of(metric).title)}* was never logged by {', '.join(without)}."
            )
    st.caption(
        "Drag over a stretch to look closer: all plots follow. Double-click to see all of it; the camera in the chart's corner saves a picture."
    )


def show_settings(some: list[Run]) -> None:
    """What was set, run beside run."""
    everything = st.toggle("What is the same, too", key="same", bind="query-params")
    names = list(dict.fromkeys(name for run in some for name in run.settings))
    shown = names if everything or len(some) == 1 else differing(some)
    if not shown:
        st.caption(
            "These runs have the same settings. If they differ all the same, it is by chance, or by code, data or machine, below."
        )
    else:
        st.dataframe(
            run_table.settings_table(some, shown), hide_index=True, column_config={"what": "setting"}
        )
    about = list(dict.fromkeys(name for run in some for name in run.tags if name.startswith("about.")))
    if not everything and len(some) > 1:
        about = [name for name in about if len({run.tags.get(name) for run in some}) > 1]
    if about:
        st.subheader("Code, data and machine", anchor=False)
        table = run_table.settings_table(some, about)
        for row in table:
            row["what"] = row["what"].removeprefix("about.")
        st.dataframe(
            table, hide_index=True, column_config={"what": st.column_config.Column("", width="small")}
        )
    for run in some:
        if run.note:
            st.markdown(
                f"**{layout.escape_markdown(run_table.labels(some)[run.id])}**: {layout.escape_markdown(run.note)}"
            )


@st.fragment(run_every=3.0)
def watch(seen: list[tuple[str, str]]) -> None:
    """Draw the page anew when a run came, ended or went."""
    try:
        now = [(run.id, run_table.status(run)) for run in run_table.all_runs()]
    except StoreError:
        return
    if now != seen:
        st.rerun()


def show_deleted(gone: list[Run]) -> None:
    """What was deleted, and the way back."""
    st.header("Deleted runs", anchor=False)
    back = st.multiselect(
        "Runs to take back",
        [run.id for run in gone],
        format_func=run_table.labels(gone).__getitem__,
        key="runs-back",
    )
    st.button(
        "Take back",
        icon=":material/undo:",
        on_click=restore,
        args=[back],
        disabled=not back,
        key="runs-take-back",
    )


layout.header(sitemap.RUNS)
messages()
try:
    known = run_table.all_runs()
    gone = run_table.all_runs(deleted=True)
except StoreError as error:
    st.error(layout.escape_markdown(str(error)))
    st.stop()
if not known:
    say_empty()
else:
    listed = filtered(known)
    baseline_id = st.session_state.setdefault(_BASE, st.query_params.get("base", ""))
    baseline = next((run for run in known if run.id == baseline_id), None)
    with st.container(horizontal=True, vertical_alignment="center", key="runs-count"):
        st.caption(f"{len(listed)} of {len(known)} runs", width="content")
        with st.popover("Columns", icon=":material/view_column:"):
            picked = st.multiselect(
                "Columns",
                run_table.columns_of(known),
                key="columns",
                bind="query-params",
                placeholder="Scores, and the settings that differ",
            )
    columns = picked or run_table.usual_columns(listed)
    if not listed:
        st.caption("No run matches this filter.")
    else:
        some = choose(listed, baseline, columns)
        st.query_params["run"] = [run.id for run in some]
        if baseline:
            st.query_params["base"] = baseline.id
        else:
            st.query_params.pop("base", None)
        act(some, listed, columns, baseline)
        if not some:
            st.info("Tick runs at the left of their rows to compare them.", icon=":material/check_box:")
        else:
            view = st.segmented_control(
                "Look at",
                _VIEWS if any(_kind(run) != "finder" for run in some) else _OF_FINDERS,
                default=_VIEWS[0],
                required=True,
                key="view",
                bind="query-params",
                label_visibility="collapsed",
            )
            if view == "Curves":
                show_curves(some)
            elif view == "Settings":
                show_settings(some)
            elif view == "Same canvases":
                show_same(some)
            else:
                show_errors(some)
watch([(run.id, run_table.status(run)) for run in known])
if gone:
    show_deleted(gone)
