"""A new provider, from the first page to a listed machine: in a browser, against a real machine."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.appearance import look_at
from tests.browser.people import sign_up
from tests.machines import EngineMachine, engine_machine
from tests.market import LiveMarket

pytestmark = [pytest.mark.browser, pytest.mark.engine]
AT_MOST_SECONDS = 180
CHECKS_MS = 150_000


# Other tests rent the cheapest machine: this one must not be offered once it is gone.
TAKE_OFF = """
from core import clock
from core.actors import PLATFORM
from marketplace.models import Node
from marketplace.services import removing
for node in Node.objects.filter(host="{host}"):
    removing.remove(node_id=node.pk, actor=PLATFORM, now=clock.now())
"""


@pytest.fixture
def machine(tmp_path: Path, market: LiveMarket) -> Iterator[EngineMachine]:
    """Run a machine that nobody has let us into yet."""
    with engine_machine(tmp_path) as running:
        (running.sshd.home / "authorized_keys").write_text("")
        yield running
        market.manage("shell", "-c", TAKE_OFF.format(host=running.address.host))


def claim(page: Page, machine: EngineMachine) -> None:
    """Fill the first step's form."""
    page.get_by_label("Address").fill(machine.address.host)
    page.get_by_label("GPU model").select_option("NVIDIA GeForce RTX 4090")
    page.get_by_label("GPUs", exact=True).fill("2")
    page.get_by_text("User, ports and folder").click()
    page.get_by_label("Our user there").fill(machine.address.user)
    page.get_by_label("First port for pods").fill("20300")
    page.get_by_label("Last port for pods").fill("20399")
    page.get_by_label("Folder for pods' files").fill(machine.directory)
    page.get_by_role("button", name="Look at the machine").click()


def key_to_install(page: Page) -> str:
    """Read the public key that the install line brings."""
    page.get_by_text("Only our public key").click()
    key = page.locator("#public-key").inner_text()
    assert key in page.locator("#install-line").inner_text()
    return key


def let_in(machine: EngineMachine, key: str) -> None:
    """Do what the install line does where it runs: our key into the file that this sshd reads."""
    (machine.sshd.home / "authorized_keys").write_text(key + "\n")


def test_a_new_provider_lists_a_machine(
    page: Page, market: LiveMarket, machine: EngineMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    sign_up(page)
    page.goto("/provide")
    page.get_by_role("link", name="Add a machine").click()
    claim(page, machine)

    expect(page.locator("#fingerprint")).to_have_text(machine.address.host_key_sha256)
    page.get_by_role("button", name="They are the same").click()
    let_in(machine, key_to_install(page))
    page.get_by_role("button", name="check the machine").click()
    page.get_by_role("link", name="Go on to the price").click(timeout=CHECKS_MS)
    page.get_by_label("Price of a GPU-hour").fill("0.40")
    page.get_by_role("button", name="Keep and go on").click()
    page.get_by_role("button", name="Put it on the market").click()
    expect(page.get_by_text("is listed.")).to_be_visible()
    seconds = time.monotonic() - began

    page.get_by_role("link", name="See it as renters do").click()
    expect(page.get_by_text("$0.4000").first).to_be_visible()
    with capsys.disabled():
        print(f" listed through the wizard in {seconds:.0f} s", end="")
    assert seconds < AT_MOST_SECONDS


def test_each_step_looks_right_and_keeps_what_was_typed(
    page: Page, market: LiveMarket, machine: EngineMachine
) -> None:
    page.context.allowed_complaints = ("status of 422",)  # type: ignore[attr-defined]
    sign_up(page)
    page.goto("/provide/machines/add")
    page.get_by_label("Address").fill("not an address")
    page.get_by_label("Name").fill("kitchen")
    page.get_by_role("button", name="Look at the machine").click()
    expect(page.get_by_text("neither an IP address nor a host name")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("kitchen")
    look_at(page)

    claim(page, machine)
    look_at(page)
    page.get_by_role("button", name="They are the same").click()
    look_at(page)
    # Nobody let us in: the check of our key fails with the line that mends it.
    page.get_by_role("button", name="check the machine").click()
    failed = page.locator(".checks > [data-state=failed]")
    expect(failed).to_contain_text("wrong_key", timeout=CHECKS_MS)
    look_at(page)
    way = page.url.rpartition("/")[0]
    for step in ("price", "list"):
        page.goto(f"{way}/{step}")
        look_at(page)
    page.goto(f"{way}/price")
    page.get_by_label("Price of a GPU-hour").fill("900")
    page.get_by_role("button", name="Keep and go on").click()
    expect(page.get_by_text("outside the corridor")).to_be_visible()
    expect(page.get_by_label("Price of a GPU-hour")).to_have_value("900")


def test_it_works_without_scripts(
    browser: Browser, market: LiveMarket, machine: EngineMachine
) -> None:
    context = browser.new_context(base_url=market.url, java_script_enabled=False)
    page = context.new_page()
    sign_up(page)
    page.goto("/provide/machines/add")
    claim(page, machine)
    page.get_by_role("button", name="They are the same").click()
    key = key_to_install(page)
    page.get_by_role("button", name="check the machine").click()

    # The page asks for itself anew until the run has ended.
    expect(page.get_by_text("Not yet")).to_be_visible(timeout=CHECKS_MS)
    expect(page.get_by_text("wrong_key")).to_be_visible()
    let_in(machine, key)
    page.get_by_role("button", name=re.compile("Try this one again")).first.click()
    expect(page.get_by_role("link", name="Go on to the price")).to_be_visible(timeout=CHECKS_MS)
    context.close()
