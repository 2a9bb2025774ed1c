"""Take the pictures of docs/pictures/ from a market that runs: `.venv/bin/python -m tests.browser.pictures`.

MARKET_STATE may name its state folder, as for `./market up`. It rents a pod for the time of the pictures, and works in
it, so that there is something to see.
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from lium_site.stack.paths import ROOT, open_state
from lium_site.stack.renter import run_inside
from tests.browser.people import HostedPod, open_invoice, sign_in
from tests.conftest import chromium
from tests.market import LiveMarket, described

FOLDER = ROOT / "docs" / "pictures"
WIDE = {"width": 1280, "height": 860}
NARROW = {"width": 390, "height": 844}
# Long enough for the plots to have a shape.
WATCH_MS = 75_000
WORK = (
    "for i in 1 2 3; do echo epoch $i of 3 > /proc/1/fd/1; x=$(head -c 400M /dev/zero | tr '\\0' x); "
    'timeout 14 sh -c "while :; do :; done"; sleep 8; x=; done'
)


def main() -> None:
    """Take every picture."""
    FOLDER.mkdir(exist_ok=True)
    market = described(open_state())
    with sync_playwright() as playwright, HostedPod.rented(market, name="llama-finetune") as pod:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--headless", "--no-sandbox"]
        )
        work_in(pod)
        with signed_in(browser, market) as page:
            take(page, "catalogue", "/machines")
            take(page, "invoice", f"/billing/invoices/{open_invoice(page, usd='25')}")
            page.goto(pod.path)
            page.wait_for_timeout(WATCH_MS)
            take(page, "pod", "")
        browser.close()


@contextmanager
def signed_in(browser: Browser, market: LiveMarket) -> Iterator[Page]:
    """Give a page of the seeded renter."""
    context = browser.new_context(base_url=market.url, reduced_motion="reduce")
    page = context.new_page()
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    sign_in(page, market.renter_email, market.renter_password)
    yield page
    context.close()


def work_in(pod: HostedPod) -> None:
    """Give the pod something to do, and go on at once."""
    seen = pod.journey.pod
    run_inside(
        seen["ssh_connect_cmd"],
        f"nohup sh -c {shlex.quote(WORK)} >/dev/null 2>&1 &",
        identity=pod.journey.identity,
        host_key=seen["ssh_host_key"],
    )


def take(page: Page, name: str, path: str) -> None:
    """Photograph a page wide in light, and narrow in dark; an empty path is the page that is open."""
    if path:
        page.goto(path)
    for size, theme, ending in ((WIDE, "light", ""), (NARROW, "dark", "-390-dark")):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.evaluate(SET_THEME, theme)
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / f"{name}{ending}.png")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]


SET_THEME = """theme => {
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new CustomEvent("market:theme"));
}"""

if __name__ == "__main__":
    main()
