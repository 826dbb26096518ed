"""The runs page without a browser: it teaches, lists, filters, compares, edits, deletes with a way back, and hands a checkpoint on."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.config import PRESETS, ModelSettings, RunSettings
from core.model.checkpoint import BUNDLED
from core.training.same_canvases import Answers, SameCanvases
from core.training.scores import SCORES
from core.training.store.tracking import Metric, Store
from pages.common import sitemap
from pages.train import run_readings, run_table

ODD = "<b>bold</b> **x** `y` ../z 😀"


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store takes seconds to make: all tests of this file share one, and take back what they do to it."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def ids(module_lab: Path, store_in: Callable[[Path], Store]) -> dict[str, str]:
    """Four runs by the number of their heads, oldest first; those with 4 and 8 kept a checkpoint."""
    store = store_in(module_lab)
    made = {}
    for heads, clean in ((1, 0.5), (2, 0.7), (4, 0.9), (8, 0.8)):
        settings = RunSettings(model=ModelSettings(heads=heads))
        name = ODD if heads == 8 else f"{heads} heads"
        run = store.begin(name, settings, {"parameters": "1000", "commit": f"{heads}abc"})
        scores = [("clean", clean), ("camera", clean / 2)]
        store.log(
            run,
            [
                Metric(prefix + metric, value * (0.5 if not epoch else 1.0), 500 * (epoch + 1), 1.0 + epoch)
                for epoch in range(2)
                for metric, value in scores
                for prefix in ("", "best.")
            ]
            + [Metric("loss", 2.0 / step, step, float(step)) for step in range(1, 50)],
        )
        store.log(run, [Metric("clean", clean - 0.05, 1500, 9.0)])
        if heads >= 4:
            path = module_lab / "best.safetensors"
            path.write_bytes((BUNDLED / "number.safetensors").read_bytes())
            store.keep(run, path)
        store.end(run, "finished")
        made[f"{heads} heads"] = run
    return made


@pytest.fixture(autouse=True)
def own_lab(module_lab: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NUMBERS_LAB", str(module_lab))
    st.cache_data.clear()
    yield
    st.cache_data.clear()


@pytest.fixture
def store(ids: dict[str, str]) -> Store:
    return Store()


@pytest.fixture
def app(root: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr("streamlit_webrtc.component.get_this_session_info", lambda: None)
    monkeypatch.setattr(run_readings, "_SIZES", {60: "tiny", 120: "small"})
    return AppTest.from_file(str(root / "streamlit_app.py"), default_timeout=120)


def opened(app: AppTest, **parameters: Any) -> AppTest:
    app.switch_page(sitemap.RUNS.file)
    for name, value in parameters.items():
        app.query_params[name] = value
    return checked(app.run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception, page.exception[0].message
    return page


def words(page: AppTest) -> str:
    parts = [*page.markdown, *page.caption, *page.info, *page.success]
    return "\n".join([*(part.value for part in parts), *(part.proto.body for part in page.get("html"))])


def table(page: AppTest) -> list[dict[str, Any]]:
    return page.dataframe[0].value.to_dict("records")  # type: ignore[no-any-return]


def button(page: AppTest, label: str) -> Any:
    return next(one for one in page.button if one.label.startswith(label))


def curves(page: AppTest) -> dict[str, Any]:
    data = next(part for part in page.get("bidi_component"))
    return json.loads(data.proto.json)["figure"]  # type: ignore[no-any-return]


def test_without_a_run_the_page_says_how_the_first_one_comes_about(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path))
    page = opened(app)
    assert "No run yet" in words(page) and "python -m core train" in page.code[0].value
    assert not page.dataframe and not list(tmp_path.iterdir())


def test_all_runs_are_listed_with_best_and_last_and_the_settings_that_differ(
    app: AppTest, ids: dict[str, str]
) -> None:
    rows = table(opened(app))
    assert [row["name"] for row in rows] == [ODD, "4 heads", "2 heads", "1 heads"]
    assert [row["model.heads"] for row in rows] == [8, 4, 2, 1] and "model.dim" not in rows[0]
    assert rows[1]["best.clean"] == 0.9 and rows[1]["last.clean"] == pytest.approx(0.85)
    assert rows[0]["parameters"] == 1000 and rows[0]["status"] == "finished"


def test_a_filter_narrows_the_table_and_a_wrong_one_says_what_is_meant(
    app: AppTest, ids: dict[str, str]
) -> None:
    page = opened(app)
    checked(page.text_input(key="filter").set_value("heads>=4 clean>85%").run())
    assert [row["name"] for row in table(page)] == ["4 heads"] and "1 of 4 runs" in words(page)
    checked(page.text_input(key="filter").set_value("haeds=4").run())
    assert "did you mean" in page.warning[0].value and len(table(page)) == 4
    checked(page.text_input(key="filter").set_value("nowhere").run())
    assert "No run matches" in words(page) and not page.dataframe


def test_columns_can_be_picked(app: AppTest, ids: dict[str, str]) -> None:
    page = opened(app)
    checked(page.multiselect(key="columns").set_value(["name", "training.seed"]).run())
    assert list(table(page)[0]) == ["name", "training.seed"]


def test_a_link_opens_the_same_view(app: AppTest, ids: dict[str, str]) -> None:
    page = opened(
        app, run=[ids["1 heads"], ids["4 heads"]], base=ids["2 heads"], view="Settings", filter="heads<=4"
    )
    assert len(table(page)) == 3 and page.query_params["run"] == [ids["1 heads"], ids["4 heads"]]
    assert page.segmented_control(key="view").value == "Settings"
    settings = page.dataframe[1].value.to_dict("records")
    assert settings == [{"what": "model.heads", "1 heads": "1", "4 heads": "4"}]
    assert [row["Δ best.clean"] for row in table(page)] == pytest.approx([20.0, 0.0, -20.0])


def test_a_link_names_the_curves_that_are_shown(app: AppTest, ids: dict[str, str]) -> None:
    page = opened(app, run=[ids["1 heads"]], metrics=[SCORES["camera"].title])
    assert page.multiselect(key="metrics").value == ["camera"]


def test_a_link_to_a_run_that_is_gone_opens_all_the_same(app: AppTest, ids: dict[str, str]) -> None:
    page = opened(app, run=["0" * 32, "../x"], base="gone")
    assert "Tick runs" in words(page) and len(table(page)) == 4


def test_a_baseline_is_pinned_and_unpinned(app: AppTest, ids: dict[str, str]) -> None:
    page = opened(app, run=[ids["2 heads"]])
    assert "Δ best.clean" not in table(page)[0]
    checked(button(page, "Pin as baseline").click().run())
    assert table(page)[0]["Δ best.clean"] == pytest.approx(10.0) and table(page)[2]["status"].startswith("📌")
    checked(button(page, "Unpin").click().run())
    assert "Δ best.clean" not in table(page)[0] and "base" not in page.query_params


def test_curves_lie_over_each_other_raw_and_smoothed_along_any_axis(
    app: AppTest, ids: dict[str, str]
) -> None:
    page = opened(app, run=[ids["1 heads"], ids["8 heads"]])
    figure = curves(page)
    assert len(figure["data"]) == 2 * 2 * 3  # raw and smoothed, of two runs, in three plots
    names = {trace["name"] for trace in figure["data"]}
    assert names == {"1 heads", ODD.replace("<", "&lt;").replace(">", "&gt;")}
    assert figure["layout"]["xaxis"]["matches"] == figure["layout"]["xaxis2"]["matches"] == "x3"
    checked(page.slider(key="smooth").set_value(0.0).run())
    assert len(curves(page)["data"]) == 2 * 3
    checked(page.selectbox(key="axis").set_value("epoch").run())
    checked(page.toggle(key="logy").set_value(True).run())
    figure = curves(page)
    assert (
        figure["layout"]["xaxis3"]["title"]["text"] == "epoch" and figure["layout"]["yaxis"]["type"] == "log"
    )
    assert "never logged" not in words(page)
    checked(page.multiselect(key="metrics").set_value([]).run())
    assert "Choose a metric" in words(page)


def test_a_metric_that_a_run_never_logged_is_said(app: AppTest, ids: dict[str, str], store: Store) -> None:
    run = store.begin("silent", RunSettings(), {})
    try:
        page = opened(app, run=[run, ids["1 heads"]])
        assert "*Loss* was never logged by silent" in words(page)
    finally:
        store.delete(run)


def test_a_run_is_renamed_noted_and_tagged_with_any_text(
    app: AppTest, ids: dict[str, str], store: Store
) -> None:
    run = ids["1 heads"]
    page = opened(app, run=[run])
    page.text_input(key="runs-name").set_value(ODD * 2)
    page.text_area(key="runs-note").set_value("<script>alert(1)</script>")
    checked(button(page, "Save").click().run())
    assert store.run(run).name == ODD * 2 and store.run(run).note == "<script>alert(1)</script>"
    page.text_input(key="runs-tag").set_value("../<i>é")
    checked(button(page, "Add").click().run())
    assert run_table.own_tags(store.run(run)) == {"../<i>é": ""} and table(page)[3]["tags"] == ["../<i>é"]
    checked(button(page, "Remove").click().run())
    assert run_table.own_tags(store.run(run)) == {}
    assert not any("<script>" in part.proto.body for part in page.get("html"))
    store.rename(run, "1 heads")
    store.note(run, "")


def test_a_deleted_run_comes_back_with_undo_or_later(app: AppTest, ids: dict[str, str], store: Store) -> None:
    page = opened(app, run=[ids["1 heads"], ids["2 heads"]])
    checked(button(page, "Delete 2").click().run())
    assert len(table(page)) == 2 and "2 runs deleted" in words(page)
    checked(button(page, "Undo").click().run())
    assert len(table(page)) == 4 and "deleted" not in words(page)
    store.delete(ids["1 heads"])
    run_table.changed()
    page.run()
    page.multiselect(key="runs-back").set_value([ids["1 heads"]])
    checked(checked(page.run()).button(key="runs-take-back").click().run())
    assert len(table(page)) == 4 and len(store.runs()) == 4


def test_a_checkpoint_is_used_by_the_other_pages_until_the_bundled_one_is_taken_again(
    app: AppTest, ids: dict[str, str], store: Store
) -> None:
    page = opened(app, run=[ids["8 heads"]])
    checked(button(page, "Use this checkpoint").click().run())
    assert "now read numbers with" in words(page)
    path, name = page.session_state["reader-number"]
    assert path == store.artifact(ids["8 heads"], "best.safetensors") and name == ODD
    home = checked(page.switch_page(sitemap.HOME.file).run())
    assert "checkpoint of the run <b>&lt;b&gt;bold" in words(home)
    checked(button(home, "Back to the bundled model").click().run())
    assert "checkpoint of the run" not in words(home) and "reader-number" not in home.session_state


def test_a_run_without_a_checkpoint_says_so(app: AppTest, ids: dict[str, str]) -> None:
    page = opened(app, run=[ids["1 heads"]])
    checked(button(page, "Use this checkpoint").click().run())
    assert "kept no checkpoint" in page.error[0].value
    checked(page.segmented_control(key="view").set_value("Same canvases").run())
    assert "Nothing can be read without a checkpoint" in words(page)


def test_the_same_canvases_are_read_by_each_run_side_by_side(app: AppTest, ids: dict[str, str]) -> None:
    page = opened(app, run=[ids["1 heads"], ids["4 heads"], ids["8 heads"]], view="Same canvases")
    text = words(page)
    assert "**1 heads** kept no checkpoint" in text
    assert "On 0 of" in text  # both have the same weights
    cards = next(part.proto.body for part in page.get("html") if 'class="same' in part.proto.body)
    assert cards.count("<figure>") == 12 and cards.count("<li") == 24 and "<b>bold" not in cards
    bars = [json.loads(part.proto.spec) for part in page.get("plotly_chart")]
    assert [len(bar["data"]) for bar in bars] == [2, 2]
    assert set(bars[1]["data"][0]["x"]) > {"clean", "camera", "rotation"}


def test_the_cells_of_the_mix_ups_open_their_canvases(app: AppTest, ids: dict[str, str]) -> None:
    page = opened(app, run=[ids["4 heads"]], view="Errors")
    cells = json.loads(page.get("plotly_chart")[0].proto.spec)["data"][0]
    assert ["4", "4"] in cells["customdata"] and sum(map(int, cells["text"])) > 50
    assert any(" read as " in part.value for part in page.subheader)


def test_the_settings_of_a_run_fill_the_form_of_the_training_page(app: AppTest, ids: dict[str, str]) -> None:
    page = opened(app, run=[ids["8 heads"]])
    button(page, "Train with its settings").click().run()
    assert page.session_state["train.model.heads"] == 8


def test_everything_can_be_taken_along(ids: dict[str, str], store: Store) -> None:
    some = [store.run(ids["8 heads"])]
    listed = run_table.rows(some, run_table.usual_columns(some), None)
    head, line = run_table.table_csv(listed).splitlines()
    assert head.startswith("name,status,started") and ODD in line
    taken = json.loads(run_table.runs_json(some))
    assert taken[0]["name"] == ODD and [500, 1.0, 0.4] in taken[0]["metrics"]["clean"]
    assert len(run_table.curves_csv(some, ["clean", "loss"]).splitlines()) == 1 + 3 + 49


def test_readings_can_be_taken_along_line_by_line(ids: dict[str, str], store: Store) -> None:
    canvases = SameCanvases(
        np.zeros((2, 4, 4), np.uint8),
        np.zeros((2, 2), np.float32),
        np.zeros((2, 4), np.float32),
        ["12", "3"],
        ["clean", "blur"],
    )
    result = run_readings.Compared([store.run(ids["4 heads"])], canvases, [Answers(["12", ""], [0.9, 0.25])])
    assert run_readings.readings_csv(result).splitlines() == [
        'written,kind,4 heads,"4 heads, probability"',
        "12,clean,12,0.9000",
        "3,blur,,0.2500",
    ]


def test_a_run_whose_process_is_gone_is_shown_as_died(app: AppTest, store: Store, root: Path) -> None:
    begun = "from core.config import RunSettings; from core.training.store.tracking import Store; print(Store().begin('lost', RunSettings(), {}))"
    run = subprocess.run(
        [sys.executable, "-c", begun], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    mine = store.begin("mine", RunSettings(), {})
    try:
        statuses = {row["name"]: row["status"] for row in table(opened(app))}
        assert statuses["lost"] == "died" and statuses["mine"] == "running"
    finally:
        store.delete(run)
        store.delete(mine)


def test_a_finder_s_run_has_curves_and_settings_and_its_checkpoint_finds_for_the_other_pages(
    app: AppTest, store: Store, module_lab: Path
) -> None:
    run = store.begin("a finder", PRESETS["finder-small"], {})
    try:
        store.log(run, [Metric("recall", 0.5, 10, 1.0), Metric("best.recall", 0.5, 10, 1.0)])
        path = module_lab / "best.safetensors"
        path.write_bytes((BUNDLED / "finder.safetensors").read_bytes())
        store.keep(run, path)
        store.end(run, "finished")
        run_table.changed()
        page = opened(app, run=[run])
        row = next(row for row in table(page) if row["name"] == "a finder")
        assert row["best.recall"] == 0.5
        assert page.segmented_control(key="view").options == ["Curves", "Settings"]
        assert page.multiselect(key="metrics").value == ["recall"]
        assert not any(name.startswith("canvas.") for name in store.run(run).settings)
        checked(button(page, "Use this checkpoint").click().run())
        assert "now find numbers with" in words(page)
        photo = checked(page.switch_page(sitemap.PHOTO.file).run())
        assert "Finding with the checkpoint of the run <b>a finder</b>" in words(photo)
        checked(button(photo, "Back to the bundled model").click().run())
        assert "reader-finder" not in photo.session_state
    finally:
        store.delete(run)


def test_a_store_that_cannot_be_read_says_what_to_do(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "store.db").write_bytes(b"no database" * 300)
    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path))
    page = opened(app)
    assert "is no database" in page.error[0].value and not page.dataframe
