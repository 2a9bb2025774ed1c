"""The billing API: invoices, the chain's state, and refusals that name the way that works."""

import pytest
from django.test import Client

from accounts.models import ApiKey, Scope, Workspace
from billing import limits
from core.tokens import digest, new_token
from tests.factories.billing import LocalWallet, blocks, make_invoice, make_workspace

pytestmark = pytest.mark.django_db


def key_for(workspace: Workspace, *scopes: str) -> dict[str, str]:
    secret = new_token("sk")
    ApiKey.objects.create(
        workspace=workspace,
        user=workspace.owner,
        name="test",
        digest=digest(secret),
        prefix="sk",
        last_four="0000",
        scopes=list(scopes),
    )
    return {"x-api-key": secret}


class TestInvoices:
    def test_made_paid_and_read(self, client: Client) -> None:
        key = key_for(make_workspace(), Scope.BILLING)
        made = post(client, "/api/billing/invoices", {"amount_usd": 35}, key)
        assert made.status_code == 201
        assert made.json()["amount_tao"] == "0.100000000"
        LocalWallet().pay(made.json()["address"], made.json()["amount_rao"])
        blocks(3)

        read = client.get(f"/api/billing/invoices/{made.json()['id']}", headers=key).json()

        assert (read["status"], read["paid_rao"]) == ("paid", 100_000_000)
        assert read["deposits"][0]["credited_usd"] == 35.0

    def test_needs_the_billing_scope(self, client: Client) -> None:
        key = key_for(make_workspace(), Scope.READ, Scope.RENT, Scope.MANAGE)

        answer = post(client, "/api/billing/invoices", {"amount_usd": 35}, key)

        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "missing_scope")

    @pytest.mark.parametrize("amount", [0, -1, 0.5, 1.234, "ten", None, 10**7, 1e400])
    def test_refuses_an_amount_that_cannot_be_paid(self, client: Client, amount: object) -> None:
        key = key_for(make_workspace(), Scope.BILLING)

        answer = post(client, "/api/billing/invoices", {"amount_usd": amount}, key)

        assert answer.status_code in {400, 422}
        assert answer.json()["detail"]

    def test_page_and_api_share_one_limit(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "INVOICES_PER_WORKSPACE", "1/hour")
        workspace = make_workspace()
        key = key_for(workspace, Scope.BILLING)
        first = post(client, "/api/billing/invoices", {"amount_usd": 35}, key)
        client.force_login(workspace.owner)

        second = client.post("/billing/checkout", {"usd_amount": "35"})

        assert (first.status_code, second.status_code) == (201, 429)

    def test_somebody_elses_is_not_there(self, client: Client) -> None:
        foreign = make_invoice(make_workspace("charlie"))
        path = f"/api/billing/invoices/{foreign.public_id}"

        assert client.get(path, headers=key_for(make_workspace(), Scope.READ)).status_code == 404
        assert client.get(path).status_code == 401


class TestRailsThatAreNotHere:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", "/api/tao/pay/token/generate"),
            ("post", "/api/tao/create-transfer"),
            ("get", "/api/tmc-pay/currencies"),
            ("post", "/api/tmc-pay/create-invoice"),
            ("post", "/api/stripe/create-checkout-session"),
            ("post", "/api/payments/topup"),
        ],
    )
    def test_each_refusal_names_the_checkout(self, client: Client, method: str, path: str) -> None:
        key = key_for(make_workspace(), Scope.BILLING)

        answer = getattr(client, method)(path, headers=key)

        assert answer.status_code in {400, 404}
        assert "/billing/checkout" in answer.json()["detail"]
        assert getattr(client, method)(path).status_code == 401

    def test_no_wallet_is_linked(self, client: Client) -> None:
        key = key_for(make_workspace(), Scope.READ)

        answer = client.get("/api/tao/pay/wallet/available-wallets/abc", headers=key)

        assert answer.json() == []


def test_the_chain_is_unknown_before_it_is_read(client: Client) -> None:
    assert client.get("/api/status/chain").json()["height"] is None

    blocks(5)

    status = client.get("/api/status/chain").json()
    assert (status["height"], status["finalized_height"], status["simulated"]) == (5, 3, True)


def post(client: Client, path: str, body: dict[str, object], key: dict[str, str]):
    return client.post(path, body, content_type="application/json", headers=key)
