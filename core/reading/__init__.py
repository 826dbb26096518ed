"""Pictures in, readings out: locate, read, explain, overlay. Five lines read a number:

from PIL import Image
from core.reading import Reader

reading = Reader.from_checkpoint().read(Image.open("number.png"))
print(reading.text, reading.probability)
"""

from core.model.checkpoint import CheckpointError
from core.reading.files.picture import PictureError
from core.reading.reader import Reader, limit_threads
from core.reading.reading import DigitReading, Reading

__all__ = ["CheckpointError", "DigitReading", "PictureError", "Reader", "Reading", "limit_threads"]
