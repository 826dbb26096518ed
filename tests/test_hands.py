"""Hands keep their promises: nobody is in two splits, a number is in one manner, and nothing of this is needed to train."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from core.config import CanvasSettings
from core.data.canvases.canvas import Canvases, make_canvases
from core.data.canvases.tiles import Tiles, make_tiles
from core.data.hands import stock
from core.data.hands.faces import load_faces
from core.data.hands.folder import FILES, hands_folder, missing, of_split
from core.data.hands.stock import Hands, load_hands
from core.data.hands.strokes import Manner, Strokes, tile
from core.data.mnist import Mnist, Split

WRITERS = 20
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
HANDS = CanvasSettings(hands_share=1.0, empty_share=0.0, difficulty=0.0, variation=0.0)


def write_strokes(path: Path, labels: list[str], writers: list[int]) -> None:
    """A file in which each character is a bar whose height is ten times its writer's number."""
    points = np.concatenate([[[0, 0], [40, 10 * writer], [80, 100]] for writer in writers])
    np.savez(
        path,
        points=points.astype(np.int16),
        stroke_starts=np.arange(0, len(points) + 1, 3, dtype=np.int32),
        char_strokes=np.arange(len(labels) + 1, dtype=np.int32),
        labels=np.array(labels),
        writer=np.array(writers, np.int16),
    )


@pytest.fixture(scope="module", autouse=True)
def few_rows() -> Iterator[None]:
    """Thousands of rows take their time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stock, "_ROWS", 60)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of hands in small: 20 writers, each with the ten digits, and some of everything else."""
    here = tmp_path_factory.mktemp("hands")
    everyone = np.repeat(np.arange(WRITERS), 10).tolist()
    for name in ("pendigits", "unipen_digits"):
        write_strokes(here / f"{name}_strokes.npz", [*"0123456789"] * WRITERS, everyone)
    write_strokes(here / "unipen_letters_symbols_strokes.npz", [*"EXO&AK-=em"] * WRITERS, everyone)
    numbers = ["29", "1045", "12/5", "3.75", "123456789"]
    write_strokes(
        here / "unipen_number_strings_strokes.npz",
        numbers * WRITERS,
        np.repeat(np.arange(WRITERS), 5).tolist(),
    )
    write_strokes(here / "unipen_words_strokes.npz", ["word"] * WRITERS, list(range(WRITERS)))
    alphabets = np.zeros((40, 48, 48), np.uint8)
    for kind in range(4):
        alphabets[kind::4, 10:40, 20 : 24 + 5 * kind] = 255
    names = ["Balinese/character40", "Sanskrit/character40", "Korean/character41", "Latin/character01"]
    np.savez(here / "omniglot_negatives.npz", images=alphabets, labels=np.array(names * 10))
    cells = np.zeros((40, 48, 48), np.uint8)
    cells[:20, 10:40, 20:26] = 200
    texts = np.array(["1"] * 20 + ["blank"] * 10 + ["candidates"] * 10)
    np.savez(here / "sudoku_cells_kubiesa.npz", images=cells, labels=texts)
    digits, photos = np.array([1] * 20 + [0] * 20, np.uint8), np.tile(np.arange(10), 4)
    np.savez(here / "sudoku_cells_printed_wicht.npz", images=cells, labels=digits, photo=photos)
    assert not missing(here)
    return here


@pytest.fixture(scope="module")
def hands(folder: Path) -> Hands:
    return load_hands(folder, "train")


@pytest.fixture(scope="module")
def with_hands(hands: Hands, sample: Mnist) -> Tiles:
    return make_tiles(sample.split("train"), hands)


def test_of_each_ten_writers_one_is_kept_for_tests_and_one_validates_and_no_one_is_in_two_splits() -> None:
    everyone = np.arange(100)
    members = {split: set(everyone[of_split(everyone, split)].tolist()) for split in SPLITS}
    assert {split: len(some) for split, some in members.items()} == {
        "train": 80,
        "validation": 10,
        "test": 10,
    }
    assert sum(map(len, members.values())) == len(set.union(*members.values()))
    assert {number % 10 for number in members["test"]} == {0}


def test_the_digits_of_a_split_are_those_of_its_writers_and_no_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[Split, set[int]] = {split: set() for split in SPLITS}
    for split in SPLITS:
        # The second point of every stroke tells who wrote it.
        def note(strokes: list[np.ndarray], *rest: object, split: Split = split) -> np.ndarray:
            seen[split].add(int(strokes[0][1, 1]) // 10)
            return np.full((stock.SIDE, stock.SIDE), 255, np.uint8)

        monkeypatch.setattr(stock, "tile", note)
        monkeypatch.setattr(stock, "line", lambda *rest: np.full((32, 160), 255, np.uint8))
        load_hands.__wrapped__(folder, split)  # not the stock that other tests share
    assert seen["test"] == {0, 10} and seen["validation"] == {1, 11}
    assert seen["train"] == set(range(WRITERS)) - seen["test"] - seen["validation"]


def test_no_face_is_in_two_splits(folder: Path) -> None:
    faces = [load_hands(folder, split).faces for split in SPLITS]
    pictures = [{image.tobytes() for image in some.images} for some in faces]
    counts = [len(some.images) // 10 for some in faces]
    assert counts == [184, 23, 23] and sum(counts) == len(load_faces().names)
    assert not pictures[0] & pictures[2] and not pictures[1] & pictures[2]


def test_a_number_is_written_in_one_hand(with_hands: Tiles) -> None:
    assert with_hands.hands is not None
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(10, (400, 5), generator=generator)
    is_face = torch.arange(400) % 2 == 0
    chosen = with_hands.hands.draw(labels, is_face, generator)
    assert torch.equal(with_hands.labels[chosen], labels)
    table = with_hands.hands
    last = (table.firsts + table.counts).amax(1)
    hand = torch.searchsorted(last, chosen.contiguous(), right=True)
    assert (hand == hand[:, :1]).all()
    assert ((hand[:, 0] >= table.pens) == is_face).all()
    assert table.pens == 2 * 2 * 16  # two files, two pens, 16 writers
    assert len(hand[~is_face, 0].unique()) > 0.9 * table.pens


def test_a_digit_that_a_hand_lacks_becomes_another_and_its_label_says_so(
    folder: Path, tmp_path: Path, sample: Mnist
) -> None:
    for name in FILES:
        (tmp_path / name).symlink_to(folder / name)
    (tmp_path / "pendigits_strokes.npz").unlink()
    write_strokes(
        tmp_path / "pendigits_strokes.npz", [*"0123456"] * WRITERS, np.repeat(np.arange(WRITERS), 7).tolist()
    )
    tiles = make_tiles(sample.split("train"), load_hands(tmp_path, "train"))
    assert tiles.hands is not None
    generator = torch.Generator().manual_seed(1)
    chosen = tiles.hands.draw(torch.full((300, 2), 9), torch.zeros(300, dtype=torch.bool), generator)
    assert set(tiles.labels[chosen].flatten().tolist()) == {2, 9}  # those who write no 9 write a 2


def test_the_same_seed_gives_the_same_canvases_in_hands(with_hands: Tiles) -> None:
    everything = CanvasSettings(
        hands_share=0.3, faces_share=0.2, whole_share=0.2, rows_share=0.2, walled_share=0.5, empty_share=0.3
    )
    first, again, other = (make_canvases(with_hands, everything, 40, seed) for seed in (5, 5, 6))
    for name in Canvases.__dataclass_fields__:
        if name != "vocabulary":
            assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.pictures, other.pictures)
    assert first.pictures.shape == (40, 1, 32, 160) and first.pictures.isfinite().all()
    assert first.labels.shape == (40, 5) and (first.lengths <= 5).all()


def test_whole_numbers_and_rows_say_what_is_written_and_not_where_each_digit_is(with_hands: Tiles) -> None:
    whole = make_canvases(
        with_hands, HANDS.model_copy(update={"hands_share": 0.0, "whole_share": 1.0}), 60, 1
    )
    texts = {
        "".join(map(str, row[:length]))
        for row, length in zip(whole.labels.tolist(), whole.lengths.tolist(), strict=True)
    }
    assert texts == {
        "29",
        "1045",
        "375",
    }  # a point is passed over; a stroke across, and more digits than fit, are not
    rows = make_canvases(with_hands, HANDS.model_copy(update={"hands_share": 0.0, "rows_share": 1.0}), 60, 1)
    assert set(rows.labels[rows.lengths > 0][:, 0].tolist()) == {1} and (rows.lengths == 0).any()
    assert not whole.boxes.any() and not rows.boxes.any()


def test_canvases_without_a_share_of_hands_are_those_of_mnist(with_hands: Tiles, tiles: Tiles) -> None:
    plain = HANDS.of_mnist_alone()
    assert torch.equal(
        make_canvases(with_hands, plain, 20, 1).pictures, make_canvases(tiles, plain, 20, 1).pictures
    )


def test_letters_that_are_kept_for_tests_are_never_learned(folder: Path) -> None:
    assert not set(stock.LETTERS) & set(stock.HELD_OUT_LETTERS)
    assert len(load_hands(folder, "train").letters) and len(load_hands(folder, "test").letters)
    learned = {image.tobytes() for image in load_hands(folder, "train").letters}
    assert not learned & {image.tobytes() for image in load_hands(folder, "test").letters}


def test_without_the_folder_the_faces_are_left_and_hands_are_not_asked_for(
    tmp_path: Path, sample: Mnist
) -> None:
    assert missing(tmp_path) == list(FILES)
    tiles = make_tiles(sample.split("train"), load_hands(tmp_path, "train"))
    everything = HANDS.model_copy(
        update={"faces_share": 0.2, "whole_share": 0.5, "rows_share": 0.5, "hands_share": 0.5}
    )
    made = make_canvases(tiles, everything, 50, 1)
    assert (made.lengths > 0).all() and made.boxes[..., 2].any(1).all()  # neither whole numbers nor rows


def test_the_folder_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBERS_HANDS", str(tmp_path))
    assert hands_folder() == tmp_path


def test_walls_leave_the_digits_where_they_are(tiles: Tiles) -> None:
    bare = CanvasSettings(empty_share=0.0, difficulty=0.0, walled_share=1e-9)
    open_, walled = (
        make_canvases(tiles, bare.model_copy(update={"walled_share": share}), 100, 3) for share in (1e-9, 1.0)
    )
    assert torch.equal(open_.labels, walled.labels)
    ink = (1 - walled.pictures).mean((1, 2, 3)) - (1 - open_.pictures).mean((1, 2, 3))
    assert ink.mean() > 0.02
    assert (walled.boxes[..., 2] <= 160).all() and (walled.boxes[..., 2] > walled.boxes[..., 0]).any(1).all()


def test_a_pen_draws_the_same_strokes_thick_or_thin_and_leaning(folder: Path) -> None:
    strokes = Strokes.load(folder / "pendigits_strokes.npz")
    assert len(strokes) == 10 * WRITERS and len(strokes[0]) == 1
    random = np.random.default_rng(0)
    thin, thick = (tile(strokes[95], Manner(width, 0.0, 1.0, 0.0), 28, 20, random) for width in (0.05, 0.15))
    assert thin.shape == (28, 28) and thick.sum() > 1.8 * thin.sum()
    leaning = Manner(0.1, 0.5, 1.0, 0.0).written([np.array([[0, 0], [0, 100]])])
    assert leaning[0][0, 0] - leaning[0][1, 0] == pytest.approx(50)


def test_every_face_has_the_ten_digits_and_a_licence() -> None:
    faces = load_faces()
    assert all(faces.character(digit).any((1, 2)).all() for digit in "0123456789")
    listed = (Path(stock.__file__).with_name("faces.txt")).read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in listed]
    assert [row[0] for row in rows] == faces.names
    assert {row[1] for row in rows} <= {"OFL-1.1", "UFL-1.0", "Apache-2.0", "MIT"}
    assert [row[3] == "handwriting" for row in rows] == faces.is_handwriting
