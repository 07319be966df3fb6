"""The report in a real browser, the Chromium or Chrome that is installed; skipped where there is none.

pytest -m slow tests/reporting/test_browser.py
"""

import pytest

from ncf_keras.reporting.page import report_html
from tests.browsing.shelf import HEBREW, SCRIPT
from tests.chromium import chromium, colour, contrast
from tests.reporting.small_report import small_report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_stands_alone_and_fits(browser, tmp_path, scheme, width):
    file = tmp_path / "report.html"
    file.write_text(report_html(small_report()), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(file.as_uri())
    assert asked == [file.as_uri()] and complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.title() == f"GMF on {SCRIPT}: evaluation report"
    # A figure is as wide as it may be, and a table that is wider scrolls by itself.
    for box in page.locator("section > *").all():
        bounds = box.bounding_box()
        assert bounds["x"] >= 0 and bounds["x"] + bounds["width"] <= width
    hebrew = page.locator("article ol bdi", has_text=HEBREW).first
    assert hebrew.evaluate("it => getComputedStyle(it).direction") == "rtl"
    page.locator("summary").first.click()
    assert page.locator("details li").first.is_visible()
    for text in ("ink", "soft", "accent"):
        for behind in ("paper", "card"):
            assert contrast(colour(page, text), colour(page, behind)) >= 4.5, (text, behind)
    assert contrast(colour(page, "mark"), colour(page, "mark-tint")) >= 4.5
    page.close()
