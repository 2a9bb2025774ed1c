"""Documents to keep: what they say, that they are whole, and that names in any script do no harm."""

import csv
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.test import Client

from accounts.models import Workspace
from billing.documents import pdf
from billing.documents.document import Column, Document, Table
from billing.documents.statement import Month, statement_document
from billing.rates import Rate
from billing.selectors import balance_usd
from billing.services.grants import grant
from core import clock
from core.actors import PLATFORM
from core.errors import Invalid
from tests.factories.billing import LocalWallet, blocks, make_invoice, make_workspace

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RATE = Rate(Decimal(350), "median of two", datetime(2026, 11, 21, 11, 59, tzinfo=UTC), False)


@pytest.fixture
def alice() -> Workspace:
    return make_workspace()


@pytest.fixture
def visitor(alice: Workspace) -> Client:
    client = Client()
    client.force_login(alice.owner)
    return client


class TestInvoice:
    def test_names_each_transfer_with_its_rate(self, visitor: Client, alice: Workspace) -> None:
        invoice, wallet = make_invoice(alice), LocalWallet()
        for rao in (40_000_000, 60_000_000):
            wallet.pay(invoice.address, rao)
            blocks(3)

        rows = records(visitor.get(f"/billing/invoices/{invoice.public_id}/file?format=csv"))

        assert [(row["amount"], row["asset"], row["credited_usd"]) for row in rows] == [
            ("0.060000000", "TAO", "21.000000000"),
            ("0.040000000", "TAO", "14.000000000"),
        ]
        assert {row["asked_usd"] for row in rows} == {"35.000000000"}
        assert {row["rate_observed_at"] for row in rows} != {""}

    def test_that_nobody_paid_is_one_line(self, visitor: Client, alice: Workspace) -> None:
        invoice = make_invoice(alice)

        rows = records(visitor.get(f"/billing/invoices/{invoice.public_id}/file?format=csv"))

        assert [(row["status"], row["amount"]) for row in rows] == [("open", "")]

    def test_is_a_pdf_by_itself_and_nothing_else(self, visitor: Client, alice: Workspace) -> None:
        path = f"/billing/invoices/{make_invoice(alice).public_id}/file"

        drawn = visitor.get(path)

        assert drawn.content.startswith(b"%PDF-")
        assert drawn.content.rstrip().endswith(b"%%EOF")
        assert drawn["Content-Type"] == "application/pdf"
        assert visitor.get(f"{path}?format=doc").status_code == 422


class TestStatement:
    def test_sums_to_the_balance(self, alice: Workspace) -> None:
        for day in (1, 15):
            give(alice, Decimal("12.5"), at=datetime(2026, 10, day, tzinfo=UTC))
        give(alice, Decimal(10), at=NOW)

        october = statement_document(alice, Month(2026, 10), rate=RATE, now=NOW)
        november = statement_document(alice, Month(2026, 11), rate=RATE, now=NOW)

        assert dict(october.facts)["Balance after"] == "25.0000 USD = 0.071428571 TAO"
        assert dict(november.facts)["Balance before"] == "25.0000 USD"
        total = sum(Decimal(row["amount_usd"]) for row in (*october.records, *november.records))
        assert total == balance_usd(alice)

    def test_tells_the_age_of_the_rate(self, alice: Workspace) -> None:
        said = dict(statement_document(alice, Month(2026, 11), rate=RATE, now=NOW).facts)["Rate"]

        assert "350.00 USD, from median of two" in said
        assert "60 s before this was made" in said

    def test_without_a_rate_leaves_tao_out(self, alice: Workspace) -> None:
        give(alice, Decimal(10), at=NOW)

        document = statement_document(alice, Month(2026, 11), rate=None, now=NOW)

        assert [row["amount_tao"] for row in document.records] == [""]
        assert "No rate" in dict(document.facts)["Rate"]

    def test_december_ends_with_the_year(self) -> None:
        assert Month(2026, 12).end == Month(2027, 1).start

    def test_refuses_what_is_no_month(self) -> None:
        with pytest.raises(Invalid):
            Month.read("soon", now=NOW)

    def test_is_a_pdf(self, visitor: Client) -> None:
        assert visitor.get("/billing/statement?format=pdf").content.startswith(b"%PDF-")


def test_a_long_table_goes_over_pages_and_any_script_is_drawn() -> None:
    rows = [[f"Łukasz, Zoë, Ωmega, Ж, 中文, \U0001f600 {number}", "1.00"] for number in range(200)]
    document = Document(
        name="x",
        title="Żółć",
        made_at=NOW,
        facts=[("For", "a" * 400)],
        tables=[
            Table(
                title="T",
                columns=[Column(title="A", width=100), Column(title="B", width=30, number=True)],
                rows=rows,
            )
        ],
        notes=[],
        records=[],
    )

    drawn = pdf.render(document, issuer="market.example")

    assert drawn.count(b"/Type /Page\n") >= 4
    assert len(drawn) < 200_000


def give(workspace: Workspace, usd: Decimal, *, at: datetime) -> None:
    grant(workspace=workspace, usd=usd, key=str(at), reason="test", actor=PLATFORM, now=at)


def records(answer: object) -> list[dict[str, str]]:
    body = answer.content.decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(StringIO(body)))


def test_the_clock_is_utc() -> None:
    assert str(Month.read("", now=clock.now())) == f"{clock.now():%Y-%m}"
