"""The billing pages in a browserless client: each works without scripts, and a stranger sees nothing."""

from decimal import Decimal

import pytest
from django.test import Client

from accounts.models import Workspace
from billing import hooks
from billing.chain.local import node
from billing.hooks import Burn, Rung
from billing.models import Invoice, RateBreaker
from billing.services.grants import grant
from core import clock
from core.actors import PLATFORM
from tests.factories.billing import LocalWallet, blocks, look, make_invoice, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client: Client) -> Workspace:
    workspace = make_workspace()
    client.force_login(workspace.owner)
    return workspace


def open_invoice(client: Client, usd: str = "35.00", **fields: str) -> Invoice:
    answer = client.post("/billing/checkout", {"usd_amount": usd, **fields})
    assert answer.status_code == 302, answer.content
    return Invoice.objects.latest("pk")


class TestCheckout:
    def test_from_amount_to_balance(self, client: Client, alice: Workspace) -> None:
        assert b"Get an address" in client.get("/billing/checkout").content
        invoice = open_invoice(client)
        page = client.get(f"/billing/invoices/{invoice.public_id}").content.decode()
        assert invoice.address in page
        assert "<svg" in page
        assert "style=" not in page

        client.post(f"/billing/invoices/{invoice.public_id}/test-payment")
        blocks(1)
        assert "confirmation" in live(client, invoice)
        blocks(2)
        assert "Paid" in live(client, invoice)
        assert "$35.00" in client.get("/billing").content.decode()

    def test_goes_back_to_where_the_renter_came_from(
        self, client: Client, alice: Workspace
    ) -> None:
        invoice = open_invoice(client, next="/pods")
        LocalWallet().pay(invoice.address, invoice.tao_amount_rao)
        blocks(3)

        page = client.get(f"/billing/invoices/{invoice.public_id}").content.decode()
        assert 'href="/pods">Go on where you were' in page

    def test_never_leads_elsewhere(self, client: Client, alice: Workspace) -> None:
        invoice = open_invoice(client, next="https://evil.example/")
        LocalWallet().pay(invoice.address, invoice.tao_amount_rao)
        blocks(3)

        page = client.get(f"/billing/invoices/{invoice.public_id}").content.decode()
        assert "evil.example" not in page

    @pytest.mark.parametrize("usd", ["", "0", "-5", "0.99", "12.345", "100000.01", "ten", "NaN"])
    def test_says_what_is_wrong_with_an_amount(
        self, client: Client, alice: Workspace, usd: str
    ) -> None:
        answer = client.post("/billing/checkout", {"usd_amount": usd})

        assert answer.status_code == 422
        assert not Invoice.objects.exists()

    def test_says_so_when_it_is_not_configured(
        self, client: Client, alice: Workspace, settings
    ) -> None:
        settings.DEPOSIT_PUBLIC_KEY = ""

        answer = client.post("/billing/checkout", {"usd_amount": "10"})

        assert answer.status_code == 503
        assert b"no deposit key" in answer.content

    def test_without_a_price_of_tao_there_is_no_invoice(
        self, client: Client, alice: Workspace
    ) -> None:
        RateBreaker.objects.all().delete()

        answer = client.post("/billing/checkout", {"usd_amount": "10"})

        assert answer.status_code == 503
        assert not Invoice.objects.exists()

    def test_each_invoice_has_an_address_of_its_own(self, client: Client, alice: Workspace) -> None:
        first, second = open_invoice(client), open_invoice(client)

        assert first.address != second.address

    def test_test_tao_pays_an_open_invoice_only(self, client: Client, alice: Workspace) -> None:
        invoice = open_invoice(client)
        Invoice.objects.update(status="expired")

        answer = client.post(f"/billing/invoices/{invoice.public_id}/test-payment")

        assert answer.status_code == 409


class TestInvoicePage:
    @pytest.mark.parametrize(
        ("tenths", "words"),
        [
            ([5], "Less than asked"),
            ([10], "is on your balance"),
            ([15], "More than asked"),
            ([10, 10], "more than once"),
        ],
    )
    def test_explains_each_payment(
        self, client: Client, alice: Workspace, tenths: list[int], words: str
    ) -> None:
        invoice, wallet = make_invoice(alice), LocalWallet()
        for part in tenths:
            wallet.pay(invoice.address, invoice.tao_amount_rao * part // 10)
            blocks(3)

        assert words in live(client, invoice)

    @pytest.mark.parametrize(
        ("status", "words"), [("expired", "has ended"), ("late", "after the end")]
    )
    def test_explains_the_end(
        self, client: Client, alice: Workspace, status: str, words: str
    ) -> None:
        invoice = make_invoice(alice)
        Invoice.objects.update(status=status)

        assert words in live(client, invoice)

    def test_leads_on_from_what_was_paid_in_part_and_has_ended(
        self, client: Client, alice: Workspace
    ) -> None:
        invoice = make_invoice(alice)
        LocalWallet().pay(invoice.address, invoice.tao_amount_rao // 2)
        blocks(3)
        assert "Make another" not in live(client, invoice)
        Invoice.objects.update(expires_at=clock.now())

        page = live(client, invoice)

        assert "The rate is not held any more" in page
        assert "are missing" not in page
        assert "Make another" in page

    def test_explains_a_held_transfer(self, client: Client, alice: Workspace) -> None:
        invoice = make_invoice(alice)
        LocalWallet().pay(invoice.address, node.FEE_RAO)
        blocks(3)

        assert "administrator looks at it" in live(client, invoice)

    def test_shows_a_replaced_block(self, client: Client, alice: Workspace) -> None:
        invoice = make_invoice(alice)
        LocalWallet().pay(invoice.address, invoice.tao_amount_rao)
        blocks(1)
        node.reorganise(depth=1, drop=True)
        look()

        assert "Block replaced" in live(client, invoice)


class TestOverview:
    def test_shows_burn_runway_and_the_ladder(
        self, client: Client, alice: Workspace, monkeypatch
    ) -> None:
        grant(
            workspace=alice,
            usd=Decimal(48),
            key="t",
            reason="Test",
            actor=PLATFORM,
            now=clock.now(),
        )
        deletion = Rung(
            label="Files are deleted", at=None, after="72 h later", detail="", state="waiting"
        )
        installed = hooks.Hooks(
            burn_of=lambda _: Burn(Decimal(2), 3),
            subject_url=lambda kind, _: f"/{kind}",
            ladder_of=lambda _, __: [deletion],
        )
        monkeypatch.setattr(hooks, "_installed", [installed])

        page = client.get("/billing").content.decode()

        assert "3 pods" in page
        assert "Files are deleted" in page

    @pytest.mark.parametrize("number", ["1", "2", "999", "x"])
    def test_any_page_number_is_some_page(
        self, client: Client, alice: Workspace, number: str
    ) -> None:
        assert client.get(f"/billing?page={number}").status_code == 200

    def test_queries_do_not_grow(
        self, client: Client, alice: Workspace, django_assert_max_num_queries
    ) -> None:
        for number in range(30):
            grant(
                workspace=alice,
                usd=Decimal(1),
                key=f"g{number}",
                reason="",
                actor=PLATFORM,
                now=clock.now(),
            )

        # What every page asks once a minute is in the cache by then, unless a minute ends here: three of them.
        client.get("/billing")
        with django_assert_max_num_queries(28):
            client.get("/billing")


class TestAccess:
    PATHS = ("", "/live")

    @pytest.mark.parametrize("path", PATHS)
    def test_a_stranger_gets_404(self, client: Client, alice: Workspace, path: str) -> None:
        foreign = make_invoice(make_workspace("charlie"))

        assert client.get(f"/billing/invoices/{foreign.public_id}{path}").status_code == 404
        paying = client.post(f"/billing/invoices/{foreign.public_id}/test-payment")
        assert paying.status_code == 404

    @pytest.mark.parametrize("path", ["/billing", "/billing/checkout", "/billing/statement"])
    def test_anonymous_is_asked_to_sign_in(self, client: Client, path: str) -> None:
        answer = client.get(path)

        assert (answer.status_code, "/accounts/login/" in answer["Location"]) == (302, True)

    @pytest.mark.parametrize("path", ["/billing", "/billing/statement"])
    def test_the_wrong_method_is_refused(self, client: Client, alice: Workspace, path: str) -> None:
        assert client.post(path).status_code == 405


def live(client: Client, invoice: Invoice) -> str:
    answer = client.get(f"/billing/invoices/{invoice.public_id}/live")
    assert answer.status_code == 200
    return answer.content.decode()
