"""What holds for every test: few threads, no telemetry, and no network beyond this machine."""

import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from core.data.canvases.tiles import Tiles
    from core.data.mnist import Mnist
    from core.reading import Reader
    from core.training.store.tracking import Store

# Before anything imports torch: several tests at once must not fight over the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

ROOT = Path(__file__).parents[1]
MOST_PROCESSES = 8  # each takes a gigabyte, a browser and a server of its own
WAITING = (
    1  # of the processes: each spends a third of its time waiting for a browser, a server or a run of its own
)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A folder of tests is shared out, to a process for each core and one more; files that are named run at once in this process."""
    folders = any(Path(argument).is_dir() for argument in config.args)
    return min((os.cpu_count() or 1) + WAITING, MOST_PROCESSES) if folders else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that all processes end at about the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def sample() -> "Mnist":
    """The bundled sample of MNIST."""
    from core.data.mnist import load_sample  # late: see above

    return load_sample()


@pytest.fixture(scope="session")
def tiles(sample: "Mnist") -> "Tiles":
    """The stock of the sample's training digits."""
    from core.data.canvases.tiles import make_tiles

    return make_tiles(sample.split("train"))


@pytest.fixture(scope="session")
def store_in(tmp_path_factory: pytest.TempPathFactory) -> "Callable[[Path], Store]":
    """store_in(lab): a lab's run store, in which nothing is. MLflow takes a second to make one; these are copies of one."""
    from core.training.store.tracking import Store, StoreError

    empty = tmp_path_factory.mktemp("store") / "store.db"
    with pytest.raises(StoreError, match="no such run"):
        Store(f"sqlite:///{empty}").run("none")

    def copy(lab: Path) -> Store:
        path = lab / "store.db"
        with closing(sqlite3.connect(empty)) as source, closing(sqlite3.connect(path)) as target:
            source.backup(target)
        return Store(f"sqlite:///{path}")

    return copy


@pytest.fixture(autouse=True, scope="session")
def lab_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Runs and jobs of tests go where nobody's own runs are."""
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBERS_LAB", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield folder


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """A test that reaches beyond this machine fails at once, instead of passing only where there is a network."""

    def local(address: Any) -> bool:
        return not isinstance(address, tuple) or address[0] in ("127.0.0.1", "::1", "localhost", "0.0.0.0")

    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if not local(address):
            raise OSError(f"a test tried to reach {address}: tests do without the network")
        real(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


@pytest.fixture(scope="session")
def number_reader() -> "Reader":
    """The bundled number model."""
    from core.reading import Reader

    return Reader.from_checkpoint()


@pytest.fixture(scope="session")
def digit_reader() -> "Reader":
    """The bundled digit model."""
    from core.reading import Reader

    return Reader.from_checkpoint(kind="digit")
