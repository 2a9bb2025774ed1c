"""What an administrator does with a transfer that nobody could place: credit it, or ask to send it back."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.models import Workspace
from billing import transitions
from billing.accounts import renter_account, suspense_account, trading_account
from billing.ledger import Leg
from billing.models import Deposit, DepositStatus
from billing.rates import Rate
from billing.reasons import Reason
from billing.services.deposits import post_legs
from core.actors import Actor
from core.errors import Invalid, NotFound
from core.money import TAO, USD, rao_to_tao, rao_to_usd


def credit(
    *,
    deposit_id: UUID,
    workspace: Workspace,
    rate: Rate,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Deposit:
    """Credit a held transfer to a workspace, at a rate that was asked before.

    :raises Invalid: no reason was given; :raises IllegalTransition: it is not held any more.
    """
    _require_reason(reason)
    with transaction.atomic(durable=True):
        deposit = _locked(deposit_id)
        deposit.credited_workspace = workspace
        deposit.rate_usd_per_tao, deposit.rate_source = rate.usd_per_tao, rate.source
        deposit.credited_usd = rao_to_usd(deposit.amount_rao, usd_per_tao=rate.usd_per_tao)
        transitions.move_deposit(
            deposit,
            to=DepositStatus.SETTLED,
            reason=Reason.SETTLED_BY_ADMIN,
            actor=actor,
            now=now,
            words=reason,
        )
        _post(deposit, workspace, memo=reason)
    return deposit


def request_refund(*, deposit_id: UUID, reason: str, actor: Actor, now: datetime) -> Deposit:
    """Ask to send a held transfer back to its sender; it stays in suspense until that is done.

    :raises Invalid: no reason was given; :raises IllegalTransition: it is not held any more.
    """
    return _decide(
        deposit_id, DepositStatus.REFUND_REQUESTED, Reason.REFUND_ASKED, reason, actor, now
    )


def withdraw_refund(*, deposit_id: UUID, reason: str, actor: Actor, now: datetime) -> Deposit:
    """Take a refund back, so that the transfer can be credited.

    :raises Invalid: no reason was given; :raises IllegalTransition: no refund was asked for.
    """
    return _decide(deposit_id, DepositStatus.UNMATCHED, Reason.REFUND_WITHDRAWN, reason, actor, now)


def _decide(
    deposit_id: UUID, to: DepositStatus, code: Reason, words: str, actor: Actor, now: datetime
) -> Deposit:
    _require_reason(words)
    with transaction.atomic(durable=True):
        deposit = _locked(deposit_id)
        transitions.move_deposit(deposit, to=to, reason=code, actor=actor, now=now, words=words)
    return deposit


def _post(deposit: Deposit, workspace: Workspace, *, memo: str) -> None:
    usd, tao = deposit.credited_usd, rao_to_tao(deposit.amount_rao)
    if not usd:
        raise Invalid("It is worth nothing at this rate.", hint="Leave it where it is.")
    renter, trading = renter_account(workspace), trading_account(USD)
    legs = [Leg(trading, -usd), Leg(renter, usd)]
    post_legs(deposit, "settled:usd", legs, memo=memo)
    legs = [Leg(suspense_account(), -tao), Leg(trading_account(TAO), tao)]
    post_legs(deposit, "settled:tao", legs, memo=memo)


def _locked(deposit_id: UUID) -> Deposit:
    rows = Deposit.objects.select_for_update(no_key=True, of=("self",)).select_related("invoice")
    deposit = rows.filter(public_id=deposit_id).first()
    if deposit is None:
        raise NotFound("There is no such deposit.")
    return deposit


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid("Say why.", hint="The reason is kept with the deposit and in the ledger.")
