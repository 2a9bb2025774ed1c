"""Rows of the accounts API from the models."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from accounts import hooks
from accounts.hooks import KeySpend
from accounts.models import (
    ApiKey,
    AuditEvent,
    BudgetRefusal,
    Invitation,
    Membership,
    Scope,
    SshKey,
    Workspace,
)
from accounts.principal import Principal
from core.actors import on_the_wire
from core.clock import iso

NOTHING_SPENT: Final = KeySpend(
    today_usd=Decimal(0), month_usd=Decimal(0), total_usd=Decimal(0), pod_count=0
)
# Read where the published client tries to make a number of it.
NOT_TOLD: Final = (
    "this key is for `lium fund --alpha` only; never send anything with plain `lium fund`, "
    "which pays an address of another platform"
)


def me(principal: Principal) -> dict[str, Any]:
    """Write the caller."""
    user = principal.user
    return {
        "id": user.public_id,
        "email": user.email,
        "name": user.display_name,
        "balance": _balance(principal),
        # An opaque name of the payer for the wallet calls; there is no card processor behind it.
        "stripe_customer_id": f"cus_{principal.workspace.public_id.hex}",
        "workspace": workspace(principal.workspace, role=principal.role),
        "created_at": iso(user.created_at),
    }


def _balance(principal: Principal) -> float | str:
    """Give the balance as a number, or words to a key for alpha: the words stop plain `lium fund` (docs/adr/0009)."""
    if principal.scopes == {Scope.ALPHA}:
        return NOT_TOLD
    return float(hooks.balance_of(principal.workspace))


def workspace(row: Workspace, *, role: str) -> dict[str, Any]:
    """Write a workspace as a member with ``role`` sees it."""
    pending = row.pending_owner
    return {
        "id": row.public_id,
        "name": row.name,
        "role": role,
        "billing_owner_user_id": row.owner.public_id,
        "pending_billing_owner_user_id": pending.public_id if pending else None,
        "created_at": iso(row.created_at),
        "is_personal": row.is_personal,
    }


def member(row: Membership) -> dict[str, Any]:
    """Write a member."""
    return {
        "user_id": row.user.public_id,
        "name": row.user.display_name,
        "email": row.user.email,
        "role": row.role,
        "is_billing_owner": row.workspace.owner_id == row.user_id,
        "joined_at": iso(row.created_at),
    }


def invitation(row: Invitation) -> dict[str, Any]:
    """Write an open invitation."""
    return {
        "id": row.public_id,
        "email": row.email,
        "role": row.role,
        "invited_by": row.invited_by.display_name if row.invited_by else "",
        "created_at": iso(row.created_at),
        "expires_at": iso(row.expires_at),
    }


def api_keys(keys: Sequence[ApiKey], *, now: datetime) -> list[dict[str, Any]]:
    """Write keys with what they spent."""
    spend = hooks.spend_of(keys, now=now)
    return [_api_key(key, spend.get(key.pk, NOTHING_SPENT)) for key in keys]


def api_key(key: ApiKey, *, now: datetime) -> dict[str, Any]:
    """Write one key with what it spent."""
    return api_keys([key], now=now)[0]


def refusal(row: BudgetRefusal) -> dict[str, Any]:
    """Write a refusal."""
    return {
        "created_at": iso(row.created_at),
        "window": row.window,
        "route": row.route,
        "amount_usd": float(row.amount_usd),
        "budget_usd": float(row.budget_usd),
        "spent_usd": float(row.spent_usd),
    }


def ssh_key(row: SshKey) -> dict[str, Any]:
    """Write an SSH key."""
    return {
        "id": row.public_id,
        "name": row.name,
        "public_key": row.public_key,
        "fingerprint": row.fingerprint,
        "created_at": iso(row.created_at),
    }


def audit_event(row: AuditEvent, *, own: bool) -> dict[str, Any]:
    """Write an event; where it came from is told only to who did it."""
    return {
        "id": row.public_id,
        "created_at": iso(row.created_at),
        "action": row.action,
        "actor": on_the_wire(row.actor_kind, row.actor_id, row.actor_name),
        "source": row.source,
        "ip": row.ip if own else None,
        "user_agent": row.user_agent if own else "",
        "request_id": row.request_id,
        "method": row.method,
        "route": row.route,
        "reason": row.reason,
        "resource_type": row.resource_type,
        "resource_id": row.resource_id,
        "summary": row.summary,
    }


def _api_key(key: ApiKey, spend: KeySpend) -> dict[str, Any]:
    return {
        "id": key.public_id,
        "name": key.name,
        "scopes": key.scopes,
        "created_at": iso(key.created_at),
        "last_used": iso(key.last_used_at),
        "expires_at": iso(key.expires_at),
        "hint": key.hint,
        "workspace_id": key.workspace.public_id,
        "pod_visibility": key.pod_visibility,
        "daily_budget_usd": _usd(key.daily_budget_usd),
        "monthly_budget_usd": _usd(key.monthly_budget_usd),
        "max_budget_usd": _usd(key.max_budget_usd),
        "spent_today_usd": float(spend.today_usd),
        "spent_month_usd": float(spend.month_usd),
        "spent_total_usd": float(spend.total_usd),
        "pods_count": spend.pod_count,
    }


def _usd(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
