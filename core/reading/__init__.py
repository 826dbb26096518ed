"""Reads numbers in pictures: finds them, reads them, and says where the model looked. Five lines read a number:

from PIL import Image
from core.reading import Reader

reading = Reader.from_checkpoint().read(Image.open("number.png"))
print(reading.text, reading.probability)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from core.reading.files.picture import PictureError

if TYPE_CHECKING:
    from core.model.checkpoint import CheckpointError
    from core.reading.reader import Reader, limit_threads
    from core.reading.reading import DigitReading, Reading

__all__ = ["CheckpointError", "DigitReading", "PictureError", "Reader", "Reading", "limit_threads"]

_LATE = {
    "CheckpointError": "core.model.checkpoint",
    "DigitReading": "core.reading.reading",
    "Reader": "core.reading.reader",
    "Reading": "core.reading.reading",
    "limit_threads": "core.reading.reader",
}


def __getattr__(name: str) -> Any:
    """Imports what needs torch when it is asked for: the process that opens files does without."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)
