"""The Canvases page: every setting is live, and what is shown is what the generator makes."""

import json
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from core.config import PRESETS, CanvasSettings
from core.data.canvases.effects import EFFECTS
from core.data.canvases.tiles import Tiles
from core.understanding import generator
from pages.common import mnist, sitemap
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def app(tiles: Tiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppTest]:
    """The page with the sample, once for all tests: what each of them sets, it sets itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBERS_DATA", str(tmp_path_factory.mktemp("mnist")))
        mnist.mnist.clear()
        page = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
        yield page.switch_page(sitemap.CANVASES.file).run()
        mnist.mnist.clear()


def words(app: AppTest) -> str:
    html = [part.proto.body for part in app.get("html") if not part.proto.body.startswith("<style>")]
    return "\n".join([*(str(part.value) for part in [*app.markdown, *app.caption, *app.error]), *html])


def captions(app: AppTest) -> list[str]:
    (sheet,) = app.get("bidi_component")
    return list(json.loads(sheet.proto.json)["captions"])


def set_to(app: AppTest, **settings: float) -> CanvasSettings:
    """Fill the form: the preset `number` with these settings."""
    start = PRESETS["number"].canvas.model_copy(update={"found_share": 0.0, **settings})
    for name, value in start.model_dump().items():
        if name != "found_share":
            kind = app.text_input if isinstance(value, str) else app.number_input
            kind(key=f"canvases.{name}").set_value(value)
    app.run()
    assert not app.exception
    return start


def test_every_setting_is_in_the_form_but_the_one_that_takes_minutes(app: AppTest) -> None:
    asked = {widget.key for widget in (*app.number_input, *app.text_input)} - {"canvases-seed"}
    assert asked == {f"canvases.{name}" for name in CanvasSettings.model_fields if name != "found_share"}
    assert "searching the scenes takes minutes" in words(app)


def test_the_canvases_are_those_of_the_settings_and_the_seed(app: AppTest, tiles: Tiles) -> None:
    for seed, changed in ((1, {}), (9, {"max_digits": 3, "empty_share": 0.5, "bend": 0.7})):
        app.number_input(key="canvases-seed").set_value(seed)
        settings = set_to(app, **changed)
        expected = generator.canvases(tiles, settings, 24, seed).texts
        assert captions(app) == [text or "no number" for text in expected]
    (other,) = (button for button in app.button if button.label == "Other canvases")
    other.click().run()
    assert app.number_input(key="canvases-seed").value == 10


def test_a_chosen_canvas_is_shown_with_its_text_and_effects(app: AppTest, tiles: Tiles) -> None:
    app.number_input(key="canvases-seed").set_value(1)
    settings = set_to(app)
    made = generator.canvases(tiles, settings, 24, 1)
    for index in (2, made.texts.index("")):
        app.session_state["canvases-chosen"] = index
        app.run()
        large = next(part.proto.body for part in app.get("html") if "font-size:2.4rem" in part.proto.body)
        assert large.count("<b ") == int(made.lengths[index]) and ("no number" in large) == (
            not made.lengths[index]
        )
        for name, strength in generator.met(made, index).items():
            assert f">{name}</td>" in words(app) and f"{strength:.2f}</td>" in words(app)
    assert len(app.image) == 2


def test_every_effect_is_named_and_explained(app: AppTest) -> None:
    set_to(app)
    for name in EFFECTS:
        assert f"<b>{name}</b> · {EFFECTS[name].phrase}" in words(app)


def test_what_comes_out_is_counted_and_timed(app: AppTest) -> None:
    set_to(app, max_digits=2, difficulty=0.0)
    figures = {metric.label: metric.value for metric in app.metric}
    assert float(figures["Canvases a second"].replace(",", "")) > 10
    assert float(figures["Without any digit"].rstrip("%")) == pytest.approx(10, abs=3)
    lengths, gaps, effects = (json.loads(chart.proto.spec)["data"] for chart in app.get("plotly_chart"))
    assert lengths[0]["x"] == ["nothing", "1", "2"]
    assert [part["name"] for part in gaps] == ["overlap or touch", "apart"]
    assert effects[0]["x"] == list(EFFECTS)
    assert "2,000 canvases, made for this at" in words(app) and "one thread" in words(app)


def test_settings_that_cannot_work_are_named_with_their_mend(app: AppTest) -> None:
    start = set_to(app)
    app.number_input(key="canvases.min_digits").set_value(9).run()
    assert not app.exception and "min_digits (9) is above max_digits (8)" in words(app)
    assert not app.get("bidi_component") and not app.metric
    app.number_input(key="canvases.min_digits").set_value(start.min_digits).run()
    assert app.metric


def test_a_preset_fills_the_form(app: AppTest) -> None:
    app.selectbox(key="canvases-preset").select("digit").run()
    assert not app.exception and app.number_input(key="canvases.width").value == 32
    assert max(len(text) for text in captions(app) if text != "no number") == 1
    app.selectbox(key="canvases-preset").select("number").run()
    assert app.number_input(key="canvases.max_digits").value == 8
