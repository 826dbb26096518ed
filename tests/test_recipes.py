"""The recipes name files and tables that there are."""

import re
from pathlib import Path

import pytest

RECIPES = "docs/recipes.md"
_FILE = re.compile(r"`((?:core|pages|tests|docs)/[\w/]*(?:\.\w+)?)`")


def steps(root: Path) -> list[str]:
    """The recipes' lines that name a file."""
    return [line for line in (root / RECIPES).read_text(encoding="utf-8").splitlines() if _FILE.search(line)]


def test_every_file_that_a_recipe_names_is_there(root: Path) -> None:
    named = {name for line in steps(root) for name in _FILE.findall(line)}
    assert len(named) > 10
    assert [name for name in sorted(named) if not (root / name).exists()] == []


def test_every_table_that_a_step_names_stands_in_a_file_of_its_line(root: Path) -> None:
    tables = 0
    for line in steps(root):
        text = "\n".join(
            (root / name).read_text(encoding="utf-8")
            for name in _FILE.findall(line)
            if (root / name).is_file()
        )
        for table in re.findall(r"`([A-Z]{4,}|_\w+|make_tiles|[A-Z]\w+[a-z]\w*)`", line):
            assert re.search(rf"\b{table}\b", text), f"{table} is not in the files of: {line}"
            tables += 1
    assert tables >= 8


@pytest.mark.parametrize(
    "recipe", ["symbol", "source", "effect", "stem", "method", "score", "figure", "page"]
)
def test_there_is_a_recipe_for_each_table(recipe: str, root: Path) -> None:
    headings = [
        line for line in (root / RECIPES).read_text(encoding="utf-8").splitlines() if line.startswith("## ")
    ]
    assert any(recipe in heading for heading in headings)
