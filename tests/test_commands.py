"""What a person sees in the terminal: plain lines, exit codes, and files that could not be read by name."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.__main__ import COMMANDS, main
from core.commands.arguments import parse_with_settings
from core.commands.train import Train
from core.config import CanvasSettings, ModelSettings, RunSettings
from core.data.mnist import Mnist
from core.model.checkpoint import Checkpoint, build, save_checkpoint
from core.reading import Reader
from tests.drawings import draw

Output = pytest.CaptureFixture[str]


@pytest.fixture
def number(tmp_path: Path) -> Path:
    path = tmp_path / "number.png"
    Image.fromarray(draw("407").gray).save(path)
    return path


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny checkpoint of each kind."""
    folder = tmp_path_factory.mktemp("untrained")
    torch.manual_seed(0)
    for kind, canvas in (
        ("number", CanvasSettings(height=16, width=32, max_digits=3)),
        ("digit", CanvasSettings(height=32, width=32, max_digits=1)),
    ):
        model = ModelSettings.model_validate(
            {"kind": kind, "dim": 16, "heads": 2, "encoder_layers": 1, "stem_width": 4}
        )
        settings = RunSettings(canvas=canvas, model=model)
        save_checkpoint(folder / f"{kind}.safetensors", Checkpoint(build(settings).eval(), settings))
    return {kind: folder / f"{kind}.safetensors" for kind in ("number", "digit")}


def test_help_names_every_command_and_does_not_wait_for_torch(root: Path) -> None:
    code = "import sys; from core.__main__ import main; assert main(['--help']) == 0; print('torch' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    assert output.endswith("False\n")
    assert all(name in output for name in COMMANDS)


def test_no_command_and_an_unknown_one_are_refused_with_those_that_exist(capsys: Output) -> None:
    assert main([]) == 2
    assert "usage: python -m core COMMAND" in capsys.readouterr().out
    assert main(["reed"]) == 2
    assert (
        "unknown command 'reed'; the commands are data, train, scenes, sweep, pack, evaluate, read, job"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    assert f"python -m core {name}" in capsys.readouterr().out


def test_read_prints_the_number_and_its_probabilities(
    number: Path, number_reader: Reader, capsys: Output
) -> None:
    assert main(["read", str(number)]) == 0
    reading = number_reader.read(draw("407").gray)
    line = capsys.readouterr().out.strip()
    assert line.startswith(f"{number}: 407  ({reading.probability:.1%})")
    assert all(f"{digit.value} {digit.probability:.1%}" in line for digit in reading.digits)


def test_read_says_so_where_there_is_no_number(tmp_path: Path, number_reader: Reader, capsys: Output) -> None:
    Image.new("L", (60, 40), 255).save(tmp_path / "blank.png")
    assert main(["read", str(tmp_path / "blank.png")]) == 0
    assert "blank.png: no number here" in capsys.readouterr().out


def test_read_names_what_it_cannot_read_and_reads_the_others(
    number: Path, number_reader: Reader, capsys: Output
) -> None:
    note, none = number.with_name("note.txt"), number.with_name("none.png")
    note.write_text("407")
    assert main(["read", str(note), str(number), str(none)]) == 1
    output = capsys.readouterr()
    assert f"{number}: 407" in output.out and len(output.out.splitlines()) == 1
    first, second = output.err.splitlines()
    assert first.startswith(f"error: {note}: it is not an image") and first.endswith("PNG or JPEG")
    assert second == f"error: {none}: there is no such file; check the path"


def test_read_walks_folders_in_order_and_takes_every_page_of_every_kind(
    tmp_path: Path, number_reader: Reader, capsys: Output
) -> None:
    first, second = (Image.fromarray(draw(text).gray) for text in ("407", "25"))
    (tmp_path / "b").mkdir()
    second.save(tmp_path / "b" / "inner.JPG")
    first.copy().save(tmp_path / "a.tiff", save_all=True, append_images=[second.copy()])
    second.convert("RGB").save(tmp_path / "c.pdf", resolution=150)
    (tmp_path / "notes.txt").write_text("no picture, and not asked for")
    assert main(["read", str(tmp_path)]) == 0
    output = capsys.readouterr()
    assert [line.split("  ")[0] for line in output.out.splitlines()] == [
        f"{tmp_path / 'a.tiff'} page 1: 407",
        f"{tmp_path / 'a.tiff'} page 2: 25",
        f"{tmp_path / 'b' / 'inner.JPG'}: 25",
        f"{tmp_path / 'c.pdf'}: 25",
    ] and not output.err


def test_read_says_so_where_a_folder_holds_no_picture(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "notes.txt").write_text("407")
    assert main(["read", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path}: there are no pictures in this folder; they end in .png")


@pytest.mark.parametrize("single", [False, True])
def test_read_prints_a_line_of_json_for_each_page_with_boxes_and_digits(
    single: bool, number: Path, number_reader: Reader, capsys: Output
) -> None:
    blank = number.with_name("blank.png")
    Image.new("L", (60, 40), 255).save(blank)
    flags = ["--single"] if single else []
    assert main(["read", str(number), str(blank), "--json", *flags]) == 0
    page, nothing = map(json.loads, capsys.readouterr().out.splitlines())
    assert (page["file"], page["page"], page["size"]) == (str(number), 1, [400, 160])
    (reading,) = page["readings"]
    assert reading["text"] == "407" and 0.5 < reading["probability"] <= 1
    assert [digit["value"] for digit in reading["digits"]] == [4, 0, 7]
    around = reading["box"]
    for digit in reading["digits"]:
        left, top, right, bottom = digit["box"]
        assert (
            around[0] - 5 <= left < right <= around[2] + 5 and around[1] - 5 <= top < bottom <= around[3] + 5
        )
    assert nothing["readings"] == []


def test_read_says_how_far_a_long_document_was_read(
    tmp_path: Path, number_reader: Reader, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    # In this order: a command that is first imported here must take the true limit, which is given back.
    monkeypatch.setattr("core.commands.read.MOST_PAGES", 1)
    monkeypatch.setattr("core.reading.files.documents.MOST_PAGES", 1)
    image = Image.fromarray(draw("407").gray)
    image.copy().save(tmp_path / "long.tiff", save_all=True, append_images=[image.copy()] * 2)
    assert main(["read", str(tmp_path / "long.tiff")]) == 0
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 1 and "only the first 1 of its 3 pages were read" in output.err


def test_read_takes_another_checkpoint(number: Path, untrained: dict[str, Path], capsys: Output) -> None:
    assert main(["read", str(number), "--checkpoint", str(untrained["number"])]) == 0
    other = capsys.readouterr().out
    assert main(["read", str(number)]) == 0
    assert capsys.readouterr().out != other


@pytest.mark.parametrize("argv", [["read", "x.png", "--checkpoint", "none.st"], ["evaluate", "none.st"]])
def test_a_missing_checkpoint_is_one_plain_line(argv: list[str], capsys: Output) -> None:
    assert main(argv) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: there is no checkpoint at none.st; check the path")


@pytest.mark.parametrize("kind", ["number", "digit"])
def test_evaluate_prints_every_figure_as_a_table_and_as_json(
    kind: str, untrained: dict[str, Path], capsys: Output
) -> None:
    argv = ["evaluate", str(untrained[kind]), "--sample", "--count", "24"]
    assert main(argv) == 0
    output = capsys.readouterr()
    first, head, *rows = output.out.splitlines()
    assert "sample" in output.err and first.endswith("parameters")
    lengths = ["1 digit"] if kind == "digit" else ["1 digit", "2 digits", "3 digits"]
    assert head.split("  ") and all(name in head for name in ("exact", *lengths, "digits", "CER", "ECE"))
    names = ["clean", "camera-like", "nothing there"] + (["MNIST test"] if kind == "digit" else [])
    assert [row.strip().split("  ")[0] for row in rows] == names
    assert all(len(row) == len(head) for row in rows)

    assert main([*argv, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert list(scores) == names
    assert set(scores["clean"]["by_length"]) == {name[0] for name in lengths}
    for figures in (scores["clean"], scores["camera-like"]):
        for name in ("exact_match", "digit_accuracy", "character_error_rate", "calibration_error"):
            assert figures[name] >= 0
    assert scores["clean"]["count"] == 24 and scores["nothing there"]["character_error_rate"] is None
    if kind == "digit":
        assert scores["MNIST test"]["count"] == 1000  # the sample's


@pytest.mark.parametrize("count", ["0", "-5", "many"])
@pytest.mark.parametrize("command", [["evaluate", "--count"], ["sweep", "file.yaml", "--trials"]])
def test_a_count_that_is_none_is_refused_by_its_name(command: list[str], count: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*command, count])
    assert stop.value.code == 2
    assert command[-1] in capsys.readouterr().err


def test_read_without_a_picture_is_refused_and_says_what_is_missing(capsys: Output) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["read"])
    assert stop.value.code == 2
    assert "name at least one picture" in capsys.readouterr().err


def test_a_flag_that_is_misspelt_is_answered_with_the_one_that_exists(capsys: Output) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["read", "x.png", "--checkpont", "other.safetensors"])
    assert stop.value.code == 2
    assert "--checkpoint" in capsys.readouterr().err


def test_train_takes_its_own_flags_beside_those_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"training": {"epochs": 3}}')
    argv = ["--training.seed", "5", "--out", "runs/mine", "--config", str(path), "--resume", "--name", "mine"]
    chosen, settings = parse_with_settings(Train, argv)
    assert chosen == Train(out=Path("runs/mine"), name="mine", resume=True)
    assert (settings.training.epochs, settings.training.seed) == (3, 5)


def test_data_draws_the_bundled_sample_anew(
    tmp_path: Path, sample: Mnist, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    whole = replace(sample, source="package")  # as though these digits were all of MNIST
    monkeypatch.setattr("core.commands.data.fetch_mnist", lambda progress: whole)
    path = tmp_path / "sample.npz"
    assert main(["data", "--write-sample", str(path)]) == 0
    assert capsys.readouterr().out.endswith(f"written: {path}\n")
    with np.load(path) as arrays:
        assert {name: len(arrays[name]) for name in arrays.files if name.endswith("_labels")} == {
            "train_labels": 4000,
            "validation_labels": 500,
            "test_labels": 1000,
        }


def test_a_job_that_waits_for_its_turn_has_not_loaded_torch(root: Path) -> None:
    code = "import sys; from core.commands import job; print('torch' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    assert output == "False\n"


def test_train_refuses_settings_that_cannot_work_in_one_line(tmp_path: Path, capsys: Output) -> None:
    argv = ["train", "--sample", "--out", str(tmp_path / "run"), "--training.learning-rate", "-1"]
    assert main(argv) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "training.learning_rate (-1.0)" in line and "greater than 0" in line
    assert not (tmp_path / "run").exists()


def test_ctrl_c_ends_a_command_without_a_traceback(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("core.commands.evaluate.load_checkpoint", interrupted)
    assert main(["evaluate"]) == 130
    assert capsys.readouterr().err == "stopped\n"
