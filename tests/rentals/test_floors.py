"""What keeps a rent from being made at somebody else's cost."""

from decimal import Decimal

import pytest

from accounts.models import Workspace
from billing import ledger
from billing.accounts import renter_account, trading_account
from billing.ledger import Leg
from core.money import USD
from rentals.models import Pod
from rentals.services import renting
from rentals.services.floors import DebtElsewhere
from tests.factories.pods import NOON, make_template
from tests.factories.rentals import make_node, make_principal, rent_request

pytestmark = pytest.mark.django_db


def move(workspace: Workspace, usd: Decimal) -> None:
    legs = [Leg(renter_account(workspace), usd), Leg(trading_account(USD), -usd)]
    ledger.post(key=f"test:{usd}", kind="usage", legs=legs, occurred_at=NOON)


def test_a_debt_is_not_left_behind_in_another_workspace() -> None:
    node, alice, bob = make_node(), make_principal(), make_principal()
    make_template()
    team = Workspace.objects.create(name="Team", owner=alice.workspace.owner)
    move(team, Decimal("-0.01"))

    with pytest.raises(DebtElsewhere) as refusal:
        renting.rent(principal=alice, request=rent_request(node), now=NOON)

    assert (refusal.value.status, refusal.value.code) == (403, "debt_elsewhere")
    assert not Pod.objects.exists()
    assert renting.rent(principal=bob, request=rent_request(node), now=NOON).pk
    move(team, Decimal(1))
    assert renting.rent(principal=alice, request=rent_request(node, name="p2"), now=NOON).pk
