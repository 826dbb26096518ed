"""The guided notebook runs top to bottom in a fresh kernel and comes to what it says; the kept file holds its outputs."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from core.understanding.notebook import GUIDE
from tests.conftest import ROOT
from tests.test_house import THIS_MACHINE

Cells = list[dict[str, Any]]


@pytest.fixture(scope="module")
def kept() -> Cells:
    """The cells of the file in the repository."""
    cells: Cells = json.loads(GUIDE.read_text())["cells"]
    return cells


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """The cells of a copy, run anew; its training is shorter than one's own would be."""
    copy = tmp_path_factory.mktemp("notebook") / GUIDE.name
    copy.write_bytes(GUIDE.read_bytes())
    notebook = nbformat.read(copy, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBERS_NOTEBOOK_STEPS", "240")
        patch.delenv("MPLBACKEND", raising=False)  # Streamlit, of other tests, sets one that shows no figures
        client = NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
        )
        client.execute()
    nbformat.write(notebook, copy)
    cells: Cells = json.loads(copy.read_text())["cells"]
    return cells


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def code(cells: Cells) -> Cells:
    return [cell for cell in cells if cell["cell_type"] == "code"]


def printed(cells: Cells) -> str:
    return "".join(
        "".join(output["text"]) for cell in code(cells) for output in cell["outputs"] if "text" in output
    )


def pictures(cell: dict[str, Any]) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell["outputs"])


def found(pattern: str, text: str) -> list[str]:
    matches = re.findall(pattern, text)
    assert matches, f"{pattern!r} was not printed"
    return [str(match) for match in matches]


BY_HAND = (
    "patch embedding by hand equals the convolution",
    "attention by hand equals the module's",
    "the fused kernel gives the same",
    "layer norm by hand",
    "a layer by hand",
    "the encoder, step by step",
    "with the cache, token by token",
)


@pytest.mark.slow
def test_it_runs_top_to_bottom_and_comes_to_what_it_says(run: Cells, kept: Cells) -> None:
    assert [source(cell) for cell in run] == [source(cell) for cell in kept]
    text = printed(run)
    assert "positions by hand equal the model's: (80, 96)" in text
    for claim in BY_HAND:
        (difference,) = found(re.escape(claim) + r": max difference (\S+)", text)
        assert float(difference) < 1e-4, claim
    assert found(r"written (\d+), read (\d+),", text) == found(r"written (\d+), read (\d+),", printed(kept))
    (match,) = found(r"exact match on 1,000 test canvases: ([\d.]+)%", text)
    assert float(match) > 40, "a model that learned nothing reads one canvas in a hundred"
    epochs = [float(share) for share in found(r"epoch \d+: .* exact match ([\d.]+)%", text)]
    assert len(epochs) == 8 and max(epochs) > epochs[0]
    (misread,) = found(r"(\d+) of 250 are misread", text)
    assert 5 <= int(misread) <= 60
    for ran, stays in zip(code(run), code(kept), strict=True):
        assert pictures(ran) == pictures(stays), source(ran)


def test_the_kept_file_has_the_output_of_every_cell_that_prints_or_draws(kept: Cells) -> None:
    cells = code(kept)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1)), "run in order, once"
    for cell in cells:
        kinds = {output["output_type"] for output in cell["outputs"]}
        assert "error" not in kinds
        assert pictures(cell) == ("plt.subplots" in source(cell))
        assert ("stream" in kinds) == (re.search(r"^ *print\(", source(cell), re.MULTILINE) is not None)
        assert all(output.get("name") != "stderr" for output in cell["outputs"]), "a warning was kept"
    assert sum(map(pictures, cells)) >= 10


def test_the_kept_outputs_are_those_of_the_whole_training(kept: Cells) -> None:
    text = printed(kept)
    (match,) = found(r"exact match on 1,000 test canvases: ([\d.]+)%", text)
    assert float(match) > 80
    (minutes,) = found(r"trained in ([\d.]+) minutes of one processor core", text)
    assert float(minutes) < 3
    assert found(r"epoch 8:\s+(\d+) steps", text) == ["800"]


def test_the_kept_file_is_small_and_names_no_folder_of_a_machine(kept: Cells) -> None:
    assert GUIDE.stat().st_size < 1_500_000
    assert not THIS_MACHINE.search(printed(kept))
    assert not THIS_MACHINE.search("\n".join(map(source, kept)))


def test_every_idea_has_its_section_and_links_its_paper(kept: Cells) -> None:
    words = "\n".join(source(cell) for cell in kept if cell["cell_type"] == "markdown")
    ideas = "Patches|Where is it|Attention, by hand|Heads|Residuals|encoder|never look ahead|Cross-attention|One digit after another|Train one|Where does it look|gets wrong"
    for idea in ideas.split("|"):
        assert re.search(rf"^## .*{idea}", words, re.MULTILINE), idea
    papers = (
        "2010.11929 2106.14881 1706.03762 1512.03385 1607.06450 2002.04745 2005.00928 2103.15679 1706.04599"
    )
    assert all(f"arxiv.org/abs/{paper}" in words for paper in papers.split())
    assert "pip install -r requirements-dev.txt jupyterlab" in words


@pytest.mark.parametrize("folder", [".", "notebooks"])
def test_it_finds_the_project_from_either_folder(folder: str, kept: Cells, tmp_path: Path) -> None:
    script = tmp_path / "first_cell.py"
    script.write_text(source(code(kept)[0]))
    outcome = subprocess.run(
        [sys.executable, script], cwd=ROOT / folder, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.startswith("PyTorch ")
