"""Every page: reachable by everyone, in light and dark, wide and narrow, with nothing in the console."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from django.template.loader import render_to_string
from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import Page, expect

from tests.browser.appearance import WIDE, look_at
from tests.browser.people import World, sign_up
from tests.browser.tabs import ANYONE, RENTER, Tab

pytestmark = pytest.mark.browser
Path = Callable[[World], str]


@dataclass(frozen=True)
class Screen:
    """One page in one state: its address, who opens it, and the status that it answers with."""

    name: str
    path: str | Path
    who: str = RENTER
    status: int = 200
    complaint: str = ""


SCREENS = (
    Screen("home", "/", ANYONE),
    Screen("status", "/status", ANYONE),
    Screen("machines", "/machines", ANYONE),
    Screen("machines, none matches", "/machines?gpu=H100&max_price=0.01", ANYONE),
    Screen(
        "machines, a wrong filter",
        "/machines?max_price=cheap",
        ANYONE,
        complaint='The specified value "cheap" cannot be parsed',
    ),
    Screen("machine", lambda world: f"/machines/{world.node}", ANYONE),
    Screen("machine_request", "/machines/requests"),
    Screen("proofs", "/proofs", ANYONE),
    Screen("proof_bands", "/proofs/bands", ANYONE),
    Screen("scores", "/scores", ANYONE),
    Screen("proof", lambda world: f"/proofs/{world.proof}", ANYONE),
    Screen("provide", "/provide", ANYONE),
    Screen("provide, a wrong figure", "/provide?price=-1&count=2", ANYONE),
    Screen("provider_add", "/provide/machines/add"),
    Screen("provider_register", "/provide/machines/register"),
    Screen("provider", "/provide/machines"),
    Screen("provider_node", lambda world: f"/provide/machines/{world.machine}"),
    Screen("provider_earnings", "/provide/earnings"),
    Screen("provider_demand", "/provide/demand"),
    Screen("provider_notices", "/provide/notices"),
    Screen("provider_webhooks", "/provide/webhooks"),
    Screen("provider_account", "/provide/account"),
    Screen("rent", lambda world: f"/rent/{world.node}"),
    Screen("rent, signed out", lambda world: f"/rent/{world.node}", ANYONE),
    Screen("pods", "/pods"),
    Screen("pods, ended", "/pods?ended=1"),
    Screen("pod", lambda world: f"/pods/{world.pod}"),
    Screen("pod, stopped", lambda world: f"/pods/{world.stopped_pod}"),
    Screen("pod, failed", lambda world: f"/pods/{world.failed_pod}"),
    Screen("receipt, nothing charged", lambda world: f"/pods/{world.failed_pod}/receipt"),
    Screen("pod, ended", lambda world: f"/pods/{world.ended_pod}"),
    Screen("receipt", lambda world: f"/pods/{world.ended_pod}/receipt"),
    Screen("billing", "/billing"),
    Screen("checkout", "/billing/checkout"),
    Screen("invoice", lambda world: f"/billing/invoices/{world.invoice}"),
    Screen("invoice, paid", lambda world: f"/billing/invoices/{world.paid_invoice}"),
    Screen("invoice, paid in part", lambda world: f"/billing/invoices/{world.short_invoice}"),
    Screen("deposits", "/billing/deposits"),
    Screen("deposit", lambda world: f"/billing/deposits/{world.deposit}"),
    Screen("coldkeys", "/billing/coldkeys"),
    Screen("alpha", "/billing/alpha"),
    Screen("keys", "/keys"),
    Screen("account", "/account"),
    Screen("workspace_webhooks", "/account/webhooks"),
    Screen("provider_sign_in", "/provide/sign-in", ANYONE),
    Screen("hotkeys", "/account/hotkeys"),
    Screen("provider_coldkey", "/provide/coldkey"),
    Screen("invitation", lambda world: world.invitation_path),
    Screen("account_login", "/accounts/login/", ANYONE),
    Screen("account_signup", "/accounts/signup/", ANYONE),
    Screen("account_logout", "/accounts/logout/"),
    Screen("account_inactive", "/accounts/inactive/", ANYONE),
    Screen("account_reauthenticate", "/accounts/reauthenticate/"),
    Screen("account_email", "/accounts/email/"),
    Screen("account_email_verification_sent", "/accounts/confirm-email/", ANYONE),
    Screen("account_confirm_email", lambda world: world.confirm_path, ANYONE),
    Screen("account_change_password", "/accounts/password/change/"),
    Screen("account_reset_password", "/accounts/password/reset/", ANYONE),
    Screen("account_reset_password_done", "/accounts/password/reset/done/", ANYONE),
    Screen("account_reset_password_from_key", lambda world: world.reset_path, ANYONE),
    Screen("account_reset_password_from_key_done", "/accounts/password/reset/key/done/", ANYONE),
    Screen("no such page", "/nowhere", ANYONE, 404),
    Screen("somebody else's pod", f"/pods/{UUID(int=1)}", RENTER, 404),
)
# Addresses that answer with something other than a page of their own.
NO_PAGES = {
    "healthz",
    "readyz",
    "metrics",
    "usersessions_list",  # sends to the account
    "account_set_password",  # everybody has one, so it sends to the change
    "account_confirm_login_code",  # login by code is not offered
    "provider_setup",  # tests/browser/test_wizard.py walks it
    "provider_install",  # a script
    "prover",  # a program
    "proof_bundle",  # a file
    "provider_proofs",  # a part of provider_node
    "statement",
    "invoice_file",
    "receipt_file",
    "pod_live",
    "invoice_live",
    "deposits_live",
    "deposit_live",
    "provider_live",
    "provider_node_live",
}
# Changed by POST only; tests/test_access_rules.py proves it.
ACTIONS = {
    "provider_prove",
    "provider_price",
    "provider_place",
    "provider_smallest",
    "provider_claim",
    "provider_address",
    "provider_notice",
    "provider_notice_cancel",
    "provider_reclaim",
    "provider_check",
    "provider_remove",
    "provider_name",
    "webhook_test",
    "webhook_enable",
    "webhook_delete",
    "workspace_webhook_test",
    "workspace_webhook_enable",
    "workspace_webhook_delete",
    "machine_request_withdraw",
    "api_key_create",
    "api_key_budgets",
    "api_key_revoke",
    "ssh_key_create",
    "ssh_key_delete",
    "hotkey_unlink",
    "invitation_withdraw",
    "browser_session_end",
    "api_session_end",
    "pod_remove",
    "pod_stop",
    "pod_start",
    "pod_reboot",
    "pod_schedule",
    "invoice_pay_with_test_tao",
    "deposit_test_tao",
    "coldkey_unlink",
}
MACHINE_READABLE = ("api-", "admin:", "localchain_", "portal")


def test_every_address_is_in_the_table() -> None:
    listed = {screen.name.split(",")[0] for screen in SCREENS} | NO_PAGES | ACTIONS
    names = set(names_in(get_resolver()))

    assert {name for name in names if not name.startswith(MACHINE_READABLE)} <= listed


def names_in(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    """Give the name of every address, its namespace before it."""
    for found in resolver.url_patterns:
        if isinstance(found, URLResolver):
            yield from names_in(
                found, namespace + (f"{found.namespace}:" if found.namespace else "")
            )
        elif isinstance(found, URLPattern):
            yield f"{namespace}{found.name}"


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_page(screen: Screen, tabs: dict[str, Tab], world: World) -> None:
    page, complaints = tabs[screen.who].page, tabs[screen.who].complaints
    complaints.forget()
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]

    answer = page.goto(screen.path if isinstance(screen.path, str) else screen.path(world))

    assert answer is not None
    assert answer.status == screen.status
    assert page.locator("h1").count() == 1
    look_at(page)
    expected = screen.complaint or (f"status of {screen.status}" if screen.status != 200 else "")
    complaints.refuse(*filter(None, [expected]))


def test_pages_of_a_new_account(page: Page, world: World) -> None:
    """Nothing to list yet, and no balance to rent with."""
    sign_up(page)
    for path in (
        "/pods",
        "/pods?ended=1",
        "/billing",
        "/keys",
        "/provide/machines",
        f"/rent/{world.node}",
    ):
        page.goto(path)
        look_at(page)


def test_a_failed_start_reads_as_one(renter: Page, world: World) -> None:
    renter.goto(f"/pods/{world.failed_pod}")
    expect(renter.locator("#pod-head")).to_contain_text("The image could not be pulled.")
    expect(renter.get_by_role("button", name="Remove…")).to_have_count(0)

    renter.get_by_role("link", name="Receipt").click()

    expect(renter.locator("main")).to_contain_text("Nothing charged")
    expect(renter.locator(".lines")).not_to_contain_text("E-")


def test_a_form_without_its_token(renter: Page) -> None:
    renter.context.allowed_complaints = ("status of 403",)  # type: ignore[attr-defined]
    renter.goto("/billing/checkout")
    renter.locator("main [name=csrfmiddlewaretoken]").evaluate("field => field.remove()")
    renter.get_by_role("button", name="$10.00").click()

    expect(renter.get_by_text("Nothing was changed or charged")).to_be_visible()
    look_at(renter)


def test_when_all_else_fails(page: Page) -> None:
    """The page of last resort is made without a request to the database, so it is shown as it is."""
    page.context.allowed_complaints = ("status of 500",)  # type: ignore[attr-defined]
    html = render_to_string("500.html", {"request_id": "0123456789abcdef"})
    page.route(
        "**/broken", lambda asked: asked.fulfill(status=500, body=html, content_type="text/html")
    )

    page.goto("/broken")

    expect(page.locator("main")).to_contain_text("0123456789abcdef")
    look_at(page)


def test_api_docs_are_served_by_ourselves(page: Page) -> None:
    """Whatever else a page asks for, its context complains about."""
    page.goto("/api/docs")

    expect(page.get_by_text("/api/executors", exact=True).first).to_be_visible(timeout=30_000)


def test_the_admin_begins_with_its_queues(operator: Page) -> None:
    """Each model's list is opened without a browser: tests/lium_site/test_admin.py."""
    operator.goto("/admin/")

    expect(operator.get_by_text("Queue").first).to_be_visible()
