"""The maps show where the model looked: on the digit, and differently by method, layer and head."""

from itertools import combinations

import numpy as np
import pytest

from core.reading import Reader, Reading
from core.reading.explain import METHODS, attention_maps, layer_count, patch_weights
from core.reading.reading import on_picture
from tests.drawings import draw

DRAWINGS = [
    draw(text, which=which, size=(110, 420), at=(20, 20))
    for text in ("407", "12", "3596")
    for which in (1, 2)
]


@pytest.fixture(scope="module", params=["number", "digit"])
def read(
    request: pytest.FixtureRequest, number_reader: Reader, digit_reader: Reader
) -> tuple[Reader, Reading]:
    """Each model and what it read."""
    if request.param == "number":
        return number_reader, number_reader.read(DRAWINGS[0].gray)
    return digit_reader, digit_reader.read(draw("8", size=(110, 420)).gray)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_for_each_digit_covers_the_picture_from_0_to_1(
    method: str, read: tuple[Reader, Reading]
) -> None:
    maps = attention_maps(*read, method)
    assert maps.shape == (len(read[1].digits), 110, 420) and maps.dtype == np.float32
    assert maps.min() >= 0 and np.allclose(maps.max(axis=(1, 2)), 1)


@pytest.mark.parametrize(("method", "share"), [("raw", 0.9), ("rollout", 0.75), ("gradient", 0.75)])
def test_the_model_looks_at_the_digit_that_it_names(method: str, share: float, number_reader: Reader) -> None:
    hits = []
    for drawing in DRAWINGS:
        reading = number_reader.read(drawing.gray)
        assert reading.text == drawing.text
        for found, (left, top, right, bottom) in zip(
            attention_maps(number_reader, reading, method), drawing.boxes, strict=True
        ):
            y, x = np.unravel_index(found.argmax(), found.shape)
            hits.append(left - 5 <= x <= right + 5 and top - 5 <= y <= bottom + 5)
    assert np.mean(hits) >= share


def test_the_methods_differ(read: tuple[Reader, Reading]) -> None:
    maps = [attention_maps(*read, method) for method in METHODS]
    assert all(np.abs(one - other).max() > 0.05 for one, other in combinations(maps, 2))


@pytest.mark.parametrize("method", METHODS)
def test_every_layer_and_head_can_be_chosen_and_differs(method: str, read: tuple[Reader, Reading]) -> None:
    layers, heads = layer_count(read[0], method), read[0].settings.model.heads
    by_layer = [patch_weights(*read, method, layer=layer) for layer in range(layers)]
    by_head = [patch_weights(*read, method, head=head) for head in (None, *range(heads))]
    for maps in (by_layer, by_head):
        assert not any(np.array_equal(one, other) for one, other in combinations(maps, 2))
    assert np.array_equal(
        by_layer[-1], by_head[0]
    )  # the last layer and all heads are what is shown if nothing is told


def test_raw_weights_are_the_attention_of_that_layer_and_head(read: tuple[Reader, Reading]) -> None:
    attention = read[1].attention
    assert attention is not None
    weights = patch_weights(*read, layer=0, head=1)
    assert np.array_equal(weights.reshape(len(weights), -1), attention.cross[0, 1])


@pytest.mark.parametrize("method", METHODS)
def test_a_layer_or_head_that_does_not_exist_is_refused(method: str, read: tuple[Reader, Reading]) -> None:
    layers, heads = layer_count(read[0], method), read[0].settings.model.heads
    with pytest.raises(
        ValueError, match=rf"layer \({layers}\) does not exist; choose one from 0 to {layers - 1}"
    ):
        patch_weights(*read, method, layer=layers)
    with pytest.raises(ValueError, match=rf"head \(-1\) does not exist; choose one from 0 to {heads - 1}"):
        patch_weights(*read, method, head=-1)


def test_a_reading_without_attention_is_refused(number_reader: Reader) -> None:
    reading = number_reader.read(DRAWINGS[0].gray, with_attention=False)
    with pytest.raises(ValueError, match="with_attention=True"):
        attention_maps(number_reader, reading)


def test_where_nothing_is_read_there_is_no_map(number_reader: Reader) -> None:
    reading = number_reader.read(np.full((50, 90), 255, np.uint8))
    assert attention_maps(number_reader, reading).shape == (0, 50, 90)


def test_explaining_leaves_no_trace_in_the_model(read: tuple[Reader, Reading]) -> None:
    reader, reading = read
    before = {name: tensor.clone() for name, tensor in reader.model.state_dict().items()}
    strip = reading.strip.copy()
    attention_maps(reader, reading, "gradient")
    assert all(parameter.grad is None for parameter in reader.model.parameters())
    assert all((tensor == before[name]).all() for name, tensor in reader.model.state_dict().items())
    assert not reader.model.training and np.array_equal(strip, reading.strip)


def test_a_patch_lights_up_the_place_that_it_shows(number_reader: Reader) -> None:
    reading = number_reader.read(DRAWINGS[0].gray)
    assert reading.attention is not None
    rows, columns = reading.attention.grid
    weights = np.zeros((1, rows, columns), np.float32)
    weights[0, rows // 2, columns // 2] = 1
    found = on_picture(weights, reading)[0]
    y, x = (np.average(axis, weights=found) for axis in np.indices(found.shape))
    place, (height, width) = reading.placement, reading.strip.shape
    middle = (columns // 2 + 0.5) * width / columns, (rows // 2 + 0.5) * height / rows
    assert np.abs(place.to_picture() @ (*middle, 1.0) - (x + 0.5, y + 0.5)).max() < 0.2 * place.scale


def test_a_reading_carries_the_default_maps_itself(read: tuple[Reader, Reading]) -> None:
    assert np.array_equal(read[1].attention_maps, attention_maps(*read))


def test_a_reading_without_attention_carries_no_map(number_reader: Reader) -> None:
    reading = number_reader.read(DRAWINGS[0].gray, with_attention=False)
    assert reading.attention_maps.shape == (0, 110, 420)
