"""Files: the old contents or the new, whoever else writes, and whatever cuts a writer off."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core import files
from core.files import read_json, whole, write_json, write_text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a [file].json"
    path.write_text("old")
    return path


def test_a_file_takes_its_place_when_all_of_it_is_written(path: Path) -> None:
    with whole(path) as file:
        file.write(b"ne")
        file.flush()
        assert path.read_text() == "old"
        file.write(b"w")
    assert path.read_text() == "new" and list(path.parent.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_old_file_and_no_other(path: Path) -> None:
    def interrupted() -> None:
        with whole(path) as file:
            file.write(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old" and list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_no_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old" and list(path.parent.iterdir()) == [path]


def test_many_writers_of_one_file_do_not_mix(path: Path) -> None:
    texts = [str(number) * 200_000 for number in range(8)]
    writers = [threading.Thread(target=write_text, args=(path, text)) for text in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text() in texts and list(path.parent.iterdir()) == [path]


def test_what_a_killed_writer_left_is_cleared_once_it_is_old(path: Path, root: Path) -> None:
    code = "import os, sys; from pathlib import Path; from core.files import whole\nwith whole(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    ended = subprocess.run([sys.executable, "-c", code, str(path)], cwd=root, check=False)
    assert ended.returncode == -signal.SIGKILL
    (left,) = set(path.parent.iterdir()) - {path}
    write_text(path, "new")
    assert left.exists()  # it may be another one's, who is writing just now
    old = left.stat().st_mtime - 2 * files._ABANDONED
    os.utime(left, (old, old))
    write_text(path, "newer")
    assert not left.exists() and path.read_text() == "newer"


def test_whoever_may_read_files_here_may_read_it(path: Path) -> None:
    plain = path.with_name("plain")
    plain.touch()
    write_text(path, "é")
    assert path.read_bytes() == "é".encode()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_json_comes_back_and_what_is_no_object_is_refused(path: Path) -> None:
    write_json(path, {"a": [1, "é"]})
    assert read_json(path) == {"a": [1, "é"]} == json.loads(path.read_text())
    write_text(path, "[]")
    with pytest.raises(ValueError, match="holds no JSON object"):
        read_json(path)
