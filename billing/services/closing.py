"""What a closed team leaves behind goes to the personal workspace of its owner: at once, and what comes later too."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import Max, Sum

from accounts.models import Workspace
from billing import ledger
from billing.accounts import grants_account, renter_account
from billing.ledger import Leg
from billing.models import Account, AccountKind
from billing.selectors import granted_usd, postings_of
from core.money import USD

NOTHING: Final = Decimal(0)


def hold(workspace: Workspace) -> Decimal:
    """Lock the accounts of a team and of its heir, in the ledger's order, and give the team's balance."""
    team, heir = renter_account(workspace), renter_account(_heir(workspace))
    held = {pk: ledger.lock_account(pk) for pk in sorted((team.pk, heir.pk))}
    return held[team.pk].balance


def hand_over(workspace: Workspace, *, now: datetime) -> None:
    """Move what is on a team's balance to its owner; joins the caller's transaction.

    A credit of ours stays one on its way: it goes through the account that gave it (docs/money.md, What renters paid of it).
    """
    balance = hold(workspace)
    if balance <= 0:
        return
    team, heir = renter_account(workspace), renter_account(_heir(workspace))
    credit = _credit_left(team, workspace, balance=balance)
    own, grants = balance - credit, grants_account()
    # Names what lay there after this posting, so that a repeat finds it moved.
    after = postings_of(workspace).aggregate(last=Max("pk"))["last"]
    moves = {
        "own": [Leg(team, -own), Leg(heir, own)],
        "credit": [
            Leg(team, -credit),
            Leg(heir, credit),
            Leg(grants, credit),
            Leg(grants, -credit),
        ],
    }
    for part, legs in moves.items():
        if any(leg.amount for leg in legs):
            ledger.post(
                key=f"closed:{workspace.public_id}:{after}:{part}",
                kind="closing",
                legs=legs,
                occurred_at=now,
                subject=("workspace", workspace.public_id),
                memo=f"Left by the closed workspace {workspace.name}",
            )


def hand_over_late(*, now: datetime) -> int:
    """Move on what came to teams after they were closed, each on its own, and say from how many."""
    late = Account.objects.filter(
        kind=AccountKind.RENTER,
        currency=USD,
        balance__gt=0,
        workspace__closed_at__isnull=False,
    )
    accounts = list(late.select_related("workspace").order_by("pk"))
    for account in accounts:
        if account.workspace is not None:
            with transaction.atomic(durable=True):
                hand_over(account.workspace, now=now)
    return len(accounts)


def _heir(workspace: Workspace) -> Workspace:
    return Workspace.objects.get(owner=workspace.owner_id, is_personal=True)


def _credit_left(team: Account, workspace: Workspace, *, balance: Decimal) -> Decimal:
    """Give what of a balance is a credit of ours; credits are used up first."""
    charges = postings_of(workspace).filter(entry__subject_kind="pod")
    charged = -(charges.aggregate(total=Sum("amount"))["total"] or NOTHING)
    granted = granted_usd([team.pk]).get(team.pk, NOTHING)
    return min(balance, max(NOTHING, granted - charged))
