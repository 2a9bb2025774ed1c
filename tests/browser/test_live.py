"""A page that lives on a socket: cut off and found again, silent for a minute, and refused."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import HostedPod

pytestmark = pytest.mark.browser
BACK_MS = 40_000
IDLE_MS = 65_000
LIVE, LOST = re.compile("^Live"), "Reconnecting…"
# Keeps every socket of the page in reach, so that a test can cut it and count its messages.
KEEP_SOCKETS = """
window.sockets = [];
window.heard = 0;
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    window.sockets.push(this);
    this.addEventListener("message", () => { window.heard += 1; });
  }
};
"""


def open_live(page: Page, path: str) -> None:
    """Open a live page and wait until its socket speaks."""
    page.add_init_script(KEEP_SOCKETS)
    page.goto(path)
    expect(page.locator("[data-live]")).to_have_text(LIVE)


def change_elsewhere(pod: HostedPod, *, year: int) -> None:
    """Change the pod as another window of its owner would."""
    body = {"removal_scheduled_at": f"{year}-01-01T00:00:00Z"}
    pod.market.api.post(f"pods/{pod.id}/schedule-removal", body)


def test_a_dropped_socket_comes_back(renter: Page, pod: HostedPod) -> None:
    renter.context.allowed_complaints = ("WebSocket connection", "ERR_INTERNET_DISCONNECTED")  # type: ignore[attr-defined]
    open_live(renter, pod.path)

    renter.context.set_offline(True)
    renter.evaluate("sockets.forEach(socket => socket.close(4000))")
    renter.evaluate("sockets.forEach(socket => socket.dispatchEvent(new CloseEvent('close')))")
    expect(renter.locator("[data-live]")).to_have_text(LOST)
    change_elsewhere(pod, year=2031)
    renter.context.set_offline(False)

    expect(renter.locator("[data-live]")).to_have_text(LIVE, timeout=BACK_MS)
    expect(renter.locator("#pod-head")).to_contain_text("at 2031-01-01")


def test_a_socket_that_the_server_closes_comes_back(renter: Page, pod: HostedPod) -> None:
    open_live(renter, pod.path)

    renter.evaluate("sockets.at(-1).close()")

    expect(renter.locator("[data-live]")).to_have_text(LIVE, timeout=BACK_MS)
    renter.wait_for_function("sockets.length > 1")
    change_elsewhere(pod, year=2032)
    expect(renter.locator("#pod-head")).to_contain_text("at 2032-01-01")


def test_a_silent_socket_still_delivers_after_a_minute(renter: Page, pod: HostedPod) -> None:
    """The list of pods says nothing while nothing changes."""
    open_live(renter, "/pods")

    renter.wait_for_timeout(IDLE_MS)
    pod.market.api.delete(f"pods/{pod.id}")

    expect(renter.locator(f"#pod-{pod.id}")).to_contain_text("Remov")
    assert renter.evaluate("sockets.length") == 1


def test_the_theme_is_kept(page: Page) -> None:
    page.goto("/machines")
    toggle = page.locator("[data-theme-toggle]")
    paper = "getComputedStyle(document.body).backgroundColor"
    seen = {}
    for _ in range(3):
        toggle.click()
        theme = toggle.locator("[data-theme-word]").inner_text()
        page.reload()
        assert toggle.locator("[data-theme-word]").inner_text() == theme
        seen[theme] = page.evaluate(paper)

    assert set(seen) == {"system", "light", "dark"}
    assert seen["light"] != seen["dark"]
