"""Credits that we give away: a sign-up credit, a demo balance."""

from datetime import datetime
from decimal import Decimal

from accounts.models import Workspace
from billing import ledger
from billing.accounts import grants_account, renter_account
from billing.ledger import Leg
from billing.models import Entry
from core.actors import Actor
from core.errors import Invalid


def grant(
    *, workspace: Workspace, usd: Decimal, key: str, reason: str, actor: Actor, now: datetime
) -> Entry:
    """Credit a balance at our own cost; ``key`` names the cause, so that a repeat gives it once.

    :raises Invalid: the amount is not above zero.
    """
    if usd <= 0:
        raise Invalid("A credit must be above zero.", hint="Give a positive amount in USD.")
    return ledger.post(
        key=f"grant:{key}",
        kind="grant",
        legs=[Leg(grants_account(), -usd), Leg(renter_account(workspace), usd)],
        occurred_at=now,
        subject=("workspace", workspace.public_id),
        memo=f"{reason} ({actor.name})",
    )
