"""The rules of the house that no linter knows."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

TEXT = {".md", ".py", ".toml", ".txt", ".yml", ".yaml", ".json", ".sh", ".ipynb", ".cfg", ""}
THIS_MACHINE = re.compile(r"(?<![\w.])/(?:root|home|work|Users)/\w|[A-Z]:\\\\Users")
PACKAGE_SOURCE = re.compile(r"--?(?:extra-)?index-url|--find-links|--trusted-host|PIP_INDEX")


@pytest.fixture
def checkout(root: Path) -> Path:
    """The project's folder where git knows it. A downloaded archive cannot tell its own files from those made in it."""
    try:
        subprocess.run(["git", "rev-parse"], cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(
            "this is no git checkout, or git is not installed, and only git tells which files are the project's"
        )
    return root


def ours(root: Path) -> list[Path]:
    """Every text file that is, or is about to be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [root / name for name in listed.stdout.splitlines()]
    return [file for file in files if file.suffix in TEXT and file.is_file()]


def lines_with(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [
        f"{file.name}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1)
        if pattern.search(line) and file.name != Path(__file__).name
    ]


def test_no_file_names_a_folder_of_the_machine_it_was_written_on(checkout: Path) -> None:
    assert lines_with(THIS_MACHINE, ours(checkout)) == []


def test_packages_come_from_wherever_the_environment_says(checkout: Path) -> None:
    assert lines_with(PACKAGE_SOURCE, ours(checkout)) == []


def test_ci_is_a_command_that_can_be_run(root: Path) -> None:
    script = root / ".ci/run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert "REQUIRE_BROWSER=1" in script.read_text()


def test_folders_for_what_the_app_makes_are_ignored_but_no_room_of_the_code_is(
    checkout: Path,
) -> None:
    def ignored(path: str) -> bool:
        outcome = subprocess.run(
            ["git", "check-ignore", "--quiet", "--no-index", path], cwd=checkout, check=False
        )
        assert outcome.returncode < 2, "git failed"
        return outcome.returncode == 0

    assert ignored("data/mnist/x") and ignored("runs/x") and ignored("screenshots/home.png")
    assert not ignored("core/data/canvases/canvas.py") and not ignored("checkpoints/number.safetensors")


def test_settings_keep_uploads_small_and_tell_nobody(root: Path) -> None:
    settings = tomllib.loads((root / ".streamlit/config.toml").read_text())
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["server"]["maxUploadSize"] <= 50
    assert settings["server"]["address"] == "127.0.0.1"
