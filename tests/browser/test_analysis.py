"""In a browser a square of the confusion matrix opens its pictures, on the page and in the report, which stands alone."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.data.mnist import Mnist
from core.model.checkpoint import BUNDLED
from core.understanding.reports import latency
from core.understanding.reports.report import write_report
from tests.browser.conftest import OpenTab, Server


def click_square(page: Page, chart: str, written: str, read: str) -> None:
    """With the mouse, where the chart has drawn it."""
    place = page.evaluate(
        """([chart, written, read]) => {
            const plot = document.querySelector(chart), {xaxis, yaxis} = plot._fullLayout;
            const {left, top} = plot.getBoundingClientRect();
            const along = (axis, name) => axis._offset + axis.l2p(axis._categories.indexOf(name));
            return [left + along(xaxis, read), top + along(yaxis, written)];
        }""",
        [chart, written, read],
    )
    page.mouse.move(*place)
    page.wait_for_timeout(200)  # Plotly finds what is under the mouse at most so often
    page.mouse.click(*place)


def test_a_square_of_the_matrix_opens_its_canvases(app: Server, open_tab: OpenTab, screenshots: Path) -> None:
    page = open_tab(f"{app.url}/analysis", height=1200)
    expect(page.get_by_role("button", name="Analyse 2,000 canvases")).to_be_visible()
    page.keyboard.press("Escape")  # see test_sweeps
    page.get_by_role("radio", name="Single digit").click()
    page.get_by_role("radio", name="500 (quick)").click()
    page.get_by_role("button", name="Analyse 500 canvases").click()
    page.get_by_role("radio", name="Confusions").click()
    matrix = ".js-plotly-plot"
    expect(page.locator(f"{matrix} .point").first).to_be_visible()
    expect(page.locator(".sheet figure").first).to_be_visible()
    before = page.locator(".sheet").inner_text()
    click_square(page, matrix, "7", "7")
    expect(page.locator(".sheet figcaption").first).to_contain_text("written 7, read 7")
    assert page.locator(".sheet").inner_text() != before
    page.screenshot(path=screenshots / "analysis-confusions.png")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, sample: Mnist) -> Path:
    folder = tmp_path_factory.mktemp("report")
    some = latency.readable_frames
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            latency, "readable_frames", lambda reader, digits, length, _: some(reader, digits, length, 1)
        )
        write_report(BUNDLED / "digit.safetensors", sample, 200, folder)
    return folder / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_draws_its_charts_and_asks_nobody(
    report: Path, open_tab: OpenTab, scheme: str, screenshots: Path
) -> None:
    page = open_tab("about:blank", width=390, height=844, scheme=scheme)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    for name in ("parts", "digit", "effects", "confusion", "reliability", "risk", "time"):
        expect(page.locator(f"#{name} .main-svg").first).to_be_attached()
        assert page.evaluate(f"document.querySelectorAll('#{name} .points path, #{name} .point').length") > 0
    # Text of the charts has the colour of the text around them.
    ink = page.evaluate("getComputedStyle(document.querySelector('#parts .xtick text')).fill")
    assert ink == page.evaluate("getComputedStyle(document.body).color")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#confusion").scroll_into_view_if_needed()
    click_square(page, "#confusion", "7", "7")
    expect(page.locator("#cell")).to_have_value("7-7")
    expect(page.locator("#cell-shown figcaption").first).to_contain_text("written 7, read 7")
    page.screenshot(path=screenshots / f"report-{scheme}.png")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
