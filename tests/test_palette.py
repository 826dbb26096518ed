"""The position colours: legible on both grounds, apart for every kind of colour sight, and one list for the whole app."""

import tomllib
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.reading.palette import CLASS_COLOURS, POSITION_COLOURS, position_colour, position_rgb

# Full dichromacy in linear RGB, after Machado, Oliveira and Fernandes (2009).
SIGHTS = {
    "normal": np.eye(3),
    "protan": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deutan": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritan": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}


def linear(position: int) -> NDArray[np.float64]:
    return linear_of(position_colour(position))


def linear_of(colour: str) -> NDArray[np.float64]:
    rgb = np.array(list(bytes.fromhex(colour[1:]))) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    cones = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]) @ rgb
    lab = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])
    return lab @ np.cbrt(np.clip(cones, 0, None))


@pytest.mark.parametrize("position", range(8))
def test_every_colour_is_legible_on_white_and_on_near_black(position: int) -> None:
    luminance = linear(position) @ [0.2126, 0.7152, 0.0722]
    near_black = 0.0085
    assert 1.05 / (luminance + 0.05) >= 3
    assert (luminance + 0.05) / (near_black + 0.05) >= 3


@pytest.mark.parametrize("sight", SIGHTS)
def test_neighbouring_positions_stay_apart_for_every_kind_of_colour_sight(sight: str) -> None:
    seen = [oklab(np.clip(SIGHTS[sight] @ linear(position), 0, 1)) for position in range(9)]
    nearest = min(float(np.linalg.norm(one - other)) for one, other in pairwise(seen))
    assert nearest > 0.13


def test_the_colours_start_again_after_the_last_position() -> None:
    assert len(set(POSITION_COLOURS)) == 8
    assert [position_colour(position) for position in range(8, 16)] == list(POSITION_COLOURS)


def test_rgb_is_the_same_colour_as_hex() -> None:
    for position in range(8):
        assert "#{:02x}{:02x}{:02x}".format(*position_rgb(position)) == position_colour(position)


def test_charts_use_the_position_colours_too(root: Path) -> None:
    theme = tomllib.loads((root / ".streamlit/config.toml").read_text())["theme"]
    assert theme["chartCategoricalColors"] == list(POSITION_COLOURS)


@pytest.mark.parametrize(
    ("sight", "apart"), [("normal", 0.16), ("protan", 0.08), ("deutan", 0.08), ("tritan", 0.08)]
)
def test_the_ten_colours_of_classes_stay_apart_from_each_other(sight: str, apart: float) -> None:
    seen = [oklab(np.clip(SIGHTS[sight] @ linear_of(colour), 0, 1)) for colour in CLASS_COLOURS]
    assert len(seen) == 10
    assert min(float(np.linalg.norm(one - other)) for one, other in combinations(seen, 2)) > apart


def test_no_class_has_the_colour_of_a_position_and_each_is_seen_on_either_ground() -> None:
    for colour in CLASS_COLOURS:
        seen = linear_of(colour)
        for position in range(8):
            assert np.linalg.norm(oklab(seen) - oklab(linear(position))) > 0.05
        luminance = seen @ [0.2126, 0.7152, 0.0722]
        assert 1.05 / (luminance + 0.05) > 2.1 and (luminance + 0.05) / 0.0585 > 2.1
