"""Opens a phone's HEIC file as a PIL image; the one file that knows pillow-heif."""

from __future__ import annotations

import io

from PIL import Image

from core.reading.files.picture import PictureError, check_size


def is_heic(data: bytes) -> bool:
    """Whether a file's bytes begin as those of a HEIC or HEIF picture do."""
    return data[4:8] == b"ftyp" and data[8:12] in (
        b"heic",
        b"heix",
        b"hevc",
        b"heim",
        b"heis",
        b"mif1",
        b"msf1",
    )


def open_heic(data: bytes) -> Image.Image:
    """The main picture of a HEIC file, upright. Raises `PictureError`."""
    import pillow_heif  # late: only those who bring such a file wait for it

    try:
        picture = pillow_heif.open_heif(io.BytesIO(data))
        check_size(*picture.size)  # from its header: nothing is decoded yet
        return picture.to_pillow()
    except PictureError:
        raise
    except Exception as error:  # the decoder raises what it likes on a broken file
        raise PictureError(
            f"the HEIC picture cannot be decoded ({error}); it may be cut off: take a fresh copy, or save it as JPEG"
        ) from error
