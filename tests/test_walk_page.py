"""The walk page without a browser: full at first paint, nine stages with the tensors of one's own drawing, for either model."""

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.reading import Reader
from core.understanding.walkthrough import source, walk
from pages.common import pad, readers, sitemap
from pages.learn.walk_stages import stages
from tests.conftest import ROOT
from tests.drawings import draw

INK = draw("407", size=(pad.HEIGHT, pad.WIDTH), height=120, at=(140, 70)).gray
FOUR = draw("4", size=(pad.HEIGHT, pad.WIDTH), height=120, at=(260, 70)).gray
PAPERS = {"2010.11929", "2106.14881", "1706.03762", "1512.03385", "1607.06450", "2002.04745", "1706.04599"}
OpenWalk = Callable[[np.ndarray | None], AppTest]


@pytest.fixture
def open_walk(monkeypatch: pytest.MonkeyPatch) -> OpenWalk:
    """open_walk(ink): the page with that on its pad, which AppTest cannot draw on."""

    def opened(ink: np.ndarray | None) -> AppTest:
        monkeypatch.setattr(pad, "drawing_pad", lambda: ink)
        return well(AppTest.from_file(str(ROOT / sitemap.WALK.file), default_timeout=60).run())

    return opened


def well(app: AppTest) -> AppTest:
    assert not app.exception, app.exception[0].message
    return app


def words(app: AppTest) -> str:
    html = [block.proto.body for block in app.get("html") if not block.proto.body.startswith("<style>")]
    return "\n".join([*(part.value for part in app.markdown), *(part.value for part in app.caption), *html])


def charts(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def at(app: AppTest, stage: int) -> AppTest:
    """Straight to a stage, counted from 1."""
    return well(app.segmented_control(key="walk-stage").select(stage - 1).run())


def test_before_anything_is_drawn_an_example_goes_through(open_walk: OpenWalk) -> None:
    app = open_walk(None)
    assert "An example, until you draw" in words(app) and "read as " in words(app)
    assert app.subheader[0].value == "1  Pixels" and len(charts(app)) == 1
    before = words(app)
    well(app.button(key="walk-another").click().run())
    assert words(app) != before


def test_next_and_back_lead_through_all_stages_one_at_a_time(
    open_walk: OpenWalk, number_reader: Reader
) -> None:
    app = open_walk(INK)
    names = [stage.name for stage in stages(number_reader)]
    assert app.button(key="walk-back-button").disabled
    for number, name in enumerate(names, start=1):
        assert [title.value for title in app.subheader] == [f"{number}  {name}"]
        assert f"Step {number} of {len(names)}" in words(app)
        assert source(number_reader, stages(number_reader)[number - 1].code).code == app.code[0].value
        if number < len(names):
            well(app.button(key="walk-next-button").click().run())
    assert app.button(key="walk-next-button").disabled
    well(app.button(key="walk-back-button").click().run())
    assert app.subheader[0].value == f"{len(names) - 1}  {names[-2]}"


@pytest.mark.parametrize(("kind", "ink"), [("number", INK), ("digit", FOUR)])
def test_below_each_other_all_stages_show_shapes_papers_and_our_lines(
    kind: readers.Kind, ink: np.ndarray, open_walk: OpenWalk, request: pytest.FixtureRequest
) -> None:
    app = open_walk(ink)
    reader: Reader = request.getfixturevalue(f"{kind}_reader")
    well(app.segmented_control(key="walk-kind").select(kind).run())
    well(app.toggle(key="walk-all").set_value(True).run())
    assert [title.value for title in app.subheader] == [
        f"{number}  {stage.name}" for number, stage in enumerate(stages(reader), start=1)
    ]
    said = words(app)
    way = walk(reader, reader.read(ink))
    for tensor in (
        way.strip,
        way.patches,
        way.embedded,
        way.entering,
        way.layers[0].attention.weights,
        way.memory,
    ):
        assert f"`({', '.join(map(str, tensor.shape))})`" in said
    assert all(f"arxiv.org/abs/{paper}" in said for paper in PAPERS)
    assert [block.value for block in app.code] == [
        source(reader, stage.code).code for stage in stages(reader)
    ]


def test_the_heat_maps_are_the_tensors_of_this_drawing(open_walk: OpenWalk, number_reader: Reader) -> None:
    way = walk(number_reader, number_reader.read(INK))
    app = open_walk(INK)
    well(app.segmented_control(key="walk-layer").select(3).run())
    well(app.segmented_control(key="walk-head").select(2).run())
    well(app.slider(key="walk-patch").set_value(45).run())
    scores, weights, row = charts(at(app, 6))
    attention = way.layers[2].attention
    assert decoded(scores) == pytest.approx(attention.scores[0, 1].numpy(), abs=1e-5)
    assert decoded(weights) == pytest.approx(attention.weights[0, 1].numpy(), abs=1e-6)
    assert decoded(row, 1).ravel() == pytest.approx(attention.weights[0, 1, 45].numpy(), abs=1e-6)
    assert "patch 45" in words(app) and "head 2 of layer 3" in words(app)


def decoded(chart: dict[str, Any], trace: int = 0) -> np.ndarray:
    """The z of a heat map, as Plotly packs it."""
    z = chart["data"][trace]["z"]
    if isinstance(z, list):
        return np.array(z, float)
    flat = np.frombuffer(base64.b64decode(z["bdata"]), z["dtype"])
    return flat.reshape([int(side) for side in z["shape"].split(",")])


def test_the_decoder_is_scrubbed_step_by_step(open_walk: OpenWalk) -> None:
    app = at(open_walk(INK), 8)
    assert "so far: <i>nothing</i>" in words(app)
    for step, (written, following) in enumerate((("4", "0"), ("40", "7"), ("407", "end")), start=2):
        well(app.slider(key="walk-step").set_value(step).run())
        line = next(block.proto.body for block in app.get("html") if "walk-line" in block.proto.body)
        so_far, _, coming = line.partition("→")
        assert [piece[0] for piece in so_far.split('">')[2:]] == list(written)
        assert f">{following} " in coming and "%" in coming
        _, classes, back = charts(app)
        assert len(classes["data"][0]["x"]) == 11 and len(back["data"][0]["x"]) == step
    well(app.run())
    assert app.slider(key="walk-step").value == 4


def test_a_shorter_number_takes_the_scrubber_back(
    open_walk: OpenWalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = at(open_walk(INK), 8)
    well(app.slider(key="walk-step").set_value(4).run())
    monkeypatch.setattr(pad, "drawing_pad", lambda: FOUR)
    well(app.run())
    assert app.slider(key="walk-step").value == 1 and app.slider(key="walk-step").max == 2


def test_the_product_of_the_steps_is_the_probability_of_the_reading(
    open_walk: OpenWalk, number_reader: Reader
) -> None:
    reading = number_reader.read(INK)
    assert f"= **{reading.probability:.4f}**" in words(at(open_walk(INK), 9))


def test_the_patch_that_is_followed_goes_along_with_the_drawing_until_one_is_chosen(
    open_walk: OpenWalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_walk(INK)
    first = app.slider(key="walk-patch").value
    monkeypatch.setattr(pad, "drawing_pad", lambda: FOUR)
    well(app.run())
    assert app.slider(key="walk-patch").value != first
    well(app.slider(key="walk-patch").set_value(3).run())
    monkeypatch.setattr(pad, "drawing_pad", lambda: INK)
    well(app.run())
    assert app.slider(key="walk-patch").value == 3


def test_ink_that_is_no_number_can_be_walked_too(open_walk: OpenWalk) -> None:
    blots = np.full((pad.HEIGHT, pad.WIDTH), 255, np.uint8)
    blots[120:135, 60:580] = 0
    app = at(open_walk(blots), 8)
    assert ">end " in words(app) and not [one for one in app.slider if one.key == "walk-step"]
    assert "no number" in words(at(app, 9))


def test_blank_paper_says_what_to_do(open_walk: OpenWalk) -> None:
    app = open_walk(np.full((pad.HEIGHT, pad.WIDTH), 255, np.uint8))
    assert "There is no ink" in words(app) and not app.subheader
