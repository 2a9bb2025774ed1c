"""What people bring to the market and have on it: accounts, SSH keys, pods, invoices."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

from playwright.sync_api import Page

from lium_site.stack.credentials import RENTER_EMAIL
from lium_site.stack.demo_steps import Journey, await_ready, choose_machine
from lium_site.stack.renter import Refused, make_identity
from tests.market import LiveMarket

PASSWORD = "correct horse battery staple"
PATIENCE_SECONDS = 60.0


def sign_up(page: Page) -> str:
    """Make an account and return its address."""
    email = f"{uuid4().hex[:10]}@example.com"
    page.goto("/accounts/signup/")
    page.get_by_label("Email").fill(email)
    page.locator("[name=password1]").fill(PASSWORD)
    page.locator("[name=password2]").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_url("**/pods")
    return email


def sign_in(page: Page, email: str, password: str) -> None:
    """Sign in and arrive at the pods."""
    page.goto("/accounts/login/")
    page.locator("[name=login]").fill(email)
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/pods")


def wait_until(done: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something that no page shows."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.2)


@dataclass
class HostedPod:
    """A pod of the seeded renter that runs."""

    market: LiveMarket
    journey: Journey
    name: str

    @property
    def id(self) -> str:
        """Return its public id."""
        return self.journey.pod_id

    @property
    def path(self) -> str:
        """Return the path of its page."""
        return f"/pods/{self.id}"

    def post(self, action: str) -> None:
        """Change it over the API, as another window of its owner would."""
        self.market.api.post(f"pods/{self.id}/{action}", {})

    def remove(self) -> None:
        """Remove it and wait for its receipt."""
        with suppress(Refused):
            self.market.api.delete(f"pods/{self.id}")
        wait_until(self._has_receipt, f"receipt of {self.name}")

    def stop(self) -> None:
        """Stop it and wait until it is."""
        self.post("stop")
        wait_until(
            lambda: self.market.api.get(f"pods/{self.id}")["status"] == "STOPPED",
            f"{self.name} to stop",
        )

    def _has_receipt(self) -> bool:
        try:
            return bool(self.market.api.get(f"pods/{self.id}/receipt"))
        except Refused:
            return False

    @classmethod
    def asked_for(cls, market: LiveMarket, *, template: str, name: str = "") -> "HostedPod":
        """Rent one GPU of the local machine, and do not wait for it."""
        journey = Journey(market.api, identity=make_identity("browser"))
        hosted = cls(market, journey, name=name or f"pod-{uuid4().hex[:6]}")
        choose_machine(journey)
        answer = market.api.post(
            f"executors/{journey.executor['id']}/rent",
            {
                "pod_name": hosted.name,
                "template_id": template,
                "user_public_key": [journey.identity.public_line],
                "gpu_count": 1,
                "enable_backups": False,
            },
            idempotency_key=str(uuid4()),
        )
        journey.pod_id = answer.get("pod_id") or answer["id"]
        return hosted

    @classmethod
    @contextmanager
    def rented(cls, market: LiveMarket, *, name: str = "") -> "Iterator[HostedPod]":
        """Rent one GPU of the local machine, wait until it is ready, and remove it at the end."""
        hosted = cls.asked_for(market, template=market.api.get("templates")[0]["id"], name=name)
        try:
            await_ready(hosted.journey)
            yield hosted
        finally:
            hosted.remove()


@dataclass(frozen=True, kw_only=True)
class World:
    """The addresses of one of everything."""

    pod: str
    stopped_pod: str
    ended_pod: str
    failed_pod: str
    node: str
    machine: str
    proof: str
    invoice: str
    paid_invoice: str
    short_invoice: str
    deposit: str
    confirm_path: str
    reset_path: str
    invitation_path: str


@contextmanager
def furnish(market: LiveMarket, renter: Page) -> Iterator[World]:
    """Give the seeded renter a pod and an invoice in each state that looks different, and mail."""
    with HostedPod.rented(market) as running, HostedPod.rented(market) as stopped:
        stopped.stop()
        with HostedPod.rented(market) as ended:
            pass
        yield World(
            pod=running.id,
            stopped_pod=stopped.id,
            ended_pod=ended.id,
            failed_pod=failed_pod(market),
            node=str(running.journey.executor["id"]),
            machine=_machine(market),
            proof=a_proof(market),
            invoice=open_invoice(renter, usd="10"),
            paid_invoice=paid_invoice(renter),
            short_invoice=short_invoice(renter),
            deposit=deposit(renter),
            confirm_path=_confirmation(market, renter),
            reset_path=_reset(market, renter),
            invitation_path=_invitation(market),
        )


def a_proof(market: LiveMarket) -> str:
    """Wait for a proof of the local machine and return its id."""
    wait_until(lambda: market.api.get("proofs"), "proof of the machine")
    return str(market.api.get("proofs")[0]["id"])


def failed_pod(market: LiveMarket) -> str:
    """Rent with an image that nobody serves and return the pod, which has failed."""
    unserved = {"name": "unserved", "docker_image": "127.0.0.1:9/unserved", "is_private": True}
    template = market.api.post("templates", {**unserved, "docker_image_tag": "1"})["id"]
    failed = HostedPod.asked_for(market, template=template)
    wait_until(failed._has_receipt, "receipt of the failed start")
    return failed.id


def open_invoice(page: Page, *, usd: str) -> str:
    """Make an invoice through the page and return its id."""
    page.goto("/billing/checkout")
    page.get_by_label("Amount in USD").fill(usd)
    page.get_by_role("button", name="Get an address").click()
    page.wait_for_url("**/billing/invoices/*")
    return page.url.rpartition("/")[2]


def paid_invoice(page: Page) -> str:
    """Make an invoice, pay it with test TAO and wait until the balance has it."""
    invoice = open_invoice(page, usd="25")
    page.get_by_role("button", name="Pay with test TAO").click()
    page.get_by_text("$25.00 is on your balance.").wait_for()
    return invoice


def short_invoice(page: Page) -> str:
    """Make an invoice, send less than it asks for and wait until the page says so."""
    invoice = open_invoice(page, usd="8")
    address = page.locator("#address").inner_text()
    paid = page.request.post(
        "/localchain/faucet", data={"address": address, "amount_rao": "1000000"}
    )
    assert paid.ok, paid.text()
    page.get_by_text("are missing").or_(page.get_by_text("is missing")).first.wait_for()
    return invoice


def deposit(page: Page) -> str:
    """Send test TAO to the standing address, wait until it is credited, and return the deposit's id."""
    page.goto("/billing/deposits")
    page.get_by_role("button", name="Send 1 test TAO").click()
    page.get_by_text("is on your balance.").first.wait_for()
    link = page.locator("#deposits tbody a").first.get_attribute("href")
    return str(link).rpartition("/")[2]


def _confirmation(market: LiveMarket, page: Page) -> str:
    page.goto("/accounts/email/")
    page.get_by_role("button", name="Send the link again").click()
    return mailed_path(market, r"/accounts/confirm-email/[-:\w]+/")


def _reset(market: LiveMarket, page: Page) -> str:
    # A signed-in person is sent away from this form.
    context = page.context.browser.new_context(base_url=market.url)  # type: ignore[union-attr]
    stranger = context.new_page()
    stranger.goto("/accounts/password/reset/")
    stranger.locator("[name=email]").fill(market.renter_email)
    stranger.locator("main form button").click()
    stranger.wait_for_url("**/reset/done/")
    context.close()
    return mailed_path(market, r"/accounts/password/reset/key/[-\w]+/")


def _invitation(market: LiveMarket) -> str:
    return "/invitations/" + market.manage("shell", "--no-imports", text=INVITE).split()[-1]


def _machine(market: LiveMarket) -> str:
    """Let the seeded renter provide too: a machine whose disk check failed, a webhook, a day's earnings."""
    return market.manage("shell", "--no-imports", text=PROVIDE).split()[-1]


PROVIDE = f"""
from decimal import Decimal
from accounts.access import principal_of
from accounts.models import User
from billing import ledger
from billing.accounts import grants_account, provider_account
from core import clock
from marketplace.checks import CHECKS
from marketplace.models import CheckResult, CheckRun, GpuModel, Node
from marketplace.services import onboarding, providers, webhooks
asking, now = principal_of(User.objects.get(email="{RENTER_EMAIL}")), clock.now()
provider = providers.provider_of(asking, now=now)
node = Node.objects.filter(provider=provider).first()
if node is None:
    claim = onboarding.Claim(gpu_model=GpuModel.objects.first().name, gpu_count=2, host="198.18.0.99")
    node = onboarding.add(provider=provider, claim=claim, actor=asking.actor(), now=now)
    hook, _ = webhooks.add(principal=asking, owner=provider, url="http://127.0.0.1:9/hook", kinds=[], now=now)
    webhooks.send_test(webhook=hook, now=now)
    webhooks.add(principal=asking, owner=asking.workspace, url="http://127.0.0.1:9/pods", kinds=["balance.low"], now=now)
    run = CheckRun.objects.create(node=node, trigger="wizard", started_at=now, finished_at=now, outcome="failed")
    for position, check in enumerate(CHECKS):
        found = dict(status="passed", measured="as it should be")
        if check.id == "disk":
            found = dict(status="failed", code="disk_too_small", measured="40 GiB", required="100 GiB", fix="Add a disk.", fix_command="df -h /var/lib/docker")
        CheckResult.objects.create(run=run, position=position, check_id=check.id, why=check.why, seconds=1.0, **found)
    legs = [ledger.Leg(grants_account(), Decimal(-2)), ledger.Leg(provider_account(provider.public_id), Decimal(2))]
    ledger.post(key="earned in a test", kind="usage", legs=legs, occurred_at=now)
print(node.public_id)
"""
INVITE = f"""
from accounts.access import principal_of
from accounts.models import Membership, User
from accounts.services import invitations, workspaces
from core import clock
operator = principal_of(User.objects.get(is_superuser=True))
team = Membership.objects.filter(user=operator.user, workspace__is_personal=False).first()
team = team or workspaces.create(principal=operator, name="Team", now=clock.now())
print(invitations.invite(membership=team, principal=operator, email="{RENTER_EMAIL}", role="member", now=clock.now())[1])
"""


def mailed_path(market: LiveMarket, pattern: str) -> str:
    """Return the newest address of this kind that the market has mailed (to its log)."""

    def found() -> list[str]:
        return re.findall(pattern, market.log("web") + market.log("courier"))

    wait_until(lambda: bool(found()), f"a mail with {pattern}")
    return str(found()[-1])
