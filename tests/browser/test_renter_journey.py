"""The way of a renter, from nothing to a receipt, in a browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from lium_site.stack.renter import SshIdentity, make_identity, run_inside
from tests.browser.people import sign_up

pytestmark = pytest.mark.browser
START_MS = 60_000
SAMPLE_MS = 30_000


def test_from_sign_up_to_receipt(page: Page) -> None:
    identity = make_identity("browser")
    sign_up(page)
    add_ssh_key(page, identity)
    choose(page)
    pay(page)
    rent(page)
    watch(page)
    look_inside(page, identity)
    remove(page)
    read_receipt(page)


def add_ssh_key(page: Page, identity: SshIdentity) -> None:
    page.get_by_role("link", name="Keys").click()
    page.get_by_label("Public key").fill(identity.public_line)
    page.get_by_role("button", name="Add the key").click()
    expect(page.locator("#messages")).to_contain_text("is registered")


def choose(page: Page) -> None:
    page.get_by_role("link", name="Machines", exact=True).click()
    page.get_by_role("checkbox", name=re.compile("RTX4090")).check()
    page.wait_for_url("**/machines?gpu=RTX4090*")
    page.get_by_role("link", name=re.compile("^Rent 1 . RTX4090")).first.click()


def pay(page: Page) -> None:
    expect(page.get_by_text("The balance is too low for this pod")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Rent for"))).to_be_disabled()
    page.get_by_role("link", name="Add TAO and come back").click()
    page.get_by_label("Amount in USD").fill("5")
    page.get_by_label("Amount in USD").press("Enter")
    page.get_by_role("button", name="Pay with test TAO").click()
    # Seen, final, credited: each arrives over the socket, and the balance in the header with them.
    expect(page.get_by_text("$5.00 is on your balance.")).to_be_visible()
    expect(page.locator("#balance")).to_contain_text("$5.00")
    page.get_by_role("link", name="Go on where you were").click()


def rent(page: Page) -> None:
    page.wait_for_url("**/rent/*")
    button = page.get_by_role("button", name=re.compile("^Rent for"))
    priced = button.inner_text()
    for size, wanted in (
        ("2", expect(button).not_to_have_text),
        ("1", expect(button).to_have_text),
    ):
        page.get_by_role("group", name="GPUs").get_by_text(size, exact=True).click()
        wanted(priced)
    button.click()
    page.wait_for_url("**/pods/*")


def watch(page: Page) -> None:
    """Everything from here arrives without a reload."""
    page.evaluate("window.untouched = true")
    head = page.locator("#pod-head")
    expect(head.get_by_text("Running")).to_be_visible(timeout=START_MS)
    expect(page.locator("#pod-phases li[data-state=done]")).to_have_count(5)
    expect(page.locator("#pod-events")).to_contain_text("Proven ready")
    expect(page.locator("#balance")).to_contain_text("left")
    expect(page.locator("#pod-metrics canvas").first).to_be_visible(timeout=SAMPLE_MS)
    expect(page.locator("[data-plot=memory] [data-latest]")).to_contain_text("GiB")
    expect(page.locator("#pod-logs")).to_contain_text("read", timeout=SAMPLE_MS)
    assert page.evaluate("window.untouched")


def look_inside(page: Page, identity: SshIdentity) -> None:
    command = page.locator("#ssh-command").inner_text()
    known_host = page.locator("#known-hosts").text_content() or ""
    status, said = run_inside(
        command, "nvidia-smi -L", identity=identity, host_key=known_host.split(" ", 1)[1]
    )
    assert status == 0
    assert said.count("GPU 0:") == 1


def remove(page: Page) -> None:
    name = page.locator("h1").inner_text().split()[0]
    page.get_by_role("button", name="Remove…").click()
    page.get_by_label(f"Type {name} to confirm").fill(name)
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator("#messages")).to_contain_text("Nothing more is charged")


def read_receipt(page: Page) -> None:
    """The page of the pod stays live to its end, where the receipt appears."""
    page.get_by_role("link", name="Receipt").click(timeout=START_MS)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Receipt")
    expect(page.locator("main")).to_contain_text("$0.00")
