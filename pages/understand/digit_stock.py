"""What the Digits page needs of MNIST and the models, worked out once for all visitors."""

from __future__ import annotations

from time import perf_counter
from typing import Final

import numpy as np
import streamlit as st

from core.data.mnist import Digits, Split
from core.reading import Reader
from core.understanding.digits import embedding
from core.understanding.digits.classes import ClassImages, class_images
from pages.common import mnist

_TOGETHER: Final = 500  # digits that are embedded between two steps of the bar


# What is cached here is shared by all visitors: nobody changes it.
@st.cache_resource(show_spinner="Counting …", max_entries=6)
def classes(checksum: str, split: Split) -> ClassImages:
    """Counts, means and variances of a split's classes."""
    return class_images(mnist.mnist().split(split))


@st.cache_resource(show_spinner=False, max_entries=2)
def test_pixels(checksum: str) -> np.ndarray:
    """(n, 784): the test digits' pixels as vectors."""
    return embedding.pixels(mnist.mnist().test)


@st.cache_resource(show_spinner=False, max_entries=400)
def _part_of_vectors(weights: str, checksum: str, split: Split, first: int, _reader: Reader) -> np.ndarray:
    some = part(mnist.mnist().split(split), slice(first, first + _TOGETHER))
    return np.concatenate(list(embedding.embedded(_reader.model, some, _reader.settings.canvas)))


def part(some: Digits, which: slice | np.ndarray) -> Digits:
    """Some of the digits."""
    return Digits(some.images[which], some.labels[which])


def vectors(reader: Reader, split: Split) -> np.ndarray:
    """What the model makes of all digits of a split; the first time with a bar."""
    weights, count = embedding.fingerprint(reader.model), len(mnist.mnist().split(split))
    started, bar, parts = perf_counter(), st.empty(), []
    for first in range(0, count, _TOGETHER):
        parts.append(_part_of_vectors(weights, mnist.mnist().checksum, split, first, reader))
        if perf_counter() - started > 0.3:
            bar.progress(
                (first + len(parts[-1])) / count,
                f"The model looks at {count:,} digits, once: {first + len(parts[-1]):,} …",
            )
    bar.empty()
    return np.concatenate(parts)


@st.cache_resource(show_spinner=False, max_entries=12)
def drawn_map(what: str, checksum: str, method: str, _vectors: np.ndarray) -> embedding.DigitMap:
    """The map of these vectors; `what` tells them from others."""
    return embedding.umap_map(_vectors) if method == "UMAP" else embedding.pca_map(_vectors)
