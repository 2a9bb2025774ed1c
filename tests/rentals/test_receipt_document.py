"""A receipt to keep: the quote against the charge, line by line, in USD and TAO."""

import csv
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.urls import reverse

from billing.rates import Rate
from core import clock
from core.actors import PLATFORM
from rentals import transitions
from rentals.models import Pod, PodStatus
from rentals.reasons import Reason
from rentals.receipt_document import receipt_document
from rentals.services import lifecycle, receipts
from tests.factories.accounts import Person
from tests.factories.pods import make_pod, make_ready
from tests.factories.rates import price_is

pytestmark = pytest.mark.django_db


@pytest.fixture
def ended(alice: Person) -> Pod:
    """Give a pod of Alice's that ended, with its receipt."""
    pod = make_ready(make_pod(workspace=alice.workspace, created_at=clock.now()), at=clock.now())
    lifecycle.remove_as(
        pod_id=pod.public_id, reason=Reason.REMOVED_ON_SCHEDULE, actor=PLATFORM, now=clock.now()
    )
    pod.refresh_from_db()
    gone = Reason.CONTAINER_GONE_AS_ASKED
    transitions.move(pod, to=PodStatus.REMOVED, reason=gone, actor=PLATFORM, now=clock.now())
    receipts.write(pod, clock.now())
    return pod


def test_puts_the_charge_beside_the_quote(ended: Pod) -> None:
    now = clock.now()
    rate = Rate(Decimal(200), "test", now - timedelta(seconds=30), simulated=True)

    document = receipt_document(ended, rate=rate, now=now)

    assert [row["item"] for row in document.records] == [row["item"] for row in ended.quote.lines]
    charged = sum(Decimal(row["charged_usd"]) for row in document.records)
    assert charged == ended.receipt.charged_usd
    assert sum(Decimal(row["charged_tao"]) for row in document.records) == (charged / 200).quantize(
        Decimal("0.000000001")
    )
    assert "30 s before this was made" in dict(document.facts)["Rate"]
    assert document.tables[0].rows[-1][-1] == f"{charged:.9f}"


def test_is_given_as_pdf_and_csv_to_its_renter_alone(
    ended: Pod, alice: Person, charlie: Person
) -> None:
    path = f"/pods/{ended.public_id}/receipt/file"

    lines = list(csv.DictReader(StringIO(alice.browser.get(f"{path}?format=csv").content.decode())))

    assert {row["receipt"] for row in lines} == {str(ended.receipt.public_id)}
    assert alice.browser.get(path).content.startswith(b"%PDF-")
    assert charlie.browser.get(path).status_code == 404


def test_the_page_shows_each_line_of_the_quote_beside_its_charge(alice: Person, ended: Pod) -> None:
    price_is()

    page = alice.browser.get(reverse("receipt", args=[ended.public_id])).content.decode()

    assert "The quote against the charge" in page
    for line in ended.receipt.lines:
        for amount in (line["quoted_usd"], line["charged_usd"]):
            assert amount is None or f"${Decimal(amount):.4f}" in page
    assert "1 TAO = 350.00 USD" in page
    assert "s before this was made" in page
