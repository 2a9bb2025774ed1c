"""What keeps a rent from being made at somebody else's cost."""

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.models import Workspace
from billing import ledger
from billing.accounts import renter_account, trading_account
from billing.ledger import Leg
from core.actors import PLATFORM
from core.money import USD
from rentals import transitions
from rentals.models import Pod, PodStatus
from rentals.reasons import Reason
from rentals.services import renting, silences
from rentals.services.floors import DebtElsewhere
from rentals.services.silences import RanUnproven
from tests.factories.pods import NOON, make_pod, make_template
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


def test_minutes_that_nobody_paid_for_are_not_had_anew_in_another_workspace() -> None:
    node, alice, bob = make_node(), make_principal(), make_principal()
    make_template()
    over = NOON + timedelta(minutes=51)
    for minutes in (0, 20, 40):
        silent = make_pod(user=alice.user, status=PodStatus.RUNNING)
        for to, reason, at in (
            (PodStatus.UNREACHABLE, Reason.SSH_SILENT, NOON + timedelta(minutes=minutes)),
            (PodStatus.REMOVING, Reason.REMOVED_BY_RENTER, NOON + timedelta(minutes=minutes + 11)),
        ):
            transitions.move(silent, to=to, reason=reason, actor=PLATFORM, now=at)

    with pytest.raises(RanUnproven, match="rented or started at 2026-11-21 13:51 UTC") as refusal:
        renting.rent(principal=alice, request=rent_request(node), now=over)

    assert (refusal.value.status, refusal.value.code) == (409, "ran_unproven")
    assert not Pod.objects.filter(workspace=alice.workspace).exists()
    assert renting.rent(principal=bob, request=rent_request(node), now=over).pk
    rested = over + silences.PAUSE
    assert renting.rent(principal=alice, request=rent_request(node, name="p2"), now=rested).pk
