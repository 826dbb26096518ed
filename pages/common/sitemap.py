"""The plan of the app: every screen in the order of the navigation, with its title and purpose."""

from typing import Final, NamedTuple

APP_NAME: Final = "Number Reader"


class Screen(NamedTuple):
    """One page of the app; `path` is its file under pages/ without the suffix, such as `read/draw`."""

    path: str
    title: str
    icon: str
    purpose: str

    @property
    def file(self) -> str:
        """What st.Page, st.page_link and AppTest.switch_page call this page."""
        return f"pages/{self.path}.py"

    @property
    def address(self) -> str:
        """What stands in the browser's address bar behind the server's name; nothing for Home."""
        return "" if self is HOME else self.path.rpartition("/")[2]


HOME: Final = Screen(
    "start/home",
    "Home",
    ":material/home:",
    "Write a number, and watch a Vision Transformer find it, read it digit by digit, and say how sure it is.",
)

DRAW: Final = Screen(
    "read/draw",
    "Draw",
    ":material/draw:",
    "Write a number. It is read each time the pen leaves the paper, and you see where the model looked.",
)

WEBCAM: Final = Screen(
    "read/webcam",
    "Webcam",
    ":material/videocam:",
    "Hold a number up to the camera. It is found, read and explained while the video runs.",
)

PHOTO: Final = Screen(
    "read/photo",
    "Photo",
    ":material/photo_camera:",
    "Bring a photo, a scan or a PDF. Every number on it is found, read and explained.",
)

LAUNCH: Final = Screen(
    "train/launch",
    "Train",
    ":material/model_training:",
    "Choose the settings, train a model of your own, and watch it learn to read.",
)

RUNS: Final = Screen(
    "train/runs",
    "Runs",
    ":material/monitoring:",
    "Every run so far: compare how they learned and what they misread, and take the best along.",
)

SWEEPS: Final = Screen(
    "train/sweeps",
    "Sweeps",
    ":material/tune:",
    "Try many settings in one go, and see which of them matter and what accuracy costs.",
)

DATA: Final = Screen(
    "understand/data",
    "Digits",
    ":material/grid_view:",
    "All the handwritten digits that models learn from and are tested on: typical, hard, and wrongly labelled ones.",
)

CANVASES: Final = Screen(
    "understand/canvases",
    "Canvases",
    ":material/wallpaper:",
    "The pictures of numbers that training makes as it goes, with every setting live.",
)

ATTENTION: Final = Screen(
    "understand/attention",
    "Attention",
    ":material/visibility:",
    "Look into every layer and head, ask what would happen if, and measure how far the maps can be believed.",
)

ANALYSIS: Final = Screen(
    "understand/analysis",
    "Analysis",
    ":material/troubleshoot:",
    "What a model gets right and wrong, how well it knows it, and where its time goes.",
)

WALK: Final = Screen(
    "learn/walk",
    "How it works",
    ":material/route:",
    "Follow your own number through the model, from its pixels to the digits that are read.",
)

NOTEBOOK: Final = Screen(
    "learn/notebook",
    "Notebook",
    ":material/menu_book:",
    "The Vision Transformer step by step, in code that runs.",
)

# The folder is the section's. A fresh server opens pages/ADDRESS.py, which hands over to the router; tests hold all of them together.
SECTIONS: Final[dict[str, list[Screen]]] = {
    "Start": [HOME],
    "Read": [DRAW, WEBCAM, PHOTO],
    "Train": [LAUNCH, RUNS, SWEEPS],
    "Understand": [DATA, CANVASES, ATTENTION, ANALYSIS],
    "Learn": [WALK, NOTEBOOK],
}

SECTION_PURPOSES: Final = {
    "Read": "Your number, read and explained.",
    "Train": "A model of your own, step by step.",
    "Understand": "The data, the inside, the mistakes.",
    "Learn": "How it works, for a class or for you.",
}
"""What awaits in each section, as Home says it; Home is in none of them."""


def screens() -> list[Screen]:
    """Every screen of the app, in the order of the navigation."""
    return [screen for section in SECTIONS.values() for screen in section]
