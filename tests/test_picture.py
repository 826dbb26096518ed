"""Every kind of picture is read as the plain one is, or refused in words that name the mend."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from core.reading.files.picture import LARGEST_AREA, LARGEST_SIDE, PictureError, as_gray, as_rgb, open_picture
from tests.drawings import draw

INK = 255 - draw(size=(60, 150), height=40, at=(20, 10)).gray  # 0 where nothing is drawn
PLAIN = 255 - INK


def saved(image: Image.Image, suffix: str, folder: Path, **options: Any) -> Image.Image:
    path = folder / f"picture.{suffix}"
    image.save(path, **options)
    return open_picture(path)


def rgba(colour: int, alpha: np.ndarray) -> Image.Image:
    layers = [np.full_like(alpha, colour)] * 3
    return Image.fromarray(np.stack([*layers, alpha], axis=2))


def turned(image: Image.Image, folder: Path) -> Image.Image:
    """As a phone saves it: lying on its side, with a note to turn it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(image.transpose(Image.Transpose.ROTATE_90), "png", folder, exif=exif)


SAME_AS_PLAIN: dict[str, Callable[[Image.Image, Path], Any]] = {
    "PIL gray": lambda image, folder: image,
    "array HW": lambda image, folder: PLAIN,
    "array HW1": lambda image, folder: PLAIN[..., None],
    "array HW3": lambda image, folder: np.stack([PLAIN] * 3, axis=2),
    "array HW4": lambda image, folder: np.asarray(rgba(0, INK)),
    "array of 16 bits": lambda image, folder: PLAIN.astype(np.uint16) * 257,
    "array of 16 bits, other byte order": lambda image, folder: (PLAIN.astype(np.uint16) * 257).astype(">u2"),
    "16-bit PNG": lambda image, folder: saved(Image.fromarray(PLAIN.astype(np.uint16) * 257), "png", folder),
    "12 bits in 16": lambda image, folder: saved(
        Image.fromarray(PLAIN.astype(np.uint16) * 16), "png", folder
    ),
    "float TIFF": lambda image, folder: saved(
        Image.fromarray(PLAIN.astype(np.float32) / 255), "tiff", folder
    ),
    "CMYK JPEG": lambda image, folder: saved(image.convert("CMYK"), "jpg", folder, quality=95),
    "palette": lambda image, folder: saved(image.convert("P"), "png", folder),
    "animated GIF": lambda image, folder: saved(
        image, "gif", folder, save_all=True, append_images=[Image.new("L", image.size, 255)]
    ),
    "EXIF-turned": turned,
    "black ink on nothing": lambda image, folder: saved(rgba(0, INK), "png", folder),
    "transparent corners": lambda image, folder: saved(
        Image.merge("LA", (image, Image.fromarray(corners()))), "png", folder
    ),
    "gray and transparency": lambda image, folder: saved(rgba(0, INK).convert("LA"), "png", folder),
}


def corners() -> np.ndarray:
    """Opaque but for the corners, as a window's screenshot is."""
    alpha = np.full(PLAIN.shape, 255, np.uint8)
    alpha[:4, :4] = alpha[-4:, -4:] = 0
    return alpha


@pytest.mark.parametrize("kind", SAME_AS_PLAIN)
def test_every_kind_of_picture_shows_the_same_as_the_plain_one(kind: str, tmp_path: Path) -> None:
    rgb = as_rgb(SAME_AS_PLAIN[kind](Image.fromarray(PLAIN), tmp_path))
    assert rgb.shape == (*PLAIN.shape, 3) and rgb.dtype == np.uint8
    assert np.abs(as_gray(rgb).astype(int) - PLAIN).mean() < 2


def test_white_ink_on_nothing_lies_on_black(tmp_path: Path) -> None:
    rgb = as_rgb(saved(rgba(255, INK), "png", tmp_path))
    assert np.abs(as_gray(rgb).astype(int) - INK).max() <= 1


def test_what_is_all_transparent_is_blank() -> None:
    assert as_gray(as_rgb(rgba(0, np.zeros_like(INK)))).std() == 0


def test_a_mask_is_a_picture() -> None:
    assert np.array_equal(as_gray(as_rgb(INK > 127)), np.where(INK > 127, 255, 0))


def test_a_blank_sheet_of_16_bits_is_not_stretched_until_its_noise_shows() -> None:
    noise = np.random.default_rng(0).integers(30_000, 30_600, (40, 40), dtype=np.uint16)
    assert np.ptp(as_gray(as_rgb(noise))) < 5


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_channels_are_red_green_blue(order: str) -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., order.index("R")] = 255
    assert (as_gray(as_rgb(red))[0, 0] == 76) == (order == "RGB")


@pytest.mark.parametrize(
    ("nonsense", "message"),
    [
        (None, r"NoneType.*uint8 array.*PIL image"),
        ("picture.png", r"a str as a picture.*Image\.open"),
        ([[0, 1]], r"list.*uint8 array"),
        (np.zeros((0, 5), np.uint8), r"empty \(5 x 0 pixels\); pass one that shows something"),
        (Image.new("L", (0, 0)), "empty"),
        (np.zeros((1, 1), np.uint8), r"only 1 x 1 pixels.*larger"),
        (Image.new("RGB", (1, 1)), r"only 1 x 1 pixels.*larger"),
        (np.zeros((50, 3), np.uint8), r"only 3 x 50 pixels"),
        (np.zeros((20, 20)), r"float64 has no known range; scale it to 0-255 and pass \.astype\(np\.uint8\)"),
        (np.zeros((20, 20), np.int64), r"int64 has no known range"),
        (np.zeros(20, np.uint8), r"shape \(20,\).*height x width"),
        (np.zeros((20, 20, 2), np.uint8), r"shape \(20, 20, 2\).*1, 3 or 4 channels"),
        (np.zeros((3, 20, 20), np.uint8), r"shape \(3, 20, 20\).*1, 3 or 4 channels"),
        (np.zeros((2, 20, 20, 3), np.uint8), r"shape \(2, 20, 20, 3\)"),
        (np.zeros((100, 20_000), np.uint8), r"20000 x 100 pixels; crop it .*16384 pixels a side"),
        (Image.new("1", (20_000, 100)), r"20000 x 100 pixels; crop it"),
    ],
)
def test_what_is_no_picture_of_a_number_is_refused_with_the_mend(nonsense: Any, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        as_rgb(nonsense)


def test_a_text_file_a_folder_and_a_missing_file_are_refused_each_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("407")
    for name, message in (
        ("note.png", "not an image.*PNG or JPEG"),
        ("none.png", "no such file; check the path"),
        (".", "cannot be opened.*directory"),
    ):
        with pytest.raises(PictureError, match=message):
            open_picture(tmp_path / name)


@pytest.mark.parametrize("suffix", ["png", "jpeg", "tiff", "webp", "gif", "bmp"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_truncated_file_is_refused_as_cut_off(suffix: str, share: float, tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(file, suffix)
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(file.getvalue()[: int(share * len(file.getvalue()))])
    with pytest.raises(PictureError, match=r"cut off"):
        as_rgb(open_picture(path))


@pytest.mark.parametrize("side", [9_000, 15_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(
    side: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    Image.new("1", (8, 8)).save(file, "png")
    data = bytearray(file.getvalue())
    data[16:24] = struct.pack(">II", side, side)  # what the header promises
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    (tmp_path / "bomb.png").write_bytes(data)
    assert side * side > LARGEST_AREA and side < LARGEST_SIDE
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(PictureError, match="at most 16384 pixels a side and 64 megapixels"):
        as_rgb(open_picture(tmp_path / "bomb.png"))


def test_ink_of_the_brightness_of_its_paper_is_seen_by_its_colour() -> None:
    ink = draw("52", size=(120, 200), height=60).gray < 128
    paper, pen = np.array([120, 150, 90]), np.array([220, 92, 130])
    weights = np.array([0.299, 0.587, 0.114])
    assert abs(weights @ paper - weights @ pen) < 2
    gray = as_gray(np.where(ink[..., None], pen, paper).astype(np.uint8)).astype(float)
    assert abs(gray[ink].mean() - gray[~ink].mean()) > 80


def test_colours_around_dark_ink_change_nothing() -> None:
    picture = np.repeat(draw("52", size=(120, 200), height=60).gray[..., None], 3, 2)
    picture[:20] = (200, 40, 40)
    assert (as_gray(picture) == cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)).all()
