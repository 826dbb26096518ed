"""Every choice a person can make, as frozen, validated settings, of which the command line, JSON files and forms are made."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import PlainError
from core.structured import StructureError, decoded, read_json

DIGITS = "0123456789"
"""What every vocabulary begins with, so that the token of a digit is the digit."""

_MOST_FAULTS = 5  # that one message lists


class SettingsError(PlainError, ValueError):
    """A setting that cannot work; the message names the field, the value and the mend."""


class Settings(BaseModel):
    """What all groups of settings share: they are frozen, and an unknown name is refused."""

    # Finite, because JSON, and so a checkpoint, has no word for infinity.
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Settings)

Kind = Literal["number", "digit", "finder"]
"""The models: two that read, and one that sees where there is something to read."""


class CanvasSettings(Settings):
    """The synthetic pictures: what is written, how large, how many digits, how hard."""

    symbols: str = DIGITS
    """What can be written and read: the ten digits, and behind them any signs and letters; of those each place may show one."""
    height: int = Field(32, ge=16, le=128)
    """Height of a canvas in pixels."""
    width: int = Field(160, ge=16, le=1024)
    """Width of a canvas in pixels."""
    min_digits: int = Field(1, ge=1, le=32)
    """Fewest digits in a number."""
    max_digits: int = Field(5, ge=1, le=32)
    """Most digits in a number; a model reads no longer numbers than it was trained on."""
    variation: float = Field(1.0, ge=0, le=1)
    """How much hands differ in size, slant, stretch and pen: 0 is one size, upright."""
    bend: float = Field(0.0, ge=0, le=3)
    """How far the strokes of each digit are bent out of shape, in MNIST pixels (the standard deviation at a few places)."""
    plain_share: float = Field(0.0, ge=0, le=1)
    """Share of canvases whose digits are MNIST's own pixels, neither scaled nor bent."""
    penned_share: float = Field(0.0, ge=0, le=1)
    """Share of canvases in hands that MNIST lacks, drawn stroke by stroke: European 1 and 7, straight 4 and 9, thin even pens."""
    hands_share: float = Field(0.0, ge=0, le=1)
    """Share of canvases in the hands of hundreds of other writers, one hand a number; needs the folder of hands (NUMBERS_HANDS)."""
    faces_share: float = Field(0.0, ge=0, le=1)
    """Share of canvases in a typeface, handwriting or print, one face a number."""
    whole_share: float = Field(0.0, ge=0, le=1)
    """Share of canvases with a number as somebody wrote it in one go, with its own spacing; needs the folder of hands."""
    rows_share: float = Field(0.0, ge=0, le=1)
    """Share of canvases that are rows of photographed cells, with their walls and their paper; needs the folder of hands."""
    walled_share: float = Field(0.0, ge=0, le=1)
    """Share of canvases with walls around and between the digits, up to 5 pixels thick, as in the cells of a form."""
    empty_share: float = Field(0.1, ge=0, le=1)
    """Share of canvases without any digit: blank paper, letters, scribbles. Their answer is "nothing"."""
    found_share: float = Field(0.0, ge=0, le=1)
    """Share of canvases that the finder of numbers cut out of simulated camera frames, with a number or with none; above 0, frames are searched first (minutes)."""
    difficulty: float = Field(1.0, ge=0, le=1)
    """What a camera does to the picture: 0 is clean ink, 1 is camera-like (each canvas draws its own severity up to this)."""

    def of_mnist_alone(self) -> Self:
        """The same canvases without other hands, walls and finds: what models are compared on."""
        shares = "hands", "faces", "whole", "rows", "walled", "penned", "found"
        return self.model_copy(update={f"{share}_share": 0.0 for share in shares})

    @property
    def wants_hands(self) -> bool:
        """Whether there is anything on them that `core.data.hands` has."""
        return max(self.hands_share, self.faces_share, self.whole_share, self.rows_share) > 0

    @field_validator("symbols")
    @classmethod
    def _digits_first(cls, symbols: str) -> str:
        if not symbols.startswith(DIGITS):
            raise ValueError(f"symbols ({symbols!r}) must begin with the digits; try {DIGITS + symbols!r}")
        odd = [
            symbol
            for place, symbol in enumerate(symbols)
            if symbol in symbols[:place] or not "!" <= symbol <= "~"
        ]
        if odd:
            raise ValueError(
                f"symbols ({symbols!r}) names {odd[0]!r} twice, or it cannot be printed in ASCII; leave it out"
            )
        return symbols

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min_digits > self.max_digits:
            raise ValueError(
                f"min_digits ({self.min_digits}) is above max_digits ({self.max_digits}); lower min_digits or raise max_digits"
            )
        needed = self.max_digits * self.height * 7 // 16
        if self.width < needed:
            raise ValueError(
                f"width ({self.width}) is too narrow for max_digits ({self.max_digits}) at height {self.height}; "
                f"use a width of at least {needed}, or fewer digits"
            )
        return self


class SceneSettings(Settings):
    """The synthetic camera frames that the finder learns from: made once, and kept in the lab."""

    name: str = Field("", pattern=r"^(\w[\w.-]*)?$", max_length=80)
    """Of their folder among the scenes in the lab; empty: it is named by count and seed. What is missing there is made before the training."""
    count: int = Field(30_000, ge=10, le=1_000_000)
    """How many scenes there are."""
    first_seed: int = Field(1_000_000, ge=0, le=9_000_000)
    """Seed of the first scene; each other one has the next."""
    processes: int = Field(2, ge=1, le=64)
    """Processes that make scenes at the same time."""


class ModelSettings(Settings):
    """The model: which of the three; of the transformers how they cut the strip into patches, and how large they are."""

    kind: Kind = "number"
    """number: encoder and decoder that read 1 to N digits; digit: an encoder that classifies one digit; finder: sees where numbers stand."""
    stem: Literal["conv", "patch"] = "conv"
    """How pixels become tokens: conv (a few strided convolutions) or patch (one linear map of each patch)."""
    patch_size: int = Field(8, ge=2, le=64)
    """Side of a patch in pixels; with the conv stem, its total stride (a power of two)."""
    stem_width: int = Field(24, ge=1, le=512)
    """Channels of the conv stem's first layer; each next layer has twice as many, up to dim."""
    stem_depth: int = Field(3, ge=1, le=4)
    """Convolutions at each resolution of the conv stem but the last: the first halves it, the others keep it."""
    patch_overlap: int = Field(0, ge=0)
    """Pixels that neighbouring patches share (patch stem only)."""
    dim: int = Field(96, ge=8, le=1024)
    """Width: the length of each token's vector."""
    heads: int = Field(4, ge=1, le=64)
    """Attention heads in each layer."""
    encoder_layers: int = Field(4, ge=1, le=24)
    """Layers of the encoder."""
    decoder_layers: int = Field(1, ge=1, le=24)
    """Layers of the decoder (number model only)."""
    ffn_ratio: float = Field(2.0, gt=0, le=16)
    """Width of the feed-forward layer as a multiple of dim."""
    activation: Literal["gelu", "relu", "silu"] = "gelu"
    """Non-linearity of the feed-forward layers and the stem."""
    positions: Literal["sincos", "learned"] = "sincos"
    """Position embedding: fixed sine and cosine waves, or learned."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of activations dropped during training."""
    temperature: float = Field(1.0, gt=0, le=10)
    """Attention temperature: above 1 attention spreads out, below 1 it sharpens."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.dim % self.heads:
            fitting = [heads for heads in range(1, min(self.dim, 64) + 1) if self.dim % heads == 0]
            nearest = [
                *[heads for heads in fitting if heads < self.heads][-1:],
                *[heads for heads in fitting if heads > self.heads][:1],
            ]
            raise ValueError(
                f"dim ({self.dim}) must be divisible by heads ({self.heads}); try heads {' or '.join(map(str, nearest))}"
            )
        if self.positions == "sincos" and self.dim % 4:
            raise ValueError(
                f"dim ({self.dim}) must be divisible by 4 for sine-cosine positions; try {self.dim // 4 * 4 + 4}, or learned positions"
            )
        if self.stem == "conv" and self.patch_size & (self.patch_size - 1):
            raise ValueError(
                f"patch_size ({self.patch_size}) must be a power of two with the conv stem; try 4 or 8, or the patch stem"
            )
        if self.stem == "conv" and self.patch_overlap:
            raise ValueError(
                f"patch_overlap ({self.patch_overlap}) works with the patch stem only; set it to 0, or stem to patch"
            )
        if self.patch_overlap >= self.patch_size:
            raise ValueError(
                f"patch_overlap ({self.patch_overlap}) must be below patch_size ({self.patch_size}); try {self.patch_size // 2}"
            )
        return self

    @property
    def stride(self) -> int:
        """Pixels from one patch to the next."""
        return self.patch_size - self.patch_overlap

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of patches on a strip of that size."""
        return (height - self.patch_size) // self.stride + 1, (width - self.patch_size) // self.stride + 1


class TrainingSettings(Settings):
    """How the model is taught: how long, how fast, from which seed."""

    seed: int = Field(0, ge=0, lt=2**31)
    """Everything random follows from this number."""
    epochs: int = Field(30, ge=1)
    """Epochs of training; after each the model is validated."""
    steps_per_epoch: int = Field(500, ge=1)
    """Batches in an epoch. Canvases are made on the fly, so an epoch is a choice and not a data set."""
    batch_size: int = Field(64, ge=1)
    """Canvases in a batch; of the finder, windows of scenes."""
    optimizer: Literal["muon", "adamw"] = "muon"
    """muon: Muon for the matrices inside the model and AdamW for the rest; adamw: AdamW for all."""
    learning_rate: float = Field(2e-3, gt=0, le=1)
    """Peak learning rate of AdamW."""
    muon_learning_rate: float = Field(0.02, gt=0, le=1)
    """Peak learning rate of Muon."""
    weight_decay: float = Field(0.05, ge=0, le=1)
    """Decoupled weight decay of matrices."""
    warmup_steps: int = Field(150, ge=0)
    """Steps over which the learning rate rises from zero (at most a tenth of the training)."""
    decay_share: float = Field(0.8, ge=0, le=1)
    """Share of the training, at its end, over which the learning rate falls to zero."""
    label_smoothing: float = Field(0.02, ge=0, lt=1)
    """Probability mass spread over the wrong answers in the target."""
    gradient_clip: float = Field(1.0, gt=0)
    """Largest norm of a step's gradient."""
    average: float = Field(0.0, ge=0, lt=1)
    """Share of itself that the mean of the weights keeps at each step; the mean is what is validated and kept. 0: the weights themselves are."""
    alignment_weight: float = Field(0.1, ge=0)
    """Weight of the loss that asks each digit's cross-attention to rest inside the digit's true box (number model)."""
    box_weight: float = Field(1.0, ge=0)
    """Weight of the loss of the predicted box of each digit (number model)."""
    validation_canvases: int = Field(2000, ge=10)
    """Canvases on which each epoch is validated: half of them clean, half at the canvas's difficulty; of the finder, scenes."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where canvases are made and the model learns: cpu, cuda (a GPU), or auto, a GPU where there is one. Each gives bits of its own."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Numbers in which convolutions and matrices are multiplied: bfloat16 is faster on a GPU and on processors with units for it (AMX); auto is bfloat16 on a GPU, else float32."""
    threads: int = Field(1, ge=1, le=256)
    """Processor threads. The same number gives the same bits; another one may differ in the last digit."""
    save_every: int = Field(500, ge=1)
    """Steps between two saves of the state from which an interrupted training goes on."""

    @property
    def steps(self) -> int:
        """Batches in the whole training."""
        return self.epochs * self.steps_per_epoch


class RunSettings(Settings):
    """All settings of one training."""

    canvas: CanvasSettings = CanvasSettings()
    """The pictures that a model learns to read."""
    scenes: SceneSettings = SceneSettings()
    """The pictures in which the finder learns to see numbers."""
    model: ModelSettings = ModelSettings()
    """The model."""
    training: TrainingSettings = TrainingSettings()
    """The teaching."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for side in ("height", "width"):
            length = getattr(self.canvas, side)
            rest = (length - self.model.patch_size) % self.model.stride
            if length < self.model.patch_size or rest:
                fitting = max(length - rest, self.model.patch_size)
                raise ValueError(
                    f"patch_size ({self.model.patch_size}) with patch_overlap ({self.model.patch_overlap}) does not divide "
                    f"canvas {side} ({length}); try a {side} of {fitting} or {fitting + self.model.stride}"
                )
        if self.model.kind == "digit" and self.canvas.max_digits != 1:
            raise ValueError(
                f"max_digits ({self.canvas.max_digits}) must be 1 for the digit model; set it to 1, or kind to number"
            )
        return self


_OF_READERS = "label_smoothing", "alignment_weight", "box_weight"


def acting_settings(kind: Kind) -> dict[str, tuple[str, ...]]:
    """Names of the settings that act on a model of that kind, group by group; the others are there and do nothing."""
    names = {group: tuple(type(values).model_fields) for group, values in RunSettings()}
    if kind != "finder":
        return {group: own for group, own in names.items() if group != "scenes"}
    training = tuple(name for name in names["training"] if name not in _OF_READERS)
    return {"scenes": names["scenes"], "model": ("kind",), "training": training}


_ONE_DIGIT = CanvasSettings(
    height=32, width=32, max_digits=1, variation=0.6, plain_share=0.3, empty_share=0.03, difficulty=0.3
)

_FINDING = TrainingSettings(
    epochs=32,
    batch_size=12,
    learning_rate=3e-3,
    weight_decay=0.01,
    warmup_steps=100,
    decay_share=0.5,
    gradient_clip=2.0,
    average=0.998,
    validation_canvases=300,
)

PRESETS: dict[str, RunSettings] = {
    "number": RunSettings(
        canvas=CanvasSettings(max_digits=8, penned_share=0.1, empty_share=0.1, found_share=0.16),
        training=TrainingSettings(epochs=21, steps_per_epoch=1000),
    ),
    "number-small": RunSettings(model=ModelSettings(dim=40, stem_width=14, stem_depth=2, encoder_layers=3)),
    "digit": RunSettings(
        canvas=_ONE_DIGIT,
        model=ModelSettings(kind="digit", dim=48, stem_width=16, encoder_layers=2),
        training=TrainingSettings(epochs=40, steps_per_epoch=1000, optimizer="adamw", learning_rate=3e-3),
    ),
    "finder": RunSettings(model=ModelSettings(kind="finder"), training=_FINDING),
    "finder-small": RunSettings(
        scenes=SceneSettings(count=1500),
        model=ModelSettings(kind="finder"),
        training=_FINDING.model_copy(
            update={"epochs": 10, "steps_per_epoch": 150, "average": 0.98, "validation_canvases": 100}
        ),
    ),
    "earlier-number": RunSettings(
        canvas=CanvasSettings(height=30, width=96, difficulty=0.3),
        model=ModelSettings(
            stem="patch", patch_size=6, dim=44, encoder_layers=3, positions="learned", dropout=0.1
        ),
        training=TrainingSettings(epochs=20, optimizer="adamw", learning_rate=1e-3, alignment_weight=0.0),
    ),
    "earlier-digit": RunSettings(
        canvas=CanvasSettings(
            height=28, width=28, max_digits=1, variation=0.0, plain_share=1.0, difficulty=0.0
        ),
        model=ModelSettings(
            kind="digit",
            stem="patch",
            patch_size=4,
            dim=32,
            encoder_layers=2,
            positions="learned",
            dropout=0.1,
        ),
        training=TrainingSettings(epochs=20, optimizer="adamw", learning_rate=1e-3),
    ),
}
"""Named starting points: the default number model, one that reads of each kind at no more than 90,000 parameters, the finder as it is
shipped and in minutes, and two in the manner of the projects that this one carries on: linear patches of 6 and 4 pixels, learned
positions, AdamW, and their sizes."""

READING_PRESETS = tuple(name for name, settings in PRESETS.items() if settings.model.kind != "finder")
"""Those of models that read."""

ANCESTOR_KEYS: dict[str, tuple[str, ...]] = {
    "canvas_height": ("canvas.height",),
    "canvas_width": ("canvas.width",),
    "max_digits": ("canvas.max_digits",),
    "patch_size": ("model.patch_size",),
    "embed_dim": ("model.dim",),
    "num_heads": ("model.heads",),
    "num_layers": ("model.encoder_layers", "model.decoder_layers"),
    "ffn_ratio": ("model.ffn_ratio",),
    "batch_size": ("training.batch_size",),
    "max_epochs": ("training.epochs",),
    "num_epochs": ("training.epochs",),
    "learning_rate": ("training.learning_rate",),
}
"""Flat names of earlier projects and the settings they stand for; where two name the same setting, the later in this list wins."""


def load_settings(path: Path, base: RunSettings | None = None) -> RunSettings:
    """Settings from a JSON file: grouped as in `RunSettings`, or flat with the names in `ANCESTOR_KEYS`.

    What the file leaves out comes from `base`. Raises `SettingsError` naming the file, the key and the nearest known one.
    """
    try:
        values = read_json(decoded(path.read_bytes()))
    except OSError as error:
        raise SettingsError(
            f"cannot read the settings file {path}: {error.strerror}; check the path"
        ) from error
    except StructureError as error:
        raise SettingsError(f"{path}: {error}; mend it there, or start from a preset") from error
    if not isinstance(values, dict):
        raise SettingsError(
            f'{path} holds a {type(values).__name__}; it must hold an object such as {{"canvas": {{}}}}'
        )
    return settings_from(values, base, source=str(path))


def settings_from(
    values: dict[str, Any], base: RunSettings | None = None, *, source: str = "settings"
) -> RunSettings:
    """Settings from grouped or flat values, completed from `base`. Raises `SettingsError`."""
    merged = (base or RunSettings()).model_dump()
    if "patch_size" in values:  # the earlier projects cut plain patches, so a file of theirs means that
        merged["model"]["stem"] = "patch"
    for key in sorted(
        values, key=lambda name: list(ANCESTOR_KEYS).index(name) if name in ANCESTOR_KEYS else -1
    ):
        for path in ANCESTOR_KEYS.get(key, (key,)):
            _assign(merged, path, values[key], source)
    return validated(RunSettings, merged, source=source)


def validated(model: type[Model], values: dict[str, Any], *, source: str = "settings") -> Model:
    """The settings, or a `SettingsError` with one line for each thing that is wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = []
        for fault in error.errors():
            message = fault["msg"].removeprefix("Value error, ")
            if fault["type"] != "value_error":  # ours name the field themselves
                message = f"{'.'.join(map(str, fault['loc']))} ({_cut(repr(fault['input']), 60)}): {message}"
            lines.append(_cut(message, 300))
        more = f"; and {len(lines) - _MOST_FAULTS} more" if len(lines) > _MOST_FAULTS else ""
        raise SettingsError(f"{source}: {'; '.join(lines[:_MOST_FAULTS])}{more}") from error


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 2] + " …"


def _assign(settings: dict[str, Any], path: str, value: Any, source: str) -> None:
    """Set one value, group by group; refuse a name that does not exist with the nearest one that does."""
    name, _, rest = path.partition(".")
    if name not in settings:
        known = {key: key for key in settings}
        for group, inner in settings.items():  # at the top, a name may stand for one inside a group
            known |= {key: f"{group}.{key}" for key in inner} if isinstance(inner, dict) else {}
        if any(isinstance(inner, dict) for inner in settings.values()):
            known |= {key: key for key in ANCESTOR_KEYS}
        raise SettingsError(
            f"{source}: unknown setting {_cut(name, 60)!r}; did you mean {known[_nearest(name, known)]!r}?"
        )
    if rest and not isinstance(settings[name], dict):
        raise SettingsError(
            f"{source}: {name} is a setting and no group of them; leave {_cut('.' + rest, 60)!r} out"
        )
    if rest:
        _assign(settings[name], rest, value, source)
    elif isinstance(settings[name], dict):
        if not isinstance(value, dict):
            raise SettingsError(f"{source}: {name} ({_cut(repr(value), 60)}) must be an object of settings")
        for key, inner in value.items():
            _assign(settings[name], key, inner, source)
    else:
        settings[name] = value


def _nearest(name: str, known: dict[str, str]) -> str:
    """The known name that is most like it, or that it abbreviates: lr is learning_rate."""
    initials = {"".join(word[:1] for word in key.split("_")): key for key in reversed(known)}
    return initials.get(name) or difflib.get_close_matches(name[:80], known, n=1, cutoff=0.0)[0]
