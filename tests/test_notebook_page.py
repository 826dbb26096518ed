"""The Notebook page shows the kept notebook as it is: words, code, what was printed and drawn; and never runs or trusts it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.understanding import notebook
from core.understanding.notebook import GUIDE, Code, NotebookError, Text, read_notebook
from pages.common import sitemap
from tests.conftest import ROOT

PNG = b"\x89PNG\r\n\x1a\n not a whole one"


def written(folder: Path, *cells: dict[str, Any]) -> Path:
    path = folder / "some.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def markdown(*lines: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": [f"{line}\n" for line in lines]}


def code(source: str, *outputs: dict[str, Any], number: int | None = 1) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "outputs": outputs,
        "execution_count": number,
    }


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": [text]}


def test_texts_are_cut_at_their_headings_and_nowhere_else(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        markdown(
            "# Title",
            "",
            "words",
            "",
            "    # a comment in code",
            "```",
            "# another",
            "```",
            "## 2 Next, then",
            "more",
        ),
        markdown("on it goes"),
    )
    first, second, third = read_notebook(path)
    assert isinstance(first, Text) and isinstance(second, Text) and isinstance(third, Text)
    assert (first.heading, first.level) == ("Title", 1)
    assert first.body == "words\n\n    # a comment in code\n```\n# another\n```"
    assert (second.heading, second.level, second.anchor, second.body) == (
        "2 Next, then",
        2,
        "2-next-then",
        "more",
    )
    assert (third.heading, third.level, third.body) == (None, 0, "on it goes")


def test_code_keeps_what_it_printed_and_drew_in_order(tmp_path: Path) -> None:
    picture = {
        "output_type": "display_data",
        "data": {"image/png": base64.b64encode(PNG).decode(), "text/plain": "<Figure>"},
    }
    value = {"output_type": "execute_result", "data": {"text/plain": "42"}}
    path = written(tmp_path, code("go()", stream("one\n"), stream("\x1b[31mtwo\x1b[0m\n"), picture, value))
    (cell,) = read_notebook(path)
    assert cell == Code(1, "go()", ("one\ntwo\n", PNG, "42"))


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"cells": [{"cell_type": "code"}]}', '{"cells": 3}'])
def test_what_is_no_notebook_is_refused_by_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.ipynb"
    path.write_text(text)
    with pytest.raises(NotebookError, match=r"broken\.ipynb is not a whole notebook"):
        read_notebook(path)
    with pytest.raises(NotebookError, match=r"cannot read gone\.ipynb"):
        read_notebook(tmp_path / "gone.ipynb")


def page() -> AppTest:
    return AppTest.from_file(str(ROOT / sitemap.NOTEBOOK.file), default_timeout=60).run()


def test_the_page_shows_the_whole_notebook_with_its_outputs() -> None:
    app = page()
    assert not app.exception
    parts = read_notebook(GUIDE)
    codes = [block.value for block in app.code]
    for part in parts:
        if isinstance(part, Code):
            assert part.source in codes
            assert all(output.rstrip() in codes for output in part.outputs if isinstance(output, str))
    headings = [part for part in parts if isinstance(part, Text) and part.heading is not None]
    assert [header.value for header in app.header] == [part.heading for part in headings]
    drawn = sum(
        isinstance(output, bytes) for part in parts if isinstance(part, Code) for output in part.outputs
    )
    assert len(app.image) == drawn >= 8
    contents = next(block.value for block in app.markdown if f"(#{headings[0].anchor})" in block.value)
    assert all(f"(#{part.anchor})" in contents for part in headings)
    assert len({part.anchor for part in headings}) == len(headings)
    assert not any(block.allow_html for block in app.markdown)
    assert any(button.key == "notebook-download" for button in app.download_button)


def test_without_the_file_the_page_says_where_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "GUIDE", tmp_path / "gone.ipynb")
    app = page()
    assert not app.exception
    assert any("cannot read gone.ipynb" in block.value for block in app.markdown)
