"""The pages of deposits: each state in words, nobody else's, and paying in alpha."""

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import ApiKey, Workspace
from billing.deposit_views import QUOTES
from billing.models import Deposit, DepositStatus, LinkedColdkey, StandingAddress
from billing.reasons import Reason
from billing.services import coldkeys
from core import clock
from tests.factories.billing import (
    LocalWallet,
    blocks,
    link_coldkey,
    make_deposit,
    make_workspace,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Workspace:
    return make_workspace()


@pytest.fixture
def visitor(alice: Workspace) -> Client:
    return signed_in(alice)


def signed_in(workspace: Workspace) -> Client:
    client = Client()
    client.force_login(workspace.owner)
    return client


class TestDeposits:
    def test_from_address_to_balance(self, visitor: Client) -> None:
        page = visitor.get("/billing/deposits").content.decode()
        assert StandingAddress.objects.get().address in page

        visitor.post("/billing/deposits/test-payment")
        blocks(1)
        assert "1 confirmation so far" in visitor.get("/billing/deposits/live").content.decode()
        blocks(2)

        page = visitor.get("/billing/deposits").content.decode()
        assert "$350.00 is on your balance." in page

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"status": "replaced"}, "nothing was credited"),
            ({"status": "unmatched", "held_for": "dust"}, Reason.DUST.words),
            ({"status": "unmatched", "held_for": "wrong_subnet", "netuid": 7}, "that subnet"),
            ({"status": "unmatched", "held_for": "again"}, "credited before"),
            ({"status": "refund_requested"}, "to be sent back"),
            ({"status": "refunded"}, "was sent back"),
        ],
    )
    def test_says_what_each_state_means(
        self, visitor: Client, alice: Workspace, fields: dict[str, object], words: str
    ) -> None:
        deposit = make_deposit(alice, **fields)

        for path in ("/billing/deposits", f"/billing/deposits/{deposit.public_id}"):
            assert words in visitor.get(path).content.decode().replace("&#x27;", "'")

    def test_every_state_has_words(self, visitor: Client, alice: Workspace) -> None:
        for status in DepositStatus:
            if status not in {DepositStatus.CREDITED, DepositStatus.SETTLED}:
                make_deposit(alice, status=status)

        assert visitor.get("/billing/deposits").status_code == 200

    def test_is_nobody_elses(self, alice: Workspace) -> None:
        deposit, stranger = make_deposit(alice), signed_in(make_workspace())

        for path in ("", "/live"):
            assert stranger.get(f"/billing/deposits/{deposit.public_id}{path}").status_code == 404
        assert str(deposit.public_id) not in stranger.get("/billing/deposits").content.decode()

    def test_says_so_without_a_deposit_key(self, visitor: Client, settings: object) -> None:
        settings.DEPOSIT_PUBLIC_KEY = ""  # type: ignore[attr-defined]

        page = visitor.get("/billing/deposits").content.decode()

        assert "no deposit key" in page


class TestColdkeys:
    def test_links_and_unlinks(self, visitor: Client, alice: Workspace) -> None:
        wallet = LocalWallet(tao=0)
        text = coldkeys.challenge(alice, now=clock.now())
        proof = {
            "address": wallet.address,
            "message": text,
            "signature": wallet.keypair.sign(text.encode()).hex(),
        }

        assert visitor.post("/billing/coldkeys", proof).status_code == 302
        assert wallet.address in visitor.get("/billing/coldkeys").content.decode()
        assert visitor.post("/billing/coldkeys", proof).status_code == 401
        visitor.post(f"/billing/coldkeys/{wallet.address}/unlink")

        assert not LinkedColdkey.objects.exists()

    def test_nobody_unlinks_anothers(self, visitor: Client) -> None:
        theirs = link_coldkey(make_workspace(), "//Cold")

        answer = visitor.post(f"/billing/coldkeys/{theirs.address}/unlink")

        assert answer.status_code == 404
        assert LinkedColdkey.objects.exists()


class TestAlpha:
    def test_makes_a_key_that_pays_and_does_nothing_else(self, visitor: Client) -> None:
        page = visitor.post("/billing/alpha").content.decode()

        assert "lium fund --alpha" in page
        assert ApiKey.objects.latest("pk").scopes == ["alpha"]
        assert Deposit.objects.count() == 0

    def test_shows_what_alpha_is_worth(self, visitor: Client) -> None:
        cache.delete(QUOTES)

        assert "$17.5000" in visitor.get("/billing/alpha").content.decode()
