"""The catalogue's filters: the results alone are replaced, the address carries them, and no script is needed."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


def test_a_filter_replaces_the_results_alone(page: Page) -> None:
    page.goto("/machines")
    page.evaluate("document.querySelector('h1').dataset.untouched = 'yes'")

    page.get_by_label("Highest price of a GPU-hour").fill("0.01")
    page.get_by_label("Highest price of a GPU-hour").press("Tab")

    expect(page.get_by_text("No machine matches")).to_be_visible()
    assert page.locator("h1").get_attribute("data-untouched") == "yes"
    assert "max_price=0.01" in page.url
    assert "gpu=" not in page.url, "an empty filter stays out of the address"


def test_no_result_names_the_filter_that_excludes_everything(page: Page) -> None:
    page.goto("/machines?gpu=RTX4090&max_price=0.01")

    page.get_by_role("link", name=re.compile("1 machine without")).click()

    expect(page.get_by_text("1 machine match")).to_be_visible()
    assert "max_price" not in page.url


def test_back_and_forward_keep_filters(page: Page) -> None:
    page.goto("/machines")
    page.get_by_role("checkbox", name=re.compile("RTX4090")).check()
    page.wait_for_url("**gpu=RTX4090*")

    page.go_back()

    expect(page.get_by_role("checkbox", name=re.compile("RTX4090"))).not_to_be_checked()


def test_a_filter_keeps_the_order(page: Page) -> None:
    page.goto("/machines")
    page.get_by_role("link", name="Memory").click()
    page.wait_for_url("**sort=*")
    order = re.search("sort=([^&]+)", page.url)

    page.get_by_role("checkbox", name=re.compile("RTX4090")).check()
    page.wait_for_url("**gpu=RTX4090*")

    assert order
    assert f"sort={order[1]}" in page.url


def test_filters_work_without_scripts(browser: Browser, base_url: str) -> None:
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/machines")

    page.get_by_role("checkbox", name=re.compile("RTX4090")).check()
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_text("1 machine match")).to_be_visible()
    assert "gpu=RTX4090" in page.url
    context.close()
