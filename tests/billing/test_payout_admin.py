"""The operators' side of payouts: a dry run, a proposal, another administrator's word."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import AuditEvent, User
from billing.models import Payout, PayoutBatch, PayoutHold
from tests.factories.billing import USD_PER_TAO
from tests.factories.payouts import payable_provider

pytestmark = pytest.mark.django_db
RUN = "/admin/billing/payoutbatch/dry-run/"
BATCHES = "/admin/billing/payoutbatch/"


def operator(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(f"{name}@example.com", "correct horse"))
    return client


@pytest.fixture
def ada() -> Client:
    return operator("ada")


def decide(client: Client, action: str, reason: str = "Looks right") -> str:
    fields = {"action": action, "_selected_action": PayoutBatch.objects.get().pk, "reason": reason}
    return client.post(BATCHES, fields, follow=True).content.decode()


def test_the_dry_run_shows_everybody_and_changes_nothing(ada: Client) -> None:
    payable_provider(35)
    payable_provider(3, uri="//Dave")

    page = ada.get(RUN).content.decode()

    assert "1 of 2 providers are paid, 35.00 USD as 0.100000000 TAO" in page
    assert "3.00 USD payable; 10.00 USD are paid at least." in page
    assert not PayoutBatch.objects.exists()


def test_a_proposal_wants_a_reason_and_is_audited(ada: Client) -> None:
    payable_provider()

    assert "Say why." in ada.post(RUN, {"reason": " "}).content.decode()
    ada.post(RUN, {"reason": "Weekly run"})

    batch = PayoutBatch.objects.get()
    assert (batch.status, batch.rate_usd_per_tao) == ("proposed", USD_PER_TAO)
    event = AuditEvent.objects.get(action="admin.propose_payouts")
    assert event.reason == "Weekly run"


def test_another_administrator_approves(ada: Client) -> None:
    payable_provider()
    ada.post(RUN, {"reason": "Weekly run"})

    assert "Who proposed a batch cannot approve it." in decide(ada, "approve")
    assert "Approve (another administrator" in decide(operator("grace"), "approve")

    assert Payout.objects.get().status == "approved"
    assert AuditEvent.objects.filter(action="admin.approve").exists()


def test_a_batch_is_refused(ada: Client) -> None:
    payable_provider()
    ada.post(RUN, {"reason": "Weekly run"})

    decide(ada, "refuse", "Wrong week")

    assert PayoutBatch.objects.get().status == "refused"


def test_without_a_rate_the_page_says_so(ada: Client, settings: Settings) -> None:
    payable_provider()
    settings.MARKET_RATE_STALE = timedelta(0)

    assert "There is no rate" in ada.get(RUN).content.decode()


def test_a_hold_is_placed_and_lifted_with_a_reason(ada: Client) -> None:
    provider = payable_provider(Decimal(35))

    for action in ("hold_payouts", "hold_payouts", "lift_payout_hold"):
        fields = {"action": action, "_selected_action": provider.pk, "reason": "A dispute"}
        ada.post("/admin/marketplace/provider/", fields)

    hold = PayoutHold.objects.get()
    assert (hold.reason, hold.lifting_reason) == ("A dispute", "A dispute")
    assert hold.lifted_at is not None


def test_a_stranger_sees_nothing(client: Client) -> None:
    assert client.get(RUN).status_code == 302
