"""Where things are computed: on the processor, and where torch sees a GPU, there as well."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from core.config import CanvasSettings, ModelSettings, RunSettings, SettingsError, TrainingSettings
from core.data.canvases import effects
from core.data.canvases.canvas import Canvases, make_canvases
from core.data.canvases.tiles import Finds, Tiles, on_device
from core.data.mnist import Mnist
from core.data.strip import strip
from core.model.checkpoint import Model, build
from core.model.device import Device, autocast, chosen
from core.reading import Reader
from core.reading.explain import gradient_weights, patch_weights, rollout_weights
from core.training.engine import Epoch, Step, fit
from core.training.metrics import read_canvases
from core.training.reading_task import ReadingTask, losses
from core.training.watch import Watched
from tests.drawings import draw

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
HARD = CanvasSettings(
    height=32,
    width=96,
    max_digits=3,
    bend=1.0,
    plain_share=0.2,
    penned_share=0.3,
    empty_share=0.4,
    found_share=0.2,
)
TINY = ModelSettings(dim=16, heads=2, encoder_layers=1, stem_width=4, stem_depth=1)
ONE_DIGIT = CanvasSettings(height=32, width=32, max_digits=1)


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> torch.device:
    return chosen(request.param)


def name_of(device: torch.device) -> Device:
    return "cpu" if device.type == "cpu" else "cuda"


@pytest.fixture(params=["number", "digit"])
def model(request: pytest.FixtureRequest) -> Model:
    torch.manual_seed(0)
    settings = TINY.model_copy(update={"kind": request.param})
    return build(RunSettings(canvas=HARD if request.param == "number" else ONE_DIGIT, model=settings))


@pytest.fixture(scope="module")
def stock(tiles: Tiles) -> Tiles:
    """With finds, so that no branch of the canvases is left out."""
    random = torch.Generator().manual_seed(0)
    pictures = torch.rand(20, 32, 96, generator=random)
    labels = torch.randint(10, (20, 3), generator=random)
    lengths = torch.randint(4, (20,), generator=random)
    return replace(tiles, finds=Finds(pictures, torch.tensor([[0.0, 96.0]]).expand(20, 2), labels, lengths))


class DeviceNamed(TorchFunctionMode):
    """Refuses to make a tensor without saying where: on a GPU it would be left behind on the processor."""

    MAKERS = (
        torch.arange,
        torch.empty,
        torch.eye,
        torch.full,
        torch.linspace,
        torch.ones,
        torch.rand,
        torch.randint,
        torch.randn,
        torch.randperm,
        torch.tensor,
        torch.zeros,
    )

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function in self.MAKERS and (kwargs or {}).get("device") is None:
            raise AssertionError(f"{function.__name__}{args} names no device")
        return function(*args, **(kwargs or {}))


@pytest.fixture
def fresh() -> None:
    """What is kept from call to call is made anew, and so looked at too."""
    for kept in (effects.stretching, effects._cosines, effects._halving, effects._noise_bank):
        kept.cache_clear()


def test_a_tensor_without_a_device_is_noticed() -> None:
    with DeviceNamed(), pytest.raises(AssertionError, match="arange"):
        torch.arange(3)
    with DeviceNamed():
        torch.arange(3, device="cpu")


@pytest.mark.usefixtures("fresh")
def test_canvases_leave_nothing_on_the_processor(stock: Tiles) -> None:
    with DeviceNamed():
        made = make_canvases(stock, HARD, 200, 1)
    assert (made.strengths > 0).any(0).all() and (made.lengths == 0).any()  # every effect was met


def test_learning_and_explaining_leave_nothing_on_the_processor(model: Model, stock: Tiles) -> None:
    canvas = HARD if model.steps > 1 else ONE_DIGIT
    made = make_canvases(stock, canvas.model_copy(update={"found_share": 0.0}), 8, 1)
    with DeviceNamed():
        terms = losses(model, made, TrainingSettings())
        torch.stack(list(terms.values())).sum().backward()
        strips = strip(made.pictures, made.extents)
        read = model.eval().read(strips, with_weights=True)
        gradient_weights(model, strips, made.labels, 0)
        rollout_weights(read.attentions.encoder, read.attentions.cross, 0)


def test_canvases_are_made_where_their_tiles_are(stock: Tiles, device: torch.device) -> None:
    made = make_canvases(on_device(stock, device), HARD, 50, 1)
    for part in fields(Canvases):
        value = getattr(made, part.name)
        assert not isinstance(value, Tensor) or value.device == device
    assert made.texts == make_canvases(on_device(stock, device), HARD, 50, 1).texts


def test_a_strip_is_the_same_wherever_it_is_made(stock: Tiles, device: torch.device) -> None:
    made = make_canvases(stock, HARD, 50, 1)
    expected = strip(made.pictures, made.extents)
    found = strip(made.pictures.to(device), made.extents.to(device))
    assert found.device == device and torch.allclose(found.cpu(), expected, atol=1e-3)


@pytest.mark.parametrize("kind", ["number", "digit"])
def test_a_training_learns_large_batches_on_its_device(
    kind: str, device: torch.device, sample: Mnist, tmp_path: Path
) -> None:
    run = RunSettings(
        canvas=CanvasSettings(
            height=16, width=32 if kind == "number" else 16, max_digits=2 if kind == "number" else 1
        ),
        model=TINY.model_copy(update={"kind": kind}),
        training=TrainingSettings(
            device=device.type, epochs=1, steps_per_epoch=3, batch_size=1024, validation_canvases=20
        ),
    )
    *steps, epoch = fit(ReadingTask(run, sample), tmp_path)
    assert all(isinstance(step, Step) and np.isfinite(step.loss) for step in steps) and len(steps) == 3
    assert isinstance(epoch, Epoch) and isinstance(epoch.watched, Watched)
    reader = Reader.from_checkpoint(tmp_path / "best.safetensors", device=name_of(device))
    assert reader.model.device == device


def test_a_reader_says_the_same_on_every_device(device: torch.device, number_reader: Reader) -> None:
    reader = Reader.from_checkpoint(device=name_of(device))
    image = draw("407").gray
    here, there = number_reader.read(image), reader.read(image)
    assert there.text == here.text == "407" and there.probability == pytest.approx(here.probability, abs=1e-3)
    for method in ("raw", "rollout", "gradient"):
        weights = [
            patch_weights(one, reading, method) for one, reading in ((number_reader, here), (reader, there))
        ]
        assert np.allclose(weights[0], weights[1], atol=1e-3)
    assert reader.on_processor().model.device.type == "cpu"


def test_readings_of_many_come_back_to_the_processor(
    device: torch.device, model: Model, stock: Tiles
) -> None:
    canvas = HARD if model.steps > 1 else ONE_DIGIT
    readings = read_canvases(model.to(device), on_device(stock, device), canvas, 20, 1)
    assert {readings.logits.device.type, readings.tokens.device.type} == {"cpu"}


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    assert chosen("auto") == chosen("cuda") == torch.device("cuda", 0) and chosen("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert chosen("auto").type == "cpu"
    with pytest.raises(SettingsError, match=r"device \(cuda\) needs a GPU.*choose auto or cpu"):
        chosen("cuda")


@pytest.mark.parametrize(("precision", "expected"), [("auto", torch.float32), ("bfloat16", torch.bfloat16)])
def test_the_processor_multiplies_in_bfloat16_only_when_told(precision: Any, expected: torch.dtype) -> None:
    with autocast(torch.device("cpu"), precision):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == expected


def test_the_light_is_taken_off_in_full_precision(stock: Tiles, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def spying(pictures: Tensor, extents: Tensor) -> Tensor:
        seen.append(torch.is_autocast_enabled("cpu"))
        return strip(pictures, extents)

    monkeypatch.setattr("core.training.reading_task.strip", spying)
    model = build(RunSettings(canvas=HARD, model=TINY))
    losses(model, make_canvases(stock, HARD, 4, 1), TrainingSettings(precision="bfloat16"))
    assert seen == [False]
