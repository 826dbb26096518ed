"""Pictures in, readings out: locate, read, explain, overlay. Five lines read a number:

from PIL import Image
from core.reading import Reader

reading = Reader.from_checkpoint().read(Image.open("number.png"))
print(reading.text, reading.probability)
"""

from core.reading.picture import PictureError
from core.reading.reader import Reader
from core.reading.reading import DigitReading, Reading

__all__ = ["DigitReading", "PictureError", "Reader", "Reading"]
