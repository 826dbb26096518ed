"""The Digits page: every view of it, with the bundled sample and with all of MNIST."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data.mnist import Digits, Mnist
from core.model.checkpoint import BUNDLED
from core.understanding.digits.labels import PUBLISHED
from pages.common import mnist, sitemap
from tests.conftest import ROOT


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """The page with the sample."""
    monkeypatch.setenv("NUMBERS_DATA", str(tmp_path))
    mnist.mnist.clear()
    page = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    yield page.switch_page(sitemap.DATA.file).run()
    mnist.mnist.clear()


def look_at(app: AppTest, view: str) -> AppTest:
    app.segmented_control(key="digits-view").select(view).run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    return "\n".join(str(part.value) for part in [*app.markdown, *app.caption, *app.header, *app.subheader])


def notes(app: AppTest, key: str) -> list[str]:
    """What the thumbnails of that grid say of themselves."""
    return list(grid(app, key)["notes"])


def grid(app: AppTest, key: str) -> dict[str, list[str]]:
    found: dict[str, list[str]]
    (found,) = (
        json.loads(part.proto.json) for part in app.get("bidi_component") if part.proto.id.endswith(f"-{key}")
    )
    return found


def test_digits_are_shown_by_split_label_and_place(app: AppTest, sample: Mnist) -> None:
    assert not app.exception
    assert notes(app, "digits-browse")[:2] == [
        f"{label}, place {place}" for place, label in enumerate(sample.test.labels[:2])
    ]
    app.pills(key="digits-labels").select(7).run()
    sevens = np.flatnonzero(sample.test.labels == 7)
    assert notes(app, "digits-browse") == [f"7, place {place}" for place in sevens]
    app.segmented_control(key="digits-split").select("train").run()
    app.number_input(key="digits-from").set_value(1000).run()
    shown = notes(app, "digits-browse")
    sevens = np.flatnonzero(sample.split("train").labels == 7)
    assert shown[0] == f"7, place {sevens[sevens >= 1000][0]}" and len(shown) == 150
    (on,) = (button for button in app.button if button.label == "On")
    on.click().run()
    assert notes(app, "digits-browse")[0] == f"7, place {sevens[sevens >= 1000][150]}"
    (back,) = (button for button in app.button if button.label == "Back")
    back.click().run()
    assert notes(app, "digits-browse") == shown


def test_a_chosen_digit_is_read_and_has_neighbours_in_both_spaces(app: AppTest, sample: Mnist) -> None:
    app.session_state["digits-chosen"] = "validation", 11
    app.run()
    label = sample.split("validation").labels[11]
    assert f"Validation digit 11, labelled {label}" in words(app)
    assert f"Read as **{label}**" in words(app)
    for space in ("pixels", "model"):
        near = notes(app, f"digits-near-{space}")
        assert len(near) == 12 and sum(note.startswith(f"{label},") for note in near) >= 6
    assert notes(app, "digits-near-pixels") != notes(app, "digits-near-model")


def test_the_page_says_what_is_known_of_writers(app: AppTest) -> None:
    said = words(app)
    assert (
        "No writer of a training digit wrote a test digit" in said
        and "may share writers with training" in said
    )
    assert "bundled sample of MNIST" in said and "they are not MNIST’s" in said


def test_classes_have_their_balance_mean_and_variance_and_lead_to_their_digits(app: AppTest) -> None:
    look_at(app, "Classes")
    bars = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert [bar["name"] for bar in bars] == ["Test (1,000)", "Validation (500)", "Training (4,000)"]
    assert [len(notes(app, f"digits-{what}")) for what in ("mean", "variance")] == [10, 10]


@pytest.mark.parametrize("space", ["pixels", "digit", "number"])
def test_every_test_digit_is_on_the_map_in_the_colour_of_its_label(space: str, app: AppTest) -> None:
    look_at(app, "Map")
    app.segmented_control(key="digits-space").select(space).run()
    assert not app.exception
    drawn = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert [trace["name"] for trace in drawn] == list("0123456789")
    assert (
        len({trace["marker"]["color"] for trace in drawn})
        == len({trace["marker"]["symbol"] for trace in drawn})
        == 10
    )
    assert "Draw around some points" in words(app)
    app.toggle(key="digits-rings").set_value(True).run()
    assert json.loads(app.get("plotly_chart")[0].proto.spec)["data"][-1]["name"] == "misread"


def test_with_the_sample_the_published_list_is_named_but_needs_all_of_mnist(app: AppTest) -> None:
    look_at(app, "Doubtful")
    assert "Northcutt" in words(app) and "the list needs all of MNIST" in words(app)
    assert len(app.metric) == 1 and float(app.metric[0].value.rstrip("%")) > 98
    assert len(notes(app, "digits-hard")) == 24
    app.slider(key="digits-sure").set_value(50).run()
    assert "at least 50% sure" in words(app)


def test_with_all_of_mnist_accuracy_is_told_on_corrected_labels_too(
    app: AppTest, sample: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times the sample, with the published labels at their places."""
    test = Digits(np.tile(sample.test.images, (10, 1, 1)), np.tile(sample.test.labels, 10))
    for error in PUBLISHED:
        test.labels[error.place] = error.given
    monkeypatch.setattr(
        mnist, "load_mnist", lambda: replace(sample, test=test, source="cache", checksum="tiled")
    )
    mnist.mnist.clear()
    look_at(app, "Doubtful")
    assert [metric.label.split(":")[0] for metric in app.metric] == [
        "Labels as given",
        "Corrected labels",
        "Places 0 to 4,999",
        "Places 5,000 to 9,999",
    ]
    assert app.metric[1].label.endswith("of 9,995") and app.metric[3].label.endswith("of 5,000")
    shown = grid(app, "digits-published")
    assert shown["notes"][0] == "8, place 947" and len(shown["notes"]) == 15
    assert shown["captions"][0].startswith("given 8, people: 9\nmodel: ")
    app.session_state["digits-chosen"] = "test", 947
    app.run()
    assert (
        "On the published list of label errors: given 8, proposed 9; of five people 0 chose 8, 5 chose 9"
        in words(app)
    )


@pytest.mark.parametrize("view", ["Browse", "Classes", "Map", "Doubtful"])
def test_every_view_works_with_a_checkpoint_of_ones_own_and_without_any(
    view: str, app: AppTest, tmp_path: Path
) -> None:
    own = tmp_path / "own.safetensors"
    own.write_bytes((BUNDLED / "digit.safetensors").read_bytes())
    app.session_state["reader-digit"] = own, "my run"
    look_at(app, view)
    (used,) = (
        part.proto.body for part in app.get("html") if "Reading with the checkpoint" in part.proto.body
    )
    assert "my run" in used
    own.unlink()
    app.run()
    assert not app.exception and "There is no model to read with" in words(app)
