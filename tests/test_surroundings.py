"""What lies around numbers: every piece shows something, some kinds are kept for tests."""

import numpy as np

from core.data.canvases.surroundings import pieces


def test_every_piece_shows_something() -> None:
    for unseen in (False, True):
        shown = pieces(unseen=unseen)
        assert shown.shape[1:] == (32, 160) and shown.dtype == np.uint8
        assert (shown.std(axis=(1, 2)) > 3).all()


def test_the_pieces_kept_for_tests_are_others_than_those_learned() -> None:
    learned = {piece.tobytes() for piece in pieces()}
    assert len(learned) > 0.99 * len(pieces())
    assert not any(piece.tobytes() in learned for piece in pieces(unseen=True))
