"""Rent and remove with the keyboard alone, and with scripts switched off."""

import re

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from lium_site.stack.renter import make_identity
from tests.market import LiveMarket

pytestmark = pytest.mark.browser
START_MS = 60_000
MANY = 60


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the element of that accessible name has the focus, and see that it shows."""
    for _ in range(MANY):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(document.activeElement.getAttribute('aria-label') || document.activeElement.textContent)"
            ".replace(/\\s+/g, ' ').trim()"
        )
        if re.search(name, focused):
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(outline) != "none", f"no focus is visible on {name}"
            return
    pytest.fail(f"Tab did not reach {name}")


def test_the_first_tab_skips_to_the_content(page: Page) -> None:
    page.goto("/machines")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert page.evaluate("document.activeElement.id") == "main"


def test_rent_and_remove_with_the_keyboard(renter: Page, market: LiveMarket) -> None:
    ensure_ssh_key(market)
    renter.goto("/machines")
    tab_to(renter, "^Rent 1 . RTX4090")
    renter.keyboard.press("Enter")
    renter.wait_for_url("**/rent/*")
    tab_to(renter, r"^Rent for \$")
    renter.keyboard.press("Enter")
    renter.wait_for_url("**/pods/*")
    expect(renter.locator("#pod-head").get_by_text("Running")).to_be_visible(timeout=START_MS)

    tab_to(renter, "^Remove…")
    renter.keyboard.press("Enter")
    renter.keyboard.press("Tab")
    renter.keyboard.type(renter.locator("h1").inner_text().split()[0])
    renter.keyboard.press("Enter")

    expect(renter.locator("#messages")).to_contain_text("Nothing more is charged")


def test_rent_and_remove_without_scripts(
    browser: Browser, market: LiveMarket, renter_state: StorageState
) -> None:
    ensure_ssh_key(market)
    context = browser.new_context(
        base_url=market.url, storage_state=renter_state, java_script_enabled=False
    )
    page = context.new_page()
    page.goto("/machines")
    page.get_by_role("link", name=re.compile("^Rent 1 . RTX4090")).first.click()
    page.get_by_role("button", name=re.compile("^Rent for")).click()
    page.wait_for_url("**/pods/*")
    await_running(page)

    name = page.locator("h1").inner_text().split()[0]
    page.get_by_role("button", name="Remove…").click()
    page.get_by_label(f"Type {name} to confirm").fill(name)
    page.get_by_role("button", name="Remove", exact=True).click()

    expect(page.locator("#messages")).to_contain_text("Nothing more is charged")
    context.close()


def await_running(page: Page) -> None:
    """Ask for the present state, as the page says, until the pod runs."""
    for _ in range(MANY):
        if page.locator("#pod-head").get_by_text("Running").count():
            return
        page.wait_for_timeout(1000)
        page.get_by_role("link", name="Show the present state").click()
    pytest.fail("the pod did not start")


def ensure_ssh_key(market: LiveMarket) -> None:
    """Give the seeded renter a key, so that the rent page asks for none."""
    if not market.api.get("ssh-keys"):
        line = make_identity("browser").public_line
        market.api.post("ssh-keys", {"name": "browser", "public_key": line})
