"""A page that lives on a socket: cut off and found again, silent for a minute, and refused."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from core import clock
from tests.browser.people import HostedPod, sign_in
from tests.market import LiveMarket

pytestmark = pytest.mark.browser
BACK_MS = 40_000
IDLE_MS = 65_000
# Longer than a page waits between two tries by HTTP.
POLL_MS = 12_000
GOING_AWAY = 1001
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


def change_elsewhere(pod: HostedPod, *, at: datetime) -> None:
    """Change the pod as another window of its owner would."""
    body = {"removal_scheduled_at": clock.iso(at)}
    pod.market.api.post(f"pods/{pod.id}/schedule-removal", body)


def test_a_dropped_socket_comes_back(renter: Page, pod: HostedPod) -> None:
    line = Line()
    renter.route_web_socket("**/ws/**", line.carry)
    open_live(renter, pod.path)

    line.cut()
    expect(renter.locator("[data-live]")).to_have_text(LOST)
    end = clock.now() + timedelta(days=100)
    change_elsewhere(pod, at=end)
    line.mend()

    expect(renter.locator("[data-live]")).to_have_text(LIVE, timeout=BACK_MS)
    expect(renter.locator("#pod-head")).to_contain_text(f"at {end:%Y-%m-%d}")
    assert line.carried > 1


class Line:
    """The wire between a page and the market, which can be cut."""

    def __init__(self) -> None:
        self.is_cut = False
        self.carried = 0
        self.open: list[WebSocketRoute] = []

    def carry(self, socket: WebSocketRoute) -> None:
        """Let a socket through, or drop it as a dead network does."""
        if self.is_cut:
            socket.close(code=GOING_AWAY)
            return
        self.carried += 1
        socket.connect_to_server()
        self.open.append(socket)

    def cut(self) -> None:
        """Drop what is open and whatever is tried from now on."""
        self.is_cut = True
        for socket in self.open:
            socket.close(code=GOING_AWAY)

    def mend(self) -> None:
        """Let sockets through again."""
        self.is_cut = False


def test_a_silent_socket_still_delivers_after_a_minute(renter: Page, pod: HostedPod) -> None:
    """The list of pods says nothing while nothing changes."""
    open_live(renter, "/pods")

    renter.wait_for_timeout(IDLE_MS)
    pod.market.api.delete(f"pods/{pod.id}")

    expect(renter.locator(f"#pod-{pod.id}")).to_contain_text("Remov")
    assert renter.evaluate("sockets.length") == 1


def test_a_page_that_was_signed_out_elsewhere_says_so_and_asks_no_more(
    page: Page, pod: HostedPod, market: LiveMarket
) -> None:
    sign_in(page, market.renter_email, market.renter_password)
    open_live(page, pod.path)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    elsewhere = page.context.browser.new_context(base_url=market.url)  # type: ignore[union-attr]
    elsewhere.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    window = elsewhere.new_page()
    window.goto("/accounts/logout/")
    window.get_by_role("button", name="Sign out").last.click()
    window.wait_for_url(lambda address: "logout" not in address)
    elsewhere.close()

    expect(page.locator("[data-live]")).to_have_text(re.compile("^Signed out"))
    page.wait_for_timeout(POLL_MS)
    assert not asked
    assert page.evaluate("sockets.length") == 1


def test_the_theme_is_kept(page: Page) -> None:
    page.goto("/machines")
    toggle = page.locator("[data-theme-toggle]")
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    seen = {}
    for _ in range(3):
        toggle.click()
        theme = toggle.locator("[data-theme-word]").inner_text()
        page.reload()
        assert toggle.locator("[data-theme-word]").inner_text() == theme
        seen[theme] = page.evaluate(paper)

    assert set(seen) == {"system", "light", "dark"}
    assert seen["light"] != seen["dark"]
