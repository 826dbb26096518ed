"""What the documents say can be followed: links lead somewhere, commands and folders exist, figures have a command that writes them."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from benchmarks.__main__ import purposes
from core.__main__ import COMMANDS
from pages.common import sitemap

PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "checkpoints/README.md"]


def documents(root: Path) -> dict[Path, str]:
    """Every page of Markdown that is ours."""
    paths = [*(root / page for page in PAGES), *sorted((root / "docs").glob("*.md"))]
    return {path: path.read_text(encoding="utf-8") for path in paths}


def test_every_link_within_the_repository_leads_somewhere(root: Path) -> None:
    found = [
        (path, link)
        for path, text in documents(root).items()
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    ]
    assert len(found) > 10
    assert [(path.name, link) for path, link in found if not (path.parent / link).exists()] == []


def test_readme_is_short_and_has_no_figures_of_its_own(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 150
    assert not re.search(r"\d[.\d]* ?(?:%|ms\b)", readme), (
        "figures stand in docs/, where their commands write them"
    )


def test_every_command_in_the_documents_exists(root: Path) -> None:
    text = "\n".join(documents(root).values())
    assert set(re.findall(r"python -m core ([a-z]+)", text)) <= set(COMMANDS)
    assert set(re.findall(r"python -m benchmarks[. ]([a-z]\w*)", text)) <= set(purposes())
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^    )make ([a-z]+)", text, re.MULTILINE)) <= targets


def test_every_block_of_figures_is_closed_and_has_the_command_that_writes_it(root: Path) -> None:
    text = "\n".join(documents(root).values())
    names = re.findall(r"^<!-- figures: (\w+) -->\n`[^`]+`.*?^<!-- end -->", text, re.DOTALL | re.MULTILINE)
    assert names and names == re.findall(r"^<!-- figures: (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names)) and set(names) <= set(purposes())


def test_the_map_of_the_rooms_names_folders_that_exist_and_leaves_none_out(root: Path) -> None:
    text = (root / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = text[text.index("## The rooms") : text.index("## Who may import")]
    named = {name.rstrip("/") for name in re.findall(r"^\| `([\w/.]+)`", rooms, re.MULTILINE)}
    assert [name for name in named if not (root / name).exists()] == []
    folders = {
        str(path.parent.relative_to(root))
        for top in ("core", "pages/common", "benchmarks", "tests")
        for path in (root / top).rglob("__init__.py")
    }
    mentioned = {folder for folder in folders if folder in named or f"`{Path(folder).name}/`" in rooms}
    assert folders - mentioned == set()


def test_every_page_has_its_picture_and_none_is_large(root: Path) -> None:
    text = (root / "docs/pages.md").read_text(encoding="utf-8")
    names = [screen.path.rpartition("/")[2] for screen in sitemap.screens()]
    assert re.findall(r"\(pictures/(\w+)\.webp\)", text) == names
    sizes = {path.stem: path.stat().st_size for path in (root / "docs/pictures").glob("*.webp")}
    assert sizes.pop("drawing_and_camera") < 2_000_000
    assert set(sizes) == set(names) and max(sizes.values()) < 200_000


def test_hooks_and_workflow_call_what_anyone_can_call(root: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    (local,) = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"]
    assert local["repo"] == "local"
    assert {hook["entry"].removeprefix("make ") for hook in local["hooks"]} <= targets
    (job,) = yaml.safe_load((root / ".github/workflows/ci.yml").read_text())["jobs"].values()
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]


@pytest.mark.parametrize("name", ["misread", "fault", "idea"])
def test_every_form_for_issues_is_whole(name: str, root: Path) -> None:
    form = yaml.safe_load((root / f".github/ISSUE_TEMPLATE/{name}.yml").read_text())
    assert form["name"] and form["description"]
    for field in form["body"]:
        assert field["type"] in ("textarea", "input") and field["attributes"]["label"] and field["id"]


def test_the_lock_has_every_requirement_within_its_bounds_and_a_hash_for_it(root: Path) -> None:
    lock = (root / "requirements.lock").read_text()
    locked = dict(
        re.findall(
            r"^([\w.-]+)(?:\[[\w,]+\])?==([^ ;]+).* \\\n +--hash=sha256:[0-9a-f]{64}", lock, re.MULTILINE
        )
    )
    lines = (root / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert len(wanted) > 20
    assert {one.name for one in wanted} <= set(locked)
    assert [one.name for one in wanted if locked[one.name] not in one.specifier] == []


def test_types_are_checked_in_everything_that_is_run(root: Path) -> None:
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]
    assert {"benchmarks", "core", "docs", "pages", "tests"} <= set(settings["mypy"]["files"])
