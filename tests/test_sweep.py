"""A sweep tries out what its file says, refuses what it cannot, and loses nothing when it is interrupted."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core import __main__ as command_line
from core.config import PRESETS, CanvasSettings, ModelSettings, RunSettings, SettingsError, TrainingSettings
from core.data.mnist import Mnist
from core.model.checkpoint import load_checkpoint
from core.training import engine, reading_task
from core.training.engine import Epoch, Step
from core.training.reading_task import ReadingTask
from core.training.store.tracking import Store
from core.training.sweeps.figures import FIGURES, figure, front, grouped
from core.training.sweeps.file import EXAMPLE, read_plan
from core.training.sweeps.running import run
from core.training.sweeps.study import Sweep, SweepError, Trial, begin, load, stamp, sweeps, trials

TINY = RunSettings(
    canvas=CanvasSettings(height=16, width=32, max_digits=2, empty_share=0.0, difficulty=0.0),
    model=ModelSettings(dim=16, heads=2, encoder_layers=1, stem_width=4, stem_depth=1),
    training=TrainingSettings(
        epochs=3, steps_per_epoch=2, batch_size=4, validation_canvases=20, save_every=2, warmup_steps=0
    ),
)
ANCESTOR = """{
  "method": "bayes",
  "metric": {"name": "val_accuracy", "goal": "maximize"},
  "parameters": {
    "learning_rate": {"distribution": "log_uniform_values", "min": 0.00001, "max": 0.01},
    "embed_dim": {"values": [32, 64, 128]}, "num_heads": {"values": [2, 4, 8]}, "num_layers": {"values": [2, 3]},
    "batch_size": {"values": [64, 128]}, "num_epochs": {"value": 10}, "max_digits": {"values": [5]}
  },
  "early_terminate": {"type": "hyperband", "min_iter": 10}
}"""
HEADS = "model.heads: {values: [1, 2]}"


def file(parameters: str = HEADS, *, method: str = "grid", metric: str = "score", more: str = "") -> str:
    lines = parameters.replace("\n", "\n  ")
    return f"method: {method}\nmetric: {{name: {metric}, goal: maximize}}\n{more}\nparameters:\n  {lines}\n"


@pytest.fixture
def store(tmp_path: Path, store_in: Callable[[Path], Store]) -> Store:
    """The run store of this test's lab."""
    return store_in(tmp_path)


@pytest.fixture(autouse=True)
def own_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path))
    yield
    torch.set_num_threads(threads)


def trained(
    sweep: Sweep, mnist: Mnist, store: Store | None = None
) -> list[tuple[Trial, Step | Epoch | None]]:
    return list(run(sweep, mnist, store, lambda settings: None))


def told(sweep: Sweep) -> list[tuple[str, dict[str, Any]]]:
    return [(trial.state, trial.params) for trial in trials(sweep)]


def scored(monkeypatch: pytest.MonkeyPatch, score: Callable[[RunSettings], float]) -> None:
    """Real trainings, whose epochs are given this score."""
    real = engine.fit

    def fit(task: ReadingTask, *rest: Any, **more: Any) -> Iterator[Step | Epoch]:
        with contextlib.closing(real(task, *rest, **more)) as records:
            for record in records:
                if isinstance(record, Epoch):
                    record.scores["score"] = score(task.settings)
                yield record

    monkeypatch.setattr("core.training.sweeps.running.fit", fit)


# The file


def test_the_ancestors_file_is_read_as_it_is() -> None:
    plan = read_plan(ANCESTOR, PRESETS["number-small"])
    assert plan.trials == 20 and plan.epochs == 10 and plan.settings.metric.name == "score"
    settings = plan.run_settings({"embed_dim": 64, "num_heads": 8, "num_layers": 3, "learning_rate": 0.001})
    assert (settings.model.dim, settings.model.heads, settings.training.epochs) == (64, 8, 10)
    assert settings.model.encoder_layers == settings.model.decoder_layers == 3


def test_yaml_and_json_say_the_same_and_an_exponent_is_a_number() -> None:
    yaml = read_plan(file("learning_rate: {min: 1e-5, max: 1e-2}", method="random"), TINY)
    values = {"method": "random", "metric": {"name": "score", "goal": "maximize"}}
    json_ = read_plan(
        json.dumps({**values, "parameters": {"learning_rate": {"min": 1e-5, "max": 1e-2}}}), TINY
    )
    assert yaml == json_ and yaml.settings.parameters["learning_rate"].min == 1e-5


def test_the_example_can_be_tried_out() -> None:
    plan = read_plan(EXAMPLE, PRESETS["number-small"])
    assert plan.trials == 6 and plan.epochs == 3 and not plan.left_out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (file("model.head: {values: [1, 2]}"), "unknown setting 'head'; did you mean 'heads'"),
        (file("num_head: {values: [1, 2]}"), "unknown setting 'num_head'; did you mean 'num_heads'"),
        (file("learning_rate: {min: 0.1, max: 0.01}", method="random"), r"learning_rate: min \(0.1\).*swap"),
        (file("learning_rate: {min: 0.1, max: 0.01}"), "a grid needs values"),
        (file(metric="loss"), r"metric.name \('loss'\) is never validated; use one of: clean"),
        (file(metric="mnist"), "mnist.*digit model only"),
        (file("model.heads: {values: [1, 5]}"), r"model.heads: 5 works in no run: dim \(16\)"),
        (
            file("learning_rate: {min: 0.1, max: 10}", method="random"),
            "10.0 works in no run.*less than or equal to 1",
        ),
        (file("model.dim: {distribution: uniform, min: 16, max: 64}", method="random"), "valid integer"),
        (file("model.heads: {values: [1, 2]}\nnum_heads: {values: [1, 2]}"), "num_heads: model.heads says"),
        (file("model.heads: {values: [1, 2], min: 3}"), "either value, or values, or min and max"),
        (file("model.heads: {values: []}"), "model.heads.values"),
        (file("model.heads: {distribution: normal, min: 1, max: 2}"), "distribution"),
        (
            file("learning_rate: {distribution: log_uniform_values, min: 0, max: 1}", method="random"),
            "above 0",
        ),
        (file("model.dropout: {max: 0.5}", method="random"), "model.dropout: min is missing"),
        (file(method="bayesian"), "'grid', 'random' or 'bayes'"),
        (
            file(more="early_terminate: {type: hyperband, min_iter: 9}"),
            r"min_iter \(9\) is above the 3 epochs",
        ),
        (file(more="early_termination: {type: median}"), "early_termination"),
        ("method: grid", "parameters.*Field required"),
        ("- 1", "holds no sweep"),
        ("a: [", "neither YAML nor JSON"),
        ("!!python/object/apply:os.getcwd []", "neither YAML nor JSON"),
    ],
)
def test_what_cannot_be_tried_out_is_refused_with_the_key_and_the_mend(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_plan(text, TINY)


def test_of_a_grid_the_combinations_that_do_not_go_together_are_left_out_and_named() -> None:
    plan = read_plan(file("model.heads: {values: [2, 3]}\nmodel.dim: {values: [16, 24]}"), TINY)
    assert [tuple(params.values()) for params in plan.grid] == [(2, 16), (2, 24), (3, 24)]
    assert len(plan.left_out) == 1 and "model.heads 3, model.dim 16: dim (16)" in plan.left_out[0]


@pytest.mark.parametrize(
    ("parameter", "drawn"),
    [
        ("{min: 0.1, max: 0.2}", (0.1, 0.2, False, None, False)),
        ("{min: 1, max: 3}", (1, 3, False, 1, True)),
        ("{distribution: q_uniform, min: 0, max: 0.25, q: 0.1}", (0, 0.2, False, 0.1, False)),
        ("{distribution: log_uniform, min: -2, max: -1}", (0.1353, 0.3679, True, None, False)),
    ],
)
def test_distributions_mean_what_they_mean_to_weights_and_biases(
    parameter: str, drawn: tuple[Any, ...]
) -> None:
    # A clip of 0 is not allowed, a dropout of 0 is.
    setting = "model.dropout" if "min: 0," in parameter else "training.gradient_clip"
    plan = read_plan(file(f"{setting}: {parameter}", method="random"), TINY)
    (only,) = plan.settings.parameters.values()
    assert only.range == pytest.approx(drawn, abs=1e-4)


# Running


def test_a_grid_trains_every_combination_once_and_records_each_as_a_run(sample: Mnist, store: Store) -> None:
    sweep = begin(file("num_heads: {values: [1, 2]}\ntraining.seed: {values: [0, 1]}"), "heads", TINY)
    records = trained(sweep, sample, store)
    done = trials(sweep)
    assert [trial.state for trial in done] == ["finished"] * 4
    assert [trial.params for trial in done] == [
        {"num_heads": heads, "training.seed": seed} for heads in (1, 2) for seed in (0, 1)
    ]
    assert [set(trial.values) for trial in done] == [{1, 2, 3}] * 4
    assert sum(isinstance(record, Step) for _, record in records) == 4 * TINY.training.steps
    runs = {one.id: one for one in store.runs()}
    for trial in done:
        recorded = runs[trial.run]
        assert (recorded.tags["sweep"], recorded.tags["trial"]) == ("heads", str(trial.number))
        assert recorded.status == "finished" and recorded.settings["model.heads"] == trial.params["num_heads"]
        checkpoint = load_checkpoint(trial.checkpoint)
        assert checkpoint.settings == sweep.plan.run_settings(trial.params)
        assert checkpoint.about["validation"]["score"] == pytest.approx(max(trial.values.values()))
        assert trial.parameters == sum(weight.numel() for weight in checkpoint.model.parameters())
        assert trial.latency and trial.seconds and trial.started
    assert not trained(sweep, sample, store) and len(store.runs()) == 4


def test_a_trial_is_the_same_training_as_outside_a_sweep(sample: Mnist, tmp_path: Path) -> None:
    sweep = begin(file("model.heads: {values: [1, 4]}"), "s", TINY)
    trained(sweep, sample)
    last = trials(sweep)[-1]
    alone = TINY.model_copy(update={"model": TINY.model.model_copy(update={"heads": 4})})
    epochs = [
        one for one in engine.fit(ReadingTask(alone, sample), tmp_path / "run") if isinstance(one, Epoch)
    ]
    assert list(last.values.values()) == [one.scores["score"] for one in epochs]


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_random_and_bayes_draw_within_the_bounds_and_not_the_same_again_after_a_break(
    method: str, sample: Mnist
) -> None:
    text = file("learning_rate: {distribution: log_uniform_values, min: 1e-4, max: 1e-2}", method=method)
    trained(begin(text, "s", TINY, trials=2), sample)
    sweep = begin(text, "s", TINY, trials=4)
    trained(sweep, sample)
    rates = [float(trial.params["learning_rate"]) for trial in trials(sweep)]
    assert len(set(rates)) == 4 and all(1e-4 <= rate <= 1e-2 for rate in rates)


def test_values_that_do_not_go_together_are_told_and_others_drawn(sample: Mnist) -> None:
    text = file("model.heads: {values: [2, 3, 5]}\nmodel.dim: {values: [16, 24, 40]}", method="random")
    sweep = begin(text, "s", TINY, trials=3)
    trained(sweep, sample)
    states = [trial.state for trial in trials(sweep)]
    assert states.count("finished") == 3 and "failed" in states
    assert all("divisible" in trial.why for trial in trials(sweep) if trial.state == "failed")


def test_what_does_badly_is_given_up(sample: Mnist, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the settings that hardly learn, none is trained to its end."""
    text = file(
        "training.seed: {values: [0, 1, 2, 3, 4, 5, 6]}", more="early_terminate: {type: median, min_iter: 1}"
    )
    scored(monkeypatch, lambda settings: 1 - settings.training.seed / 10)
    sweep = begin(text, "s", TINY)
    trained(sweep, sample, store)
    assert [trial.state for trial in trials(sweep)] == ["finished"] * 4 + ["pruned"] * 3
    assert [len(trial.values) for trial in trials(sweep)] == [3] * 4 + [1] * 3
    assert {store.run(trial.run).status for trial in trials(sweep)[4:]} == {"stopped"}
    assert sweep.best(trials(sweep)) == trials(sweep)[0]


@pytest.mark.parametrize("kind", ["hyperband", "median"])
def test_both_ways_to_give_up_run_on_real_trainings(kind: str, sample: Mnist) -> None:
    more = f"early_terminate: {{type: {kind}, min_iter: 1, eta: 2}}"
    sweep = begin(file("training.seed: {values: [0, 1, 2]}", more=more), "s", TINY)
    trained(sweep, sample)
    assert {trial.state for trial in trials(sweep)} <= {"finished", "pruned"} and len(trials(sweep)) == 3


def test_a_trial_that_diverges_is_told_and_the_sweep_goes_on(
    sample: Mnist, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = reading_task.losses

    def broken(model: Any, batch: Any, choices: TrainingSettings) -> Any:
        terms = real(model, batch, choices)
        return {name: term * float("nan") for name, term in terms.items()} if choices.seed == 1 else terms

    monkeypatch.setattr(reading_task, "losses", broken)
    sweep = begin(file("training.seed: {values: [0, 1, 2]}"), "s", TINY)
    trained(sweep, sample, store)
    done = trials(sweep)
    assert [trial.state for trial in done] == ["finished", "failed", "finished"]
    assert "lower learning_rate" in done[1].why and store.run(done[1].run).status == "failed"


def test_a_database_can_hold_the_trials(sample: Mnist, tmp_path: Path) -> None:
    sweep = begin(file(), "s", TINY, storage=f"sqlite:///{tmp_path}/shared.db")
    trained(sweep, sample)
    assert [state for state, _ in told(load("s"))] == ["finished"] * 2
    assert not (sweep.folder / "journal.log").exists()


# Interruption


@pytest.mark.parametrize("steps", [1, 3, 5])
def test_a_sweep_that_is_stopped_goes_on_to_the_same_bits(steps: int, sample: Mnist, store: Store) -> None:
    whole = begin(file(), "whole", TINY)
    trained(whole, sample)
    sweep = begin(file(), "cut", TINY)
    taken = run(sweep, sample, store, lambda settings: None)
    for _, record in taken:
        if isinstance(record, Step) and record.step == steps:
            break
    taken.close()
    assert [state for state, _ in told(sweep)][1:] == ["waiting"]
    assert [one.status for one in store.runs()] == ["stopped"]
    records = trained(begin(file(), "cut", TINY), sample, store)
    again = [
        record.step
        for trial, record in records
        if isinstance(record, Step) and trial.params["model.heads"] == 1
    ]
    assert again[0] == steps + 1

    def by_heads(of: Sweep) -> dict[Any, tuple[dict[int, float], float | None, str]]:
        return {one.params["model.heads"]: (one.values, one.value, one.state) for one in trials(of)}

    assert by_heads(sweep) == by_heads(whole)
    assert sorted(one.status for one in store.runs()) == ["finished"] * 2


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on_and_no_trial_is_lost(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "killed.yaml"
    constants = {"canvas": TINY.canvas, "model": TINY.model, "training": TINY.training}
    lines = [
        f"{group}.{name}: {{value: {value}}}"
        for group, settings in constants.items()
        for name, value in settings.model_dump().items()
        if f"{group}.{name}" not in ("model.heads", "training.steps_per_epoch", "training.epochs")
    ]
    lines += [HEADS, "training.steps_per_epoch: {value: 40}", "training.epochs: {value: 2}"]
    path.write_text(file("\n".join(lines)))
    command = [sys.executable, "-m", "core", "sweep", str(path), "--sample", "--untracked"]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    state = tmp_path / "sweeps" / "killed" / "trials" / "0000" / "state.safetensors"
    deadline = time.monotonic() + 60
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    sweep = load("killed")
    assert [state for state, _ in told(sweep)] == ["interrupted", "waiting"]
    journal = sweep.folder / "journal.log"
    with journal.open("a") as half:
        half.write('{"op_code": 5, "half a li')
    Path(f"{journal}.lock").symlink_to(journal)  # as left by a process that was killed while it wrote
    assert command_line.main(["sweep", str(path), "--sample", "--untracked"]) == 0
    assert sorted(told(sweep), key=str) == [("finished", {"model.heads": heads}) for heads in (1, 2)]
    assert [len(trial.values) for trial in trials(sweep)] == [2, 2]


def test_two_processes_do_not_run_the_same_sweep(sample: Mnist) -> None:
    sweep = begin(file(), "s", TINY)
    first = run(sweep, sample, None, lambda settings: None)
    next(first)
    with pytest.raises(SweepError, match="another process"):
        trained(sweep, sample)
    first.close()


# The folder


@pytest.mark.parametrize("name", ["heads", "../../heads", "<b>a/b</b>", "数字 🎲", "..", "A" * 80, "heads/"])
def test_a_name_is_data_and_no_path(name: str, tmp_path: Path) -> None:
    other = begin(file(), "heads", TINY)
    sweep = begin(file(), name, TINY)
    assert sweep.folder.parent == tmp_path / "sweeps" and load(name) == sweep
    assert {one.name for one in sweeps()} == {"heads", name}
    assert (sweep.folder == other.folder) == (name == "heads")


def test_another_sweep_under_the_same_name_is_refused() -> None:
    begin(file(), "s", TINY)
    for text, base, sample in [
        (file("model.dim: {values: [8, 16]}"), TINY, False),
        (file(), PRESETS["digit"], False),
        (file(), TINY, True),
    ]:
        with pytest.raises(SweepError, match="choose another name"):
            begin(text, "s", base, sample=sample)


def test_no_name_is_refused() -> None:
    with pytest.raises(SweepError, match="no name"):
        begin(file(), "  ", TINY)


def test_a_broken_sweep_is_left_out_of_the_list_and_says_what_is_wrong(sample: Mnist) -> None:
    begin(file(), "whole", TINY)
    broken = begin(file(), "broken", TINY)
    (broken.folder / "about.json").write_text("{")
    assert [one.name for one in sweeps()] == ["whole"]
    with pytest.raises(SweepError, match="is broken"):
        load("broken")
    with pytest.raises(SweepError, match="no sweep 'gone'"):
        load("gone")
    ruined = begin(file(), "ruined", TINY)
    (ruined.folder / "journal.log").write_text('{"op_code": 99}\nnonsense\n{}\n')
    with pytest.raises(SweepError, match=r"cannot be read from .*journal\.log"):
        trials(ruined)


def test_reading_an_untouched_sweep_writes_nothing() -> None:
    sweep = begin(file(), "s", TINY)
    before = stamp(sweep)
    assert trials(sweep) == [] and stamp(sweep) == before
    assert sorted(one.name for one in sweep.folder.iterdir()) == ["about.json", "sweep.yaml"]


def test_reading_a_sweep_does_not_lengthen_its_journal(sample: Mnist) -> None:
    sweep = begin(file(), "s", TINY)
    trained(sweep, sample)
    before = stamp(sweep)
    assert len(trials(sweep)) == 2 and figure("history", sweep) is not None
    assert stamp(sweep) == before


# The command


def test_the_command_refuses_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sweep.yaml"
    assert command_line.main(["sweep", str(path)]) == 1
    assert "check the path" in capsys.readouterr().err
    path.write_bytes(b"\xff\xfe\x00")
    assert command_line.main(["sweep", str(path)]) == 1
    assert "UTF-8" in capsys.readouterr().err
    path.write_text(file(metric="loss"))
    assert command_line.main(["sweep", str(path)]) == 1
    assert "error: the sweep file: metric.name ('loss')" in capsys.readouterr().err
    assert not (tmp_path / "sweeps").exists()


def test_a_run_store_that_cannot_be_used_is_said_plainly_and_loses_no_trial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.yaml"
    values = [f"canvas.{name}: {{value: {value}}}" for name, value in TINY.canvas.model_dump().items()]
    values += [
        f"model.{name}: {{value: {value}}}"
        for name, value in TINY.model.model_dump().items()
        if name != "heads"
    ]
    values += ["training.epochs: {value: 1}", "training.steps_per_epoch: {value: 1}"]
    path.write_text(file("\n".join([HEADS, *values])))
    (tmp_path / "ruined.db").write_text("this is no database")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/ruined.db")
    assert command_line.main(["sweep", str(path), "--sample"]) == 1
    said = capsys.readouterr().err
    assert "error: " in said and "ruined.db" in said and "Traceback" not in said
    assert [state for state, _ in told(load("s"))] == [
        "running",
        "waiting",
    ]  # by this process, which still lives


def test_help_shows_what_a_sweep_file_looks_like(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        command_line.main(["sweep", "--help"])
    shown = capsys.readouterr().out
    assert "early_terminate" in shown and "--storage" in shown


# Looking at it


def trial(number: int, value: float | None, **changes: Any) -> Trial:
    state = "finished" if value is not None else "pruned"
    about = {"seconds": 1.0, "folder": Path("f"), "run": "", "latency": 1.0, "why": "", "started": None}
    plain: dict[str, Any] = {"params": {}, "values": {}, "parameters": 10, "state": state, **about, **changes}
    return Trial("s", number, value=value, **plain)


def test_the_front_holds_what_nothing_betters_at_its_cost() -> None:
    some = [
        trial(0, 0.5, parameters=10),
        trial(1, 0.4, parameters=20),
        trial(2, 0.9, parameters=30),
        trial(3, 0.9, parameters=40),
        trial(4, None, parameters=1),
        trial(5, 0.45, parameters=10),
        trial(6, 1.0, parameters=None),
    ]
    assert [one.number for one in front(some, "parameters")] == [0, 2]
    assert [one.number for one in front(some, "parameters", maximize=False)] == [5, 1]


def test_groups_give_mean_and_spread_over_the_rest() -> None:
    some = [
        trial(seed, heads / 10 + seed / 100, params={"heads": heads, "seed": seed})
        for heads in (4, 1)
        for seed in (0, 2)
    ]
    first, second = grouped([*some, trial(9, None, params={"heads": 4})], "heads")
    assert (first.setting, len(first.trials), second.setting) == (1, 2, 4)
    assert first.mean == pytest.approx(0.11) and first.spread == pytest.approx(0.02 / 2**0.5)
    assert grouped(some[:1], "heads")[0].spread == 0 and grouped(some, "nothing") == []


def test_every_figure_is_drawn_of_a_sweep_and_none_of_an_empty_one(
    sample: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = begin(file(), "empty", TINY)
    assert [figure(kind, empty) for kind in FIGURES] == [None] * len(FIGURES)
    scored(
        monkeypatch,
        lambda settings: settings.model.dim / 50 + settings.model.heads / 100 + settings.training.seed / 1000,
    )
    text = file(
        "model.heads: {values: [1, 2]}\nmodel.dim: {values: [16, 24]}\ntraining.seed: {values: [0, 1]}"
    )
    sweep = begin(
        text, "s", TINY.model_copy(update={"training": TINY.training.model_copy(update={"epochs": 1})})
    )
    trained(sweep, sample)
    for kind in FIGURES:
        drawn = figure(kind, sweep)
        assert drawn is not None and len(drawn.data) > 0, kind
    both = figure("history", sweep, beside=[sweep])
    assert both is not None and len(both.data) == 2 * len(figure("history", sweep).data)  # type: ignore[union-attr]
    only = figure("slice", sweep, ["model.heads"])
    assert only is not None and len(only.data) == 1
