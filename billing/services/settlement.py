"""What an administrator does with a transfer that nobody could place: credit it, or ask to send it back."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Workspace
from accounts.services import powers
from billing import transitions
from billing.models import OPEN_TRANSFERS, Deposit, DepositStatus, Invoice
from billing.rates import Rate
from billing.reasons import Reason
from billing.services import deposit_postings, deposits
from core.actors import PLATFORM, Actor
from core.errors import DomainError, IllegalTransition, Invalid, NotFound

log = structlog.get_logger(__name__)


def credit(
    *,
    deposit_id: UUID,
    workspace: Workspace,
    rate: Rate,
    reason: str,
    actor: Actor,
    now: datetime,
    tao_per_alpha: Decimal | None = None,
) -> Deposit:
    """Credit a held transfer to a workspace, at a rate that was asked before; alpha at its price in TAO too.

    :raises Invalid: no reason was given, or alpha has no price; :raises IllegalTransition: it is not held any more.
    """
    _require_reason(reason)
    with transaction.atomic(durable=True):
        deposit = _locked(deposit_id)
        deposit.tao_per_alpha = tao_per_alpha or deposit.tao_per_alpha
        if deposit.netuid is not None and deposit.tao_per_alpha is None:
            raise Invalid(
                f"The price of alpha of subnet {deposit.netuid} is not known.",
                hint="Try again when the chain tells it.",
            )
        _settle(deposit, workspace, rate, Reason.SETTLED_BY_ADMIN, actor, now, words=reason)
    return deposit


def credit_what_waited_for_a_rate(*, rate: Rate, now: datetime) -> int:
    """Credit what was held for want of a rate alone, and say how many; each on its own."""
    waiting = list(waiting_for_a_rate().values_list("public_id", flat=True))
    return sum(_credit_waiting(deposit_id, rate=rate, now=now) for deposit_id in waiting)


def _credit_waiting(deposit_id: UUID, *, rate: Rate, now: datetime) -> bool:
    reason = Reason.RATE_IS_BACK
    try:
        with transaction.atomic(durable=True):
            deposit = _locked(deposit_id)
            if deposit.status != DepositStatus.UNMATCHED or deposit.workspace is None:
                return False
            _settle(deposit, deposit.workspace, rate, reason, PLATFORM, now, words=reason.words)
    except DomainError as refusal:
        # An administrator decides on it; those behind it do not wait for that.
        log.error("deposits.not_credited", deposit=str(deposit_id), why=refusal.message)
        return False
    return True


def waiting_for_a_rate() -> QuerySet[Deposit]:
    """Give what is held for want of a rate alone."""
    held = Deposit.objects.filter(status=DepositStatus.UNMATCHED, held_for=Reason.NO_RATE.code)
    return held.filter(workspace__isnull=False).order_by("pk")


def request_refund(*, deposit_id: UUID, reason: str, actor: Actor, now: datetime) -> Deposit:
    """Ask to send a held transfer back to its sender; it stays in suspense until that is done.

    :raises Invalid: no reason was given; :raises IllegalTransition: it is not held any more.
    :raises Forbidden: by new powers.
    """
    powers.require_settled(actor, now=now)
    return _decide(
        deposit_id, DepositStatus.REFUND_REQUESTED, Reason.REFUND_ASKED, reason, actor, now
    )


def withdraw_refund(*, deposit_id: UUID, reason: str, actor: Actor, now: datetime) -> Deposit:
    """Take a refund back, so that the transfer can be credited; not once its approval has planned a transfer.

    :raises Invalid: no reason was given; :raises IllegalTransition: no refund was asked for, or it is on its way.
    """
    return _decide(deposit_id, DepositStatus.UNMATCHED, Reason.REFUND_WITHDRAWN, reason, actor, now)


def _decide(
    deposit_id: UUID, to: DepositStatus, code: Reason, words: str, actor: Actor, now: datetime
) -> Deposit:
    _require_reason(words)
    with transaction.atomic(durable=True):
        deposit = _locked(deposit_id)
        if deposit.refunds.filter(status__in=OPEN_TRANSFERS).exists():
            raise IllegalTransition(
                "The refund was approved, and its transfer is on its way.",
                hint="Wait until it is final.",
            )
        transitions.move_deposit(deposit, to=to, reason=code, actor=actor, now=now, words=words)
    return deposit


def _settle(
    deposit: Deposit,
    workspace: Workspace,
    rate: Rate,
    code: Reason,
    actor: Actor,
    now: datetime,
    *,
    words: str,
) -> None:
    deposit.credited_workspace = workspace
    deposit.rate_usd_per_tao, deposit.rate_source = rate.usd_per_tao, rate.source
    deposit.rate_observed_at = rate.observed_at
    deposit.rate_observations = rate.as_json()
    deposit.credited_usd = deposits.worth(deposit)
    transitions.move_deposit(
        deposit, to=DepositStatus.SETTLED, reason=code, actor=actor, now=now, words=words
    )
    paid = deposit.invoice
    # An invoice asks for TAO: alpha that came to its address pays nothing of it.
    if paid is not None and paid.workspace_id == workspace.pk and deposit.netuid is None:
        invoice = Invoice.objects.select_for_update(no_key=True).get(pk=paid.pk)
        deposits.count(invoice, deposit, actor=actor, now=now)
    deposit_postings.post_settled(deposit, workspace, memo=words)


def _locked(deposit_id: UUID) -> Deposit:
    rows = Deposit.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "invoice", "standing_address", "workspace"
    )
    deposit = rows.filter(public_id=deposit_id).first()
    if deposit is None:
        raise NotFound("There is no such deposit.")
    return deposit


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid("Say why.", hint="The reason is kept with the deposit and in the ledger.")
