"""A checkpoint comes back to the bit, a bad one is refused with its name and the mend, and none can run code."""

import errno
import io
import json
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from core.config import CanvasSettings, ModelSettings, RunSettings
from core.model.checkpoint import (
    FORMAT,
    Checkpoint,
    CheckpointError,
    build,
    load_checkpoint,
    parameter_count,
    read_tensors,
    save_checkpoint,
    write_tensors,
)

CANVAS = CanvasSettings(height=16, width=32, max_digits=3)
SMALL = {"dim": 16, "heads": 2, "encoder_layers": 1, "stem_width": 4}
RUNS = {
    "number": RunSettings(canvas=CANVAS, model=ModelSettings(**SMALL)),
    "digit": RunSettings(
        canvas=CANVAS.model_copy(update={"max_digits": 1}), model=ModelSettings(kind="digit", **SMALL)
    ),
}


def checkpoint(kind: str = "number", seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    return Checkpoint(build(RUNS[kind]), RUNS[kind], {"step": 7, "calibration": 1.25})


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, checkpoint())
    return path


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


@pytest.mark.parametrize("kind", RUNS)
def test_a_checkpoint_comes_back_to_the_bit(kind: str, tmp_path: Path) -> None:
    original = checkpoint(kind)
    path = tmp_path / "new" / "folder" / "model.safetensors"
    save_checkpoint(path, original)
    loaded = load_checkpoint(path)
    assert type(loaded.model) is type(original.model) and not loaded.model.training
    assert loaded.settings == original.settings and loaded.about == original.about
    before, after = original.model.state_dict(), loaded.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    strips = torch.rand(2, 1, 16, 32)
    assert torch.equal(original.model.eval().read(strips).logits, loaded.model.read(strips).logits)


def test_saving_again_replaces_what_was_there_and_leaves_nothing_beside_it(saved: Path) -> None:
    before = saved.read_bytes()
    with saved.open("rb") as held:  # whoever reads while it is replaced reads the old one to its end
        save_checkpoint(saved, checkpoint(seed=1))
        assert held.read() == before
    assert torch.equal(load_checkpoint(saved).model.classify.weight, checkpoint(seed=1).model.classify.weight)
    assert [file.name for file in saved.parent.iterdir()] == [saved.name]


def test_a_save_that_is_cut_off_leaves_the_old_checkpoint_and_nothing_else(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(_: int) -> None:
        raise Killed

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(Killed):
        save_checkpoint(saved, checkpoint(seed=1))
    assert load_checkpoint(saved).about["step"] == 7
    assert list(saved.parent.iterdir()) == [saved]


def test_a_checkpoint_can_be_read_by_whoever_may_read_files_here(saved: Path) -> None:
    plain = saved.parent / "plain"
    plain.touch()
    assert stat.S_IMODE(saved.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_missing_checkpoint_is_refused_with_the_way_to_one(tmp_path: Path) -> None:
    assert "python -m core train" in refusal(tmp_path / "none.safetensors")
    assert "python -m core train" in refusal(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_a_truncated_checkpoint_is_refused(share: float, saved: Path) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * share)])
    assert "fresh copy" in refusal(saved)


@pytest.mark.parametrize("kind", ["noise", "text", "zip of torch"])
def test_a_file_of_another_kind_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    if kind == "noise":
        path.write_bytes(bytes(range(256)) * 50)
    elif kind == "text":
        path.write_text("no weights, only words\n" * 100)
    else:
        torch.save(checkpoint().model.state_dict(), path)
    assert "fresh copy" in refusal(path)


def test_the_weights_of_another_project_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "theirs.safetensors"
    save_file({"weight": torch.zeros(3)}, path, {"format": "pt"})
    assert "'pt'" in refusal(path) and "this project" in refusal(path)
    save_file({"weight": torch.zeros(3)}, path)
    assert "this project" in refusal(path)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"settings": "{", "about": "{}"},
        {"settings": "[]", "about": "{}"},
        {"settings": '{"model": {"dim": 5}}', "about": "{}"},
        {"settings": RUNS["number"].model_dump_json()},
    ],
)
def test_a_header_without_our_settings_is_refused(header: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_tensors(path, {"weight": torch.zeros(3)}, header)
    assert "no settings of ours" in refusal(path)


def test_weights_that_do_not_fit_the_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    header = {"settings": RUNS["number"].model_dump_json(), "about": "{}"}
    weights = checkpoint().model.state_dict()
    for tensors in (
        {"weight": torch.zeros(3)},
        checkpoint("digit").model.state_dict(),
        weights | {"classify.weight": torch.zeros(2, 2)},
    ):
        write_tensors(path, tensors, header)
        assert "do not fit" in refusal(path)


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("wrapping", ["pickle", "torch"])
def test_loading_a_checkpoint_never_runs_code(wrapping: str, tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / "model.safetensors"
    if wrapping == "pickle":
        path.write_bytes(pickle.dumps(Trap(mark)))
        pickle.loads(path.read_bytes())
    else:
        torch.save(Trap(mark), path)
        torch.load(io.BytesIO(path.read_bytes()), weights_only=False)
    assert mark.is_dir(), "the trap should work where a pickle is loaded"
    mark.rmdir()
    refusal(path)
    assert not mark.exists()


def test_a_file_of_ours_has_nothing_in_it_but_json_and_numbers(saved: Path) -> None:
    data = saved.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert header.pop("__metadata__")["format"] == FORMAT
    ends = [entry["data_offsets"][1] for entry in header.values()]
    assert max(ends) == len(data) - 8 - length
    assert {entry["dtype"] for entry in header.values()} <= {"F32", "I64"}


def full(*_: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_last_good_checkpoint_and_nothing_else(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CheckpointError, match="free some space") as caught:
            save_checkpoint(saved, checkpoint(seed=1))
    assert str(saved) in str(caught.value) and "No space left" in str(caught.value)
    assert saved.read_bytes() == before
    assert [file.name for file in saved.parent.iterdir()] == [saved.name]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_save_that_the_system_cuts_off_leaves_the_last_good_checkpoint(root: Path, saved: Path) -> None:
    before = saved.read_bytes()
    assert len(before) > 4096
    # In a process of its own: the limit would cut off what pytest prints into a file, too.
    child = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import resource, signal, sys\n"
                "from pathlib import Path\n"
                "from core.model.checkpoint import CheckpointError, load_checkpoint, save_checkpoint\n"
                "path = Path(sys.argv[1])\n"
                "checkpoint = load_checkpoint(path)\n"
                "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
                "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
                "try:\n    save_checkpoint(path, checkpoint)\n"
                "except CheckpointError as error:\n    print(error)\n"
            ),
            str(saved),
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "free some space" in child.stdout
    assert saved.read_bytes() == before
    assert [file.name for file in saved.parent.iterdir()] == [saved.name]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="choose another folder"):
        save_checkpoint(tmp_path / "file" / "model.safetensors", checkpoint())


def test_tensors_of_any_layout_survive(tmp_path: Path) -> None:
    path = tmp_path / "tensors.safetensors"
    tensors = {
        "turned": torch.arange(6.0).reshape(2, 3).T,
        "number": torch.tensor(3),
        "none": torch.zeros(0, 2),
    }
    write_tensors(path, tensors, {"note": "ä"})
    found, header = read_tensors(path)
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items()) and header["note"] == "ä"


def test_parameters_are_counted() -> None:
    assert parameter_count(torch.nn.Linear(3, 2)) == 8
