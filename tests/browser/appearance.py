"""How a page looks to everyone: light and dark, wide and narrow."""

from typing import Any

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}
# A frame with the new theme must have been drawn.
SETTLED = "new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))"


def look_at(page: Page) -> None:
    """Check a page light and dark, wide and narrow; both themes have the same layout."""
    _check(page, theme="light", size=WIDE)
    _check(page, theme="dark", size=NARROW)


def found_by_axe(page: Page, *, without: tuple[str, ...] = ()) -> AxeResults:
    """Let axe judge the page as it is; what it needs is put into the page once."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    # Its preloading fetches style sheets and media again, which the policy forbids and no rule of ours needs.
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
    options["rules"] = {name: {"enabled": False} for name in without}
    return AxeResults(page.evaluate("options => axe.run(document, options)", options))


def _check(page: Page, *, theme: str, size: dict[str, int]) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
    page.evaluate(SETTLED)
    found = found_by_axe(page)
    assert found.violations_count == 0, f"{theme}: {found.generate_report()}"
    beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(beyond) <= 0, f"{theme} at {size['width']} px scrolls sideways"
