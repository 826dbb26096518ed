"""One colour for each digit position, the same wherever that digit appears: in a box, a reading, a map or a chart."""

from typing import Final

# Found by search rather than by taste alone: each has a contrast of at least 3:1 on white and on near-black, and
# neighbouring positions stay apart (0.13 or more in Oklab) for normal, protan, deutan and tritan sight.
POSITION_COLOURS: Final = (
    "#6359d2",  # 1st: iris
    "#d46b01",  # 2nd: amber
    "#129390",  # 3rd: teal
    "#b463fa",  # 4th: violet
    "#7a6813",  # 5th: olive
    "#f4428d",  # 6th: rose
    "#5896d9",  # 7th: sky
    "#a65e4a",  # 8th: brick
)


def position_colour(position: int) -> str:
    """The colour of the digit at `position` (0 is the leftmost) as `#rrggbb`; after the eighth they start again."""
    return POSITION_COLOURS[position % len(POSITION_COLOURS)]


def position_rgb(position: int) -> tuple[int, int, int]:
    """The same colour as red, green and blue from 0 to 255, for drawing into RGB pictures."""
    red, green, blue = bytes.fromhex(position_colour(position)[1:])
    return red, green, blue


# Found in the same way: apart from each other (0.17 in Oklab; 0.09 for the colour-blind, who have the symbols beside them),
# from the paper and the blackboard (2.2:1), and from the colours above. What is often mixed up lies far apart.
CLASS_COLOURS: Final = (
    "#2942ba",  # 0: blue
    "#b17b00",  # 1: ochre
    "#237f91",  # 2: petrol
    "#d23965",  # 3: crimson
    "#8ebb26",  # 4: lime
    "#9563e2",  # 5: purple
    "#08b8ff",  # 6: cyan
    "#8e1280",  # 7: plum
    "#5c4e08",  # 8: umber
    "#f48ac4",  # 9: pink
)
"""One colour for each of the ten digits, for charts of what a digit is, and not of where in a number it stands."""
