"""API keys: made, capped and revoked; the secret leaves once and only its SHA-256 stays."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final

from django.db import transaction

from accounts import limits
from accounts.models import ALONE, ApiKey, PodVisibility, Scope, User, Workspace
from accounts.principal import Principal
from accounts.services import audit
from core.actors import Actor
from core.errors import Conflict, Invalid, NotFound
from core.tokens import digest, new_token

BUDGET_FIELDS: Final = ("daily_budget_usd", "monthly_budget_usd", "max_budget_usd")
DEFAULT_SCOPES: Final = (Scope.READ, Scope.RENT, Scope.MANAGE)
MIN_BUDGET_USD: Final = Decimal(1)
MAX_BUDGET_USD: Final = Decimal(10) ** 9
MAX_LIVE_KEYS: Final = 100
CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """What a new key is to be; budgets are USD by field name, None or absent is no cap."""

    name: str
    scopes: Collection[str] = DEFAULT_SCOPES
    pod_visibility: str = PodVisibility.ACCOUNT
    budgets: Mapping[str, Decimal | None] = field(default_factory=dict)


def create(*, principal: Principal, request: KeyRequest, now: datetime) -> tuple[ApiKey, str]:
    """Make a key for the caller and give it with its secret.

    :raises RateLimited: too many new keys.
    """
    limits.key_creation(principal.user.pk)
    return mint(
        user=principal.user,
        workspace=principal.workspace,
        request=request,
        actor=principal.actor(),
        now=now,
    )


def mint(
    *, user: User, workspace: Workspace, request: KeyRequest, actor: Actor, now: datetime
) -> tuple[ApiKey, str]:
    """Make a key and give it with its secret, which cannot be read again.

    Joins the caller's transaction, hence asks no rate limit: people come through `create`.

    :raises Invalid: name, scopes, visibility or budgets will not do, or a team would provide.
    :raises Conflict: the workspace holds as many keys as it may.
    """
    scopes = check_scopes(request.scopes)
    _refuse_providing_team(workspace, scopes)
    name = _checked_name(request.name)
    budgets = _checked_budgets(dict.fromkeys(BUDGET_FIELDS) | dict(request.budgets))
    secret = new_token("lpk" if scopes == [Scope.PROVIDE] else "sk")
    with transaction.atomic():
        _refuse_too_many(workspace)
        key = ApiKey.objects.create(
            workspace=workspace,
            user=user,
            name=name,
            digest=digest(secret),
            prefix=secret[:6],
            last_four=secret[-4:],
            scopes=scopes,
            pod_visibility=_checked_visibility(request.pod_visibility),
            created_at=now,
            **budgets,
        )
        _record("key.create", key, actor=actor, now=now, scopes=scopes)
    return key, secret


def set_budgets(
    *, key: ApiKey, changes: Mapping[str, Decimal | None], actor: Actor, now: datetime
) -> ApiKey:
    """Change the named budgets of a live key; None removes one.

    :raises Invalid: nothing to change, an amount that will not do, or a wider window would hold less than a narrower one.
    :raises NotFound: the key was revoked meanwhile.
    """
    if not changes:
        raise Invalid(
            "No budget to change was sent.", hint=f"Send one of {', '.join(BUDGET_FIELDS)}."
        )
    with transaction.atomic():
        locked = _lock(key)
        current = {name: getattr(locked, name) for name in BUDGET_FIELDS}
        for name, amount in _checked_budgets(current | dict(changes)).items():
            setattr(locked, name, amount)
        locked.save(update_fields=BUDGET_FIELDS)
        said = {name: str(amount) for name, amount in changes.items()}
        _record("key.update", locked, actor=actor, now=now, **said)
    return locked


def revoke(*, key: ApiKey, actor: Actor, now: datetime, reason: str = "") -> ApiKey:
    """End a key; it stops working at once.

    :raises NotFound: it was revoked before.
    """
    with transaction.atomic():
        locked = _lock(key)
        locked.revoked_at = now
        locked.save(update_fields=["revoked_at"])
        _record("key.delete", locked, actor=actor, now=now, reason=reason)
    return locked


def check_scopes(scopes: Collection[str]) -> list[str]:
    """Give the scopes in their usual order.

    :raises Invalid: none, unknown ones, or one that stands alone with others.
    """
    unknown = sorted(set(scopes) - set(Scope.values))
    if unknown or not scopes:
        raise Invalid(
            f"Unknown scopes: {', '.join(unknown)}." if unknown else "A key needs a scope.",
            hint=f"Choose from {', '.join(Scope.values)}.",
        )
    if len(set(scopes)) > 1 and (alone := [scope for scope in ALONE if scope in scopes]):
        raise Invalid(
            f"The '{alone[0]}' scope stands alone: such a key does nothing else.",
            hint=f"Make a second key for '{alone[0]}'.",
        )
    return [scope for scope in Scope.values if scope in scopes]


def _refuse_providing_team(workspace: Workspace, scopes: Collection[str]) -> None:
    if Scope.PROVIDE in scopes and not workspace.is_personal:
        raise Invalid(
            "Machines are provided from a personal workspace: a team has no pages for them and no payout.",
            hint="Make the key in your personal workspace.",
        )


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise Invalid(
            "A key needs a name of 1 to 100 printable characters.",
            hint="Name it after what uses it, e.g. 'ci'.",
        )
    return name


def _checked_visibility(visibility: str) -> str:
    if visibility not in PodVisibility.values:
        raise Invalid(
            f"{visibility!r} is not a pod visibility.",
            hint=f"Choose from {', '.join(PodVisibility.values)}.",
        )
    return visibility


def _checked_budgets(budgets: Mapping[str, Decimal | None]) -> dict[str, Decimal | None]:
    given = [(name, amount) for name in BUDGET_FIELDS if (amount := budgets[name]) is not None]
    for name, amount in given:
        _check_amount(name, amount)
    for (narrow, low), (wide, high) in pairwise(given):
        if high < low:
            raise Invalid(
                f"{wide} ({high} USD) is below {narrow} ({low} USD).",
                hint="A wider window cannot hold less than a narrower one: daily <= monthly <= max.",
            )
    return dict(budgets)


def _check_amount(name: str, amount: Decimal) -> None:
    # The bounds first: an amount far beyond them has no remainder that the decimal context can hold.
    in_bounds = amount.is_finite() and MIN_BUDGET_USD <= amount < MAX_BUDGET_USD
    if not in_bounds or amount % CENT:
        raise Invalid(
            f"{name} is {amount}; a budget is at least {MIN_BUDGET_USD} USD, in whole cents.",
            hint="Leave it out for no budget.",
        )


def _refuse_too_many(workspace: Workspace) -> None:
    if ApiKey.objects.filter(workspace=workspace, revoked_at=None).count() >= MAX_LIVE_KEYS:
        raise Conflict(
            f"This workspace has {MAX_LIVE_KEYS} live API keys, the most it may have.",
            hint="Revoke keys that are not used.",
        )


def _lock(key: ApiKey) -> ApiKey:
    live = ApiKey.objects.select_for_update(no_key=True).filter(revoked_at=None)
    locked = live.filter(pk=key.pk).first()
    if locked is None:
        raise NotFound(f"The API key {key.hint} was revoked.", hint="Revoked keys are not listed.")
    return locked


def _record(
    action: str, key: ApiKey, *, actor: Actor, now: datetime, reason: str = "", **result: object
) -> None:
    audit.record(
        action=action,
        actor=actor,
        workspace_id=key.workspace_id,
        resource=("api_key", key.public_id),
        reason=reason,
        result={"name": key.name, "key": key.hint, **result},
        now=now,
    )
