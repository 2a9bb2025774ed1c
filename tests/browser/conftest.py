"""A browser in front of the session's market, and a watch on everything that it complains about."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect

from lium_site.stack.paths import ROOT
from tests.browser import alone
from tests.browser.people import HostedPod, World, furnish, sign_in
from tests.browser.tabs import ANYONE, RENTER, Complaints, Tab
from tests.market import LiveMarket

# Slow machines render slowly; a step that takes longer than this is broken.
STEP_MS = 20_000
expect.set_options(timeout=STEP_MS)


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any],
    market: LiveMarket,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Launch the browser in a network of its own, where one is allowed."""
    if not alone.is_allowed():
        return browser_type_launch_args
    program = alone.in_the_place_of(
        browser_type_launch_args["executable_path"],
        port=urlsplit(market.url).port or 80,
        folder=tmp_path_factory.mktemp("browser"),
        root=ROOT,
    )
    return {**browser_type_launch_args, "executable_path": program}


@pytest.fixture(scope="session")
def base_url(market: LiveMarket) -> str:
    """Let pages be opened by path."""
    return market.url


@pytest.fixture(scope="session")
def browser_context_args(
    browser_context_args: dict[str, object], base_url: str
) -> dict[str, object]:
    """Hold animations still, so that colours are measured where they end."""
    return {**browser_context_args, "base_url": base_url, "reduced_motion": "reduce"}


@pytest.fixture
def context(context: BrowserContext, base_url: str) -> Iterator[BrowserContext]:
    """Fail the test of a page that logs an error, breaks its policy, throws, or asks anybody but us for anything."""
    context.set_default_timeout(STEP_MS)
    complaints = Complaints(context, base_url)
    yield context
    complaints.refuse(*getattr(context, "allowed_complaints", ()))


@pytest.fixture(scope="session")
def renter_state(browser: Browser, market: LiveMarket) -> StorageState:
    """Sign the seeded renter in once."""
    return signed_in(browser, market, market.renter_email, market.renter_password)


@pytest.fixture(scope="session")
def admin_state(browser: Browser, market: LiveMarket) -> StorageState:
    """Sign the operator in once."""
    return signed_in(browser, market, market.admin_email, market.admin_password)


def signed_in(browser: Browser, market: LiveMarket, email: str, password: str) -> StorageState:
    """Sign in with a browser of its own and give what it keeps."""
    context = browser.new_context(base_url=market.url)
    sign_in(context.new_page(), email, password)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(scope="session")
def tabs(
    browser: Browser, browser_context_args: dict[str, Any], renter_state: StorageState
) -> Iterator[dict[str, Tab]]:
    """Keep a tab of a stranger and one of the renter open: a tab of its own costs each page a second."""
    anyone = browser.new_context(**browser_context_args)
    renter = browser.new_context(**browser_context_args, storage_state=renter_state)
    contexts = {ANYONE: anyone, RENTER: renter}
    base_url = browser_context_args["base_url"]
    yield {
        who: Tab(context.new_page(), Complaints(context, base_url))
        for who, context in contexts.items()
    }
    for context in contexts.values():
        context.close()


@pytest.fixture
def renter(page: Page, renter_state: StorageState) -> Page:
    """Give a page of the seeded renter."""
    page.context.add_cookies(renter_state["cookies"])  # type: ignore[arg-type]
    return page


@pytest.fixture
def operator(page: Page, admin_state: StorageState) -> Page:
    """Give a page of the operator."""
    page.context.add_cookies(admin_state["cookies"])  # type: ignore[arg-type]
    return page


@pytest.fixture
def pod(market: LiveMarket) -> Iterator[HostedPod]:
    """Rent a pod over the API, and leave none behind."""
    with HostedPod.rented(market) as hosted:
        yield hosted


@pytest.fixture(scope="session")
def world(browser: Browser, market: LiveMarket, renter_state: StorageState) -> Iterator[World]:
    """Give the seeded renter one of everything that a page can show."""
    context = browser.new_context(base_url=market.url, storage_state=renter_state)
    with furnish(market, context.new_page()) as furnished:
        context.close()
        yield furnished
