"""A training is launched in a browser, followed, left, found again, stopped and resumed, and never shown as what it is not."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from core.files import read_json
from core.training import jobs
from tests.browser.conftest import OpenTab, Server, run_app
from tests.conftest import ROOT

TINY: dict[str, dict[str, object]] = {
    "canvas": {
        "height": 16,
        "width": 32,
        "max_digits": 2,
        "empty_share": 0.0,
        "found_share": 0.0,
        "difficulty": 0.0,
    },
    "model": {"dim": 16, "heads": 2, "encoder_layers": 1, "stem_width": 4, "stem_depth": 1},
    "training": {
        "epochs": 2000,
        "steps_per_epoch": 20,
        "batch_size": 4,
        "validation_canvases": 10,
        "save_every": 5,
    },
}


TOGETHER = "3"  # trainings at once: no test waits until another one's is over


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBERS_LAB", str(folder))
        patch.setenv(jobs.AT_ONCE, TOGETHER)
        yield folder
        for job in jobs.jobs():
            jobs.kill(job.id)


@pytest.fixture(scope="module")
def own_app(chromium_path: str, lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run_app(ROOT / "streamlit_app.py", tmp_path_factory.mktemp("app") / "streamlit.log") as server:
        yield server


@pytest.fixture(scope="module")
def at_work(lab: Path) -> str:
    """The training that several visitors find, launched as the page does it; each leaves it at work."""
    command = ["train", "--sample", "--untracked", "--config={folder}/asked.json", "--out={folder}"]
    return jobs.launch(command, "tiny", files={"asked.json": json.dumps(TINY)}).id


def open_training(open_tab: OpenTab, server: Server, job: str = "", **look: object) -> Page:
    page = open_tab(f"{server.url}/launch{'?job=' + job if job else ''}", **look)
    expect(page.get_by_role("heading", name="Runs launched here")).to_be_visible()
    page.keyboard.press("Escape")
    return page


def launch(page: Page, name: str, settings: dict[str, dict[str, object]]) -> str:
    """Fill the form from a file, name the run, press Train; the job's id."""
    page.get_by_role("button", name="JSON").click()
    content = json.dumps(settings).encode()
    file = FilePayload(name="tiny.json", mimeType="application/json", buffer=content)
    page.locator(".st-key-train-file input[type=file]").set_input_files(file)
    expect(page.get_by_role("spinbutton", name="Height", exact=True)).to_have_value(
        str(settings["canvas"]["height"])
    )
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Data and start").click()
    sample = page.locator(".st-key-train-sample input")
    if not sample.is_checked():
        page.locator(".st-key-train-sample label").first.click()
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="Name of the run").fill(name)
    page.get_by_role("textbox", name="Name of the run").press("Enter")
    before = page.url
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_function(
        "before => location.search.includes('job=') && location.href != before", arg=before
    )
    return re.findall(r"job=([^&]+)", page.url)[0]


def step(page: Page) -> int:
    text = page.get_by_text(re.compile(r"step [\d,]+ of")).inner_text()
    return int(re.findall(r"step ([\d,]+)", text)[0].replace(",", ""))


def points(page: Page) -> int:
    """How many points the curve of the loss has in the page."""
    count: int = page.evaluate("document.querySelector('.live-chart')?.data?.[0]?.x?.length ?? 0")
    return count


def control(page: Page, name: str) -> Locator:
    """A button of the run; in the page's head Streamlit shows a Stop of its own while a script runs."""
    return page.locator(".st-key-train-controls").get_by_role("button", name=name, exact=True)


def state(page: Page, words: str) -> None:
    expect(page.get_by_text(words)).to_be_visible()


def test_a_run_is_launched_from_the_form_its_curve_keeps_its_zoom_and_it_outlives_its_server(
    own_app: Server, open_tab: OpenTab, screenshots: Path, tmp_path: Path
) -> None:
    with run_app(ROOT / "streamlit_app.py", tmp_path / "first.log") as first:
        page = open_training(open_tab, first)
        launched = launch(page, "tiny <b>run</b> ../x", TINY)
        state(page, "tiny <b>run</b> ../x")
        expect(page.locator(".live-chart .main-svg").first).to_be_visible()
        page.evaluate("Plotly.relayout(document.querySelector('.live-chart'), {'xaxis.range': [1, 7]})")
        before = points(page)
        page.wait_for_function(
            "before => document.querySelector('.live-chart').data[0].x.length > before + 2", arg=before
        )
        assert page.evaluate("document.querySelector('.live-chart').layout.xaxis.range") == [1, 7]
        expect(page.get_by_text("What it reads, and where it looks")).to_be_visible()
        expect(page.locator(".watched")).to_have_count(8)
        page.set_viewport_size({"width": 1280, "height": 2100})
        page.screenshot(path=screenshots / "training.png")
        first.process.kill()
        first.process.wait()
    page = open_training(open_tab, own_app, launched)
    state(page, "is training")
    control(page, "End at once").click()
    state(page, "was ended at once")


def test_another_tab_sees_the_same_training_and_a_scrubber_through_its_rounds(
    own_app: Server, open_tab: OpenTab, at_work: str
) -> None:
    page = open_training(open_tab, own_app, at_work)
    state(page, "is training")
    assert step(page) > 0
    page.locator(".st-key-training-" + at_work + "-newest label").first.click()
    slider = page.get_by_role("slider", name="Epoch")
    slider.focus()
    slider.press("Home")
    expect(page.get_by_text(re.compile(r"After epoch 1:"))).to_be_visible()


def test_a_stopped_training_goes_on_from_where_it_was(
    own_app: Server, open_tab: OpenTab, at_work: str
) -> None:
    page = open_training(open_tab, own_app, at_work)
    expect(page.locator(".watched")).to_have_count(8)  # an epoch is done
    control(page, "Stop").click()
    state(page, "was stopped")
    reached = step(page)
    control(page, "Go on").click()
    state(page, "is training")
    page.wait_for_function(
        "reached => Number(/step ([\\d,]+) of/.exec(document.body.innerText)?.[1].replace(',', '')) > reached",
        arg=reached,
    )


def test_a_killed_trainer_is_shown_as_dead_with_its_last_words(
    own_app: Server, open_tab: OpenTab, lab: Path, at_work: str, screenshots: Path
) -> None:
    page = open_training(open_tab, own_app, at_work)
    expect(page.locator(".watched")).to_have_count(8)  # an epoch is done
    os.kill(read_json(lab / "jobs" / at_work / "process.json")["pid"], signal.SIGKILL)
    state(page, "died: its process is gone")
    expect(page.get_by_text(re.compile(r"epoch \d+: clean"))).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 2100})
    page.screenshot(path=screenshots / "training-died.png")
    jobs.resume(at_work)


def test_settings_that_cannot_work_are_refused_before_anything_starts(
    own_app: Server, open_tab: OpenTab
) -> None:
    page = open_training(open_tab, own_app)
    page.get_by_role("tab", name="Model").click()
    field = page.get_by_role("spinbutton", name="Heads", exact=True)
    field.fill("7")
    field.press("Enter")
    expect(
        page.get_by_text(re.compile(r"dim \(\d+\) must be divisible by heads \(7\); try heads"))
    ).to_be_visible()
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_disabled()
