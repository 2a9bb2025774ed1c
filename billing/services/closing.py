"""What a closed team leaves behind goes to the personal workspace of its owner: at once, and what comes later too."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.models import Workspace
from billing import hooks, ledger
from billing.accounts import grants_account, renter_account
from billing.ledger import Leg
from billing.models import Account, AccountKind, Entry, Posting
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
    # Names what lay there after this entry, so that a repeat finds it moved.
    after = team.postings.order_by("-entry_id").values_list("entry_id", flat=True)[0]
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
    """Give what of a balance is a credit of ours: what charges did not use up, as it is counted for payouts."""
    granted = _granted(team, workspace)
    used = hooks.credit_used(team.pk, granted_usd=granted)
    return min(balance, max(NOTHING, granted - used))


def _granted(team: Account, workspace: Workspace) -> Decimal:
    """Give what a team was ever given as credit, less what it handed on.

    By the subject of the entries: its account is locked, and its ledger may be long.
    """
    grants = Posting.objects.filter(entry=OuterRef("pk"), account__kind=AccountKind.GRANTS)
    credits = Entry.objects.filter(
        Exists(grants), subject_kind="workspace", subject_id=workspace.public_id
    )
    amounts = Posting.objects.filter(entry__in=credits, account=team)
    return sum(amounts.values_list("amount", flat=True), NOTHING)
