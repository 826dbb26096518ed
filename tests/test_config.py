"""Settings: what contradicts itself is refused with the mend, old files work as they are, flags beat files beat presets."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from core.commands.arguments import parse_with_settings
from core.commands.train import Train
from core.config import ANCESTOR_KEYS, PRESETS, RunSettings, SettingsError, load_settings, settings_from
from core.model.checkpoint import build

ANCESTOR = {
    "canvas_height": 30,
    "canvas_width": 96,
    "patch_size": 6,
    "embed_dim": 48,
    "num_heads": 3,
    "num_layers": 2,
    "ffn_ratio": 2,
    "max_digits": 4,
    "batch_size": 17,
    "num_epochs": 9,
    "learning_rate": 5e-4,
}


def file(folder: Path, content: Any) -> Path:
    path = folder / "settings.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": {"heads": 5}}, r"dim \(96\) must be divisible by heads \(5\); try heads 4 or 6"),
        (
            {"model": {"dim": 66, "heads": 3}},
            r"dim \(66\) must be divisible by 4.*try 68, or learned positions",
        ),
        (
            {"model": {"patch_size": 6}},
            r"patch_size \(6\) must be a power of two.*try 4 or 8, or the patch stem",
        ),
        (
            {"model": {"patch_overlap": 2}},
            r"patch_overlap \(2\) works with the patch stem only; set it to 0, or stem to patch",
        ),
        (
            {"model": {"stem": "patch", "patch_overlap": 8}},
            r"patch_overlap \(8\) must be below patch_size \(8\); try 4",
        ),
        (
            {"canvas": {"height": 30}},
            r"patch_size \(8\).* does not divide canvas height \(30\); try a height of 24 or 32",
        ),
        (
            {"canvas": {"width": 161}},
            r"patch_size \(8\).* does not divide canvas width \(161\); try a width of 160 or 168",
        ),
        (
            {"canvas": {"min_digits": 4, "max_digits": 2}},
            r"min_digits \(4\) is above max_digits \(2\); lower min_digits or raise max_digits",
        ),
        (
            {"canvas": {"width": 64}},
            r"width \(64\) is too narrow for max_digits \(5\) at height 32; use a width of at least 70, or fewer",
        ),
        (
            {"model": {"kind": "digit"}},
            r"max_digits \(5\) must be 1 for the digit model; set it to 1, or kind to number",
        ),
        ({"canvas": {"max_digits": 0}}, r"canvas\.max_digits \(0\).*greater than or equal to 1"),
        ({"training": {"learning_rate": -1e-3}}, r"training\.learning_rate \(-0\.001\).*greater than 0"),
        ({"training": {"gradient_clip": float("inf")}}, r"training\.gradient_clip \(inf\).*finite"),
        ({"training": {"learning_rate": float("nan")}}, r"training\.learning_rate \(nan\).*finite"),
        ({"model": {"kind": "letter"}}, r"model\.kind \('letter'\).*'number', 'digit' or 'finder'"),
        ({"model": {"heads": "many"}}, r"model\.heads \('many'\).*integer"),
        ({"model": 3}, r"model \(3\) must be an object"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_field_value_and_mend(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_from(values)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError, match=r"max_digits \(0\).*; .*learning_rate \(0\)"):
        settings_from({"max_digits": 0, "learning_rate": 0})


@pytest.mark.parametrize(
    "mend",
    [
        {"model": {"heads": 4}},
        {"model": {"heads": 8}},
        {"canvas": {"height": 24}},
        {"canvas": {"width": 168}},
        {"model": {"stem": "patch", "patch_overlap": 4}},
        {"model": {"dim": 68}},
        {"canvas": {"width": 72}, "model": {"patch_size": 8}},
    ],
)
def test_the_mend_that_a_refusal_names_works(mend: dict[str, Any]) -> None:
    settings_from(mend)


def test_a_file_with_the_keys_of_the_ancestors_works_as_it_is(tmp_path: Path) -> None:
    settings = load_settings(file(tmp_path, ANCESTOR))
    canvas, model, training = settings.canvas, settings.model, settings.training
    assert (canvas.height, canvas.width, canvas.max_digits) == (30, 96, 4)
    assert (model.patch_size, model.dim, model.heads, model.ffn_ratio) == (6, 48, 3, 2)
    assert (model.encoder_layers, model.decoder_layers, model.stem) == (2, 2, "patch")
    assert (training.batch_size, training.epochs, training.learning_rate) == (17, 9, 5e-4)
    assert build(settings).grid == (5, 16)


ANOTHER = {
    "canvas_height": 36,
    "canvas_width": 102,
    "patch_size": 3,
    "embed_dim": 60,
    "num_heads": 4,
    "num_layers": 3,
    "ffn_ratio": 4,
    "max_digits": 2,
    "batch_size": 8,
    "num_epochs": 4,
    "max_epochs": 5,
    "learning_rate": 1e-3,
}


@pytest.mark.parametrize("key", ANCESTOR_KEYS)
def test_every_key_of_the_ancestors_takes_effect(key: str) -> None:
    other = "max_epochs" if key == "num_epochs" else "num_epochs"
    values = {**{name: value for name, value in ANCESTOR.items() if name != other}, key: ANOTHER[key]}
    settings = settings_from(values).model_dump()
    for path in ANCESTOR_KEYS[key]:
        group, name = path.split(".")
        assert settings[group][name] == ANOTHER[key]


def test_a_stray_key_of_the_ancestors_does_not_change_the_stem() -> None:
    assert settings_from({"batch_size": 32, "max_digits": 3}).model.stem == RunSettings().model.stem


@pytest.mark.parametrize(
    ("values", "nearest"),
    [
        ({"emb_dim": 64}, "embed_dim"),
        ({"canvas": {"heigth": 32}}, "height"),
        ({"modell": {}}, "model"),
        ({"dropot": 0.1}, r"model\.dropout"),
        ({"training": {"learning_rat": 1}}, "learning_rate"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(values: dict[str, Any], nearest: str) -> None:
    with pytest.raises(SettingsError, match=f"unknown setting '.*'; did you mean '{nearest}'"):
        settings_from(values)


def test_the_nearest_known_key_can_be_used_as_it_was_named() -> None:
    assert settings_from({"model.dropout": 0.25}).model.dropout == 0.25


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"canvas": {', r"settings\.json: it is not JSON \(.*line 1.*\); mend it there"),
        ("[1, 2]", r"holds a list; it must hold an object"),
        ("", "is not JSON"),
    ],
)
def test_a_broken_file_is_refused_by_name(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(file(tmp_path, content))


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.json: No such file.*check the path"):
        load_settings(tmp_path / "none.json")


def test_settings_survive_the_way_through_json() -> None:
    for settings in PRESETS.values():
        assert RunSettings.model_validate_json(settings.model_dump_json()) == settings


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        PRESETS["number"].canvas.width = 1  # type: ignore[misc]  # what is tested is that this is wrong


def test_flags_override_the_file_which_overrides_the_preset(tmp_path: Path) -> None:
    path = str(file(tmp_path, {"training": {"batch_size": 7, "epochs": 3}}))
    argv = ["--preset", "digit", "--config", path, "--training.epochs", "2", "--model.kind", "digit"]
    _, settings = parse_with_settings(Train, argv)
    assert settings.training.epochs == 2  # a flag
    assert settings.training.batch_size == 7  # the file
    assert settings.canvas == PRESETS["digit"].canvas  # the preset
    assert settings.training.steps_per_epoch == PRESETS["digit"].training.steps_per_epoch


def test_a_contradiction_in_the_flags_is_refused_like_one_in_a_file() -> None:
    with pytest.raises(SettingsError, match=r"dim \(96\) must be divisible by heads \(5\); try heads 4 or 6"):
        parse_with_settings(Train, ["--model.heads", "5"])


@pytest.mark.parametrize(
    "argv", [["--model.headz", "4"], ["--preset", "huge"], ["--model.stem", "conf"]], ids=" ".join
)
def test_a_flag_that_does_not_exist_is_refused_with_those_that_do(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        parse_with_settings(Train, argv)
    assert stop.value.code == 2
    assert {"--model.headz": "--model.heads", "--preset": "number-small", "--model.stem": "conv"}[
        argv[0]
    ] in "".join(capsys.readouterr())


def described(settings: BaseModel) -> list[tuple[str, str]]:
    """Each single setting as its flag, and its description."""
    found = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        assert field.description, f"{type(settings).__name__}.{name} has no description"
        if isinstance(value, BaseModel):
            found += [(f"--{name}{flag.removeprefix('-')}", text) for flag, text in described(value)]
        else:
            found.append((f"-.{name.replace('_', '-')}", field.description))
    return found


def test_every_setting_has_one_line_that_reaches_the_help(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")  # wider, and the groups stand side by side
    with pytest.raises(SystemExit):
        parse_with_settings(Train, ["--help"])
    shown = "".join(capsys.readouterr().out.split())
    settings = described(RunSettings())
    assert len(settings) > 30
    for flag, text in settings:
        assert "\n" not in text
        assert flag in shown and "".join(text.split()).replace("│", "") in shown.replace("│", ""), flag
