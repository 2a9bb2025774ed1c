"""Credits that the platform gives away: a sign-up credit, a demo balance, a gesture of support."""

from datetime import datetime
from decimal import Decimal

from accounts.models import Workspace
from billing import accounts, ledger
from billing.models import Entry
from core.actors import Actor
from core.errors import Invalid


def grant(
    *, workspace: Workspace, usd: Decimal, key: str, reason: str, actor: Actor, now: datetime
) -> Entry:
    """Credit a workspace at the platform's expense; the same key grants once.

    :raises Invalid: the amount is not above zero.
    """
    if usd <= 0:
        raise Invalid("A grant must be above 0 USD.", hint="Reverse an entry to take money back.")
    return ledger.post(
        key=f"grant:{key}",
        kind="grant",
        legs=[
            ledger.Leg(accounts.renter_account(workspace), usd),
            ledger.Leg(accounts.grants_account(), -usd),
        ],
        occurred_at=now,
        subject=("workspace", workspace.public_id),
        memo=f"{reason} (by {actor.name or actor.kind})",
    )
