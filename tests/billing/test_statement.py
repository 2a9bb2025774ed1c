"""The statement: every entry of a workspace, with the balance after it, in constant queries."""

import csv
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.test import Client

from accounts.models import Workspace
from billing import ledger, limits, selectors
from billing.accounts import fee_account, renter_account
from billing.ledger import Leg
from billing.models import RateBreaker
from billing.services import standing
from billing.services.grants import grant
from core import clock
from core.actors import PLATFORM
from tests.factories.billing import TAO, LocalWallet, blocks, make_workspace
from tests.factories.rates import price_is

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def workspace() -> Workspace:
    workspace = make_workspace()
    give(workspace, Decimal(100), "=start")
    for number in range(9):
        charge(workspace, Decimal("0.000000001") + number, number)
    return workspace


def give(workspace: Workspace, usd: Decimal, reason: str) -> None:
    key = f"test:{workspace.public_id}"
    grant(workspace=workspace, usd=usd, key=key, reason=reason, actor=PLATFORM, now=NOON)


def charge(workspace: Workspace, usd: Decimal, number: int) -> None:
    ledger.post(
        key=f"pod:{workspace.public_id}:{number}",
        kind="usage",
        legs=[Leg(renter_account(workspace), -usd), Leg(fee_account(), usd)],
        occurred_at=NOON + timedelta(hours=number),
        subject=("pod", workspace.public_id),
    )


def test_running_balance_joins_over_pages(workspace: Workspace) -> None:
    pages = [selectors.statement(workspace, limit=4)]
    while pages[-1]:
        pages.append(selectors.statement(workspace, limit=4, before=pages[-1][-1].id))
    lines = [line for page in pages for line in page]

    assert len(lines) == 10
    assert lines[0].balance_usd == selectors.balance_usd(workspace)
    for newer, older in pairwise(lines):
        moved = (newer.credit_usd or 0) - (newer.debit_usd or 0)
        assert newer.balance_usd == older.balance_usd + moved
    assert lines[-1].balance_usd == 100
    assert list(selectors.whole_statement(workspace)) == lines[::-1]
    assert selectors.statement_slice(workspace, start=4, stop=8) == lines[4:8]


def test_queries_do_not_grow(workspace: Workspace, django_assert_num_queries) -> None:
    with django_assert_num_queries(3):
        selectors.statement(workspace, limit=100)


def test_somebody_elses_is_not_in_it(workspace: Workspace) -> None:
    other = make_workspace("bob")

    assert selectors.statement(other, limit=10) == []
    assert selectors.balance_usd(other) == 0


def test_spending_counts_usage_since(workspace: Workspace) -> None:
    spent = selectors.spent_since(workspace, NOON + timedelta(hours=7))

    assert spent == Decimal("15.000000002")


@pytest.mark.parametrize(
    ("balance", "hourly", "lasts", "until"),
    [
        ("10", "0", None, None),
        ("10", "2.5", timedelta(hours=4), NOON + timedelta(hours=4)),
        ("-1", "1", timedelta(0), NOON),
        ("1e9", "0.000000001", timedelta(days=3650), None),
    ],
)
def test_runway(balance: str, hourly: str, lasts: timedelta | None, until: datetime | None) -> None:
    assert selectors.runway(Decimal(balance), Decimal(hourly)) == lasts
    assert selectors.runs_until(lasts, now=NOON) == until


def test_exports_are_exact_and_harmless(workspace: Workspace, client: Client) -> None:
    client.force_login(workspace.owner)

    rows = list(csv.DictReader(read(client, "csv").splitlines()))
    objects = json.loads(read(client, "json"))

    assert rows[0]["detail"].startswith("'=start")
    assert rows[1]["debit_usd"] == "0.000000001"
    assert objects[-1]["balance_usd"] == f"{selectors.balance_usd(workspace):.9f}"
    assert len(rows) == len(objects) == 10


def test_each_line_is_in_tao_with_the_age_of_its_rate(client: Client) -> None:
    """A deposit at the rate that it was credited at, everything else at the present one."""
    workspace = make_workspace()
    wallet = LocalWallet()
    wallet.pay(standing.address_of(workspace, now=clock.now()).address, 2 * TAO)
    blocks(4)
    give(workspace, Decimal(7), "Credit")
    price_is(Decimal(700))
    client.force_login(workspace.owner)

    deposit, credit = csv.DictReader(read(client, "csv").splitlines())

    assert (deposit["credit_usd"], deposit["usd_per_tao"]) == ("700.000000000", "350.000000000")
    assert deposit["amount_tao"] == "2.000000000"
    assert (credit["amount_tao"], credit["usd_per_tao"]) == ("0.010000000", "700.000000000")
    assert 0 <= int(credit["rate_age_seconds"]) < 600
    assert credit["rate_observed_at"].endswith("Z")
    assert {"amount_tao", "rate_age_seconds", "rate_source"} <= json.loads(read(client, "json"))[
        0
    ].keys()


def test_without_a_rate_tao_is_left_out(workspace: Workspace, client: Client) -> None:
    RateBreaker.objects.update(observations=[])
    client.force_login(workspace.owner)

    assert json.loads(read(client, "json"))[0]["amount_tao"] is None


def test_a_month_and_all_of_it_are_files_too(workspace: Workspace, client: Client) -> None:
    client.force_login(workspace.owner)

    page = client.get("/billing").content.decode()
    whole = read(client, "csv&month=all")

    assert "month=2026-11" in page
    assert "month=2026-10" not in page
    total = sum(Decimal(row["amount_usd"]) for row in csv.DictReader(whole.splitlines()))
    assert total == selectors.balance_usd(workspace)
    assert read(client, "csv&month=2026-11") == whole
    assert client.get("/billing/statement?format=pdf&month=all").content.startswith(b"%PDF-")
    assert client.get("/billing/statement?format=json&month=all").status_code == 422
    assert client.get("/billing/statement?format=pdf&month=9999-12").status_code == 422


def test_what_is_too_long_to_be_drawn_is_told_the_way_that_works(
    workspace: Workspace, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(workspace.owner)
    monkeypatch.setattr("billing.documents.response.MOST_LINES", 2)

    refused = client.get("/billing/statement?format=pdf&month=all")

    assert refused.status_code == 422
    assert "CSV" in refused.content.decode()
    assert client.get("/billing/statement?format=csv&month=all").status_code == 200


@pytest.mark.parametrize(
    ("limit", "query"),
    [
        ("STATEMENTS_PER_OWNER", "format=csv"),
        ("STATEMENTS_PER_OWNER", "format=json"),
        ("DOCUMENTS_PER_WORKSPACE", "format=pdf"),
        ("DOCUMENTS_PER_WORKSPACE", "format=csv&month=all"),
    ],
)
def test_files_are_limited(
    client: Client, monkeypatch: pytest.MonkeyPatch, limit: str, query: str
) -> None:
    monkeypatch.setattr(limits, limit, "1/hour")
    client.force_login(make_workspace().owner)

    first, second = (client.get(f"/billing/statement?{query}") for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 429)
    assert second["Retry-After"]


def test_an_empty_export_is_valid(client: Client) -> None:
    client.force_login(make_workspace().owner)

    assert json.loads(read(client, "json")) == []


def test_an_unknown_format_is_refused(client: Client) -> None:
    client.force_login(make_workspace().owner)

    assert client.get("/billing/statement?format=xml").status_code == 422


def read(client: Client, wanted: str) -> str:
    return client.get(f"/billing/statement?format={wanted}").getvalue().decode()
