"""Proposing payouts, and deciding on what somebody else proposed (docs/money.md, Payouts)."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from accounts.services import powers
from billing import ledger, payables, transitions
from billing.accounts import provider_account, trading_account
from billing.ledger import Leg
from billing.models import (
    BatchStatus,
    OutgoingTransfer,
    Payout,
    PayoutBatch,
    PayoutStatus,
    TransferKind,
)
from billing.payables import Payable
from billing.rates import Rate
from billing.reasons import Reason
from billing.services import payout_plan
from billing.services.payout_plan import Known, Plan
from core.actors import PLATFORM, Actor, ActorKind
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.money import USD


def propose(*, rate: Rate, reason: str, actor: Actor, now: datetime) -> PayoutBatch:
    """Fix a run at a rate that was asked before, for another administrator to decide.

    :raises Invalid: no reason, or nobody can be paid; :raises Conflict: a batch waits for a decision already.
    :raises Forbidden: by new powers.
    """
    _require_admin(actor, reason)
    powers.require_settled(actor, now=now)
    with transaction.atomic(durable=True):
        _one_at_a_time()
        if PayoutBatch.objects.filter(status=BatchStatus.PROPOSED).exists():
            raise Conflict("A batch waits for a decision.", hint="Approve or refuse it first.")
        plan = payout_plan.draw_up(rate=rate, now=now)
        if not plan.paying:
            raise Invalid("Nobody can be paid now.", hint="The dry run says why, for each.")
        return _written(plan, reason=reason, actor=actor, now=now)


def approve(
    *, batch_id: UUID, fee_rao: int, reason: str, actor: Actor, now: datetime
) -> PayoutBatch:
    """Approve what another administrator proposed: post it, and plan its transfers.

    Each payout is judged again; who cannot be paid any more is left out. ``fee_rao`` is what a transfer costs.

    :raises Forbidden: by its own proposer, or by new powers; :raises Conflict: it is too old, over the limit, or nobody is left.
    :raises IllegalTransition: it was decided before.
    """
    _require_admin(actor, reason)
    powers.require_settled(actor, now=now)
    with transaction.atomic(durable=True):
        _one_at_a_time()
        batch = _locked(batch_id)
        _require_second(batch, actor)
        if batch.status == BatchStatus.PROPOSED and now >= batch.expires_at:
            raise Conflict("The proposal is too old: its rate is not the present one.", hint="Propose a new run.")  # fmt: skip
        _decide(batch, BatchStatus.APPROVED, Reason.BATCH_APPROVED, actor, now, words=reason)
        approved = _approve_payouts(batch, fee_rao=fee_rao, actor=actor, now=now)
        if not approved:
            raise Conflict("Nobody of this batch can be paid any more.", hint="Refuse it.")
        _require_room(approved, batch, now)
    return batch


def refuse(*, batch_id: UUID, reason: str, actor: Actor, now: datetime) -> PayoutBatch:
    """Refuse a proposed batch; its proposer may take it back in the same way. Nothing was posted.

    :raises IllegalTransition: it was decided before.
    """
    _require_admin(actor, reason)
    with transaction.atomic(durable=True):
        _one_at_a_time()
        batch = _locked(batch_id)
        _decide(batch, BatchStatus.REFUSED, Reason.BATCH_REFUSED, actor, now, words=reason)
        _drop_all(batch, Reason.BATCH_REFUSED, actor, now)
    return batch


def expire(*, now: datetime) -> int:
    """Close proposals that nobody decided in time; give how many."""
    late = PayoutBatch.objects.filter(status=BatchStatus.PROPOSED, expires_at__lte=now)
    if not late.exists():
        return 0
    with transaction.atomic(durable=True):
        _one_at_a_time()
        found = list(late.select_for_update(no_key=True))
        for batch in found:
            reason = Reason.BATCH_EXPIRED
            transitions.move_batch(
                batch, to=BatchStatus.EXPIRED, reason=reason, actor=PLATFORM, now=now
            )
            _drop_all(batch, reason, PLATFORM, now)
    return len(found)


def _written(plan: Plan, *, reason: str, actor: Actor, now: datetime) -> PayoutBatch:
    batch = PayoutBatch.objects.create(
        usd=plan.usd,
        rate_usd_per_tao=plan.rate.usd_per_tao,
        rate_source=plan.rate.source,
        rate_observed_at=plan.rate.observed_at,
        rate_observations=plan.rate.as_json(),
        proposer_id=actor.id,
        proposer_name=actor.name,
        proposed_at=now,
        expires_at=now + settings.MARKET_PAYOUT_PROPOSAL,
    )
    transitions.note_batch(batch, reason=Reason.BATCH_PROPOSED, actor=actor, now=now, words=reason)
    Payout.objects.bulk_create(
        Payout(
            batch=batch,
            provider_id=line.payable.provider_id,
            provider_name=line.name,
            coldkey=line.coldkey,
            usd=line.usd,
            rao=line.rao,
            created_at=now,
        )
        for line in plan.paying
    )
    return batch


def _approve_payouts(
    batch: PayoutBatch, *, fee_rao: int, actor: Actor, now: datetime
) -> list[Payout]:
    payouts = list(batch.payouts.select_for_update(no_key=True).order_by("pk"))
    known = payout_plan.know(
        [payout.provider_id for payout in payouts], now=now, without_batch=batch.pk
    )
    # All providers before the platform's own accounts, and by id: the one order of the ledger's locks.
    accounts = [provider_account(payout.provider_id) for payout in payouts]
    for pk in sorted(account.pk for account in accounts):
        ledger.lock_account(pk)
    rows = payables.payables_of([payout.provider_id for payout in payouts], now=now)
    approved = []
    for payout in payouts:
        if why := _no_longer(payout, rows.get(payout.provider_id), known):
            reason = Reason.NO_LONGER_PAYABLE
            transitions.move_payout(
                payout, to=PayoutStatus.DROPPED, reason=reason, actor=actor, now=now, words=why
            )
        else:
            _approve_one(payout, fee_rao=fee_rao, actor=actor, now=now)
            approved.append(payout)
    return approved


def _no_longer(payout: Payout, row: Payable | None, known: Known) -> str:
    if row is None or row.payable_usd < payout.usd:
        return "The balance fell below what was proposed."
    if found := payout_plan.obstacle(row, known):
        return found[1]
    payee = known.payees[payout.provider_id]
    return "" if payee.coldkey == payout.coldkey else "The provider proved another coldkey."


def _approve_one(payout: Payout, *, fee_rao: int, actor: Actor, now: datetime) -> None:
    legs = [
        Leg(provider_account(payout.provider_id), -payout.usd),
        Leg(trading_account(USD), payout.usd),
    ]
    ledger.post(
        key=usd_key(payout),
        kind="payout",
        legs=legs,
        occurred_at=now,
        subject=(payables.SUBJECT, payout.public_id),
        memo=f"Payout to {payout.coldkey}",
    )
    payout.transfer = OutgoingTransfer.objects.create(
        kind=TransferKind.PAYOUT,
        sender=settings.TREASURY_ADDRESS,
        destination=payout.coldkey,
        amount_rao=payout.rao,
        fee_rao=fee_rao,
        created_at=now,
        updated_at=now,
    )
    transitions.move_payout(
        payout, to=PayoutStatus.APPROVED, reason=Reason.BATCH_APPROVED, actor=actor, now=now
    )


def usd_key(payout: Payout) -> str:
    """Name the entry that takes a payout from a provider's balance."""
    return f"payout:{payout.public_id}:usd"


def _require_room(approved: list[Payout], batch: PayoutBatch, now: datetime) -> None:
    usd = sum((payout.usd for payout in approved), Decimal(0))
    if usd > settings.MARKET_PAYOUT_BATCH_USD or payout_plan.used_usd(now=now) > settings.MARKET_PAYOUT_DAY_USD:  # fmt: skip
        raise Conflict(
            "More than the limits of a batch or a day would be paid.",
            hint="Wait until payouts are a day old, or propose a smaller run.",
        )


def _decide(
    batch: PayoutBatch, to: BatchStatus, code: Reason, actor: Actor, now: datetime, *, words: str
) -> None:
    batch.decider_id, batch.decider_name, batch.decided_at = actor.id, actor.name, now
    transitions.move_batch(batch, to=to, reason=code, actor=actor, now=now, words=words)


def _drop_all(batch: PayoutBatch, code: Reason, actor: Actor, now: datetime) -> None:
    for payout in batch.payouts.select_for_update(no_key=True).order_by("pk"):
        transitions.move_payout(payout, to=PayoutStatus.DROPPED, reason=code, actor=actor, now=now)


def _locked(batch_id: UUID) -> PayoutBatch:
    found = PayoutBatch.objects.select_for_update(no_key=True).filter(public_id=batch_id).first()
    if found is None:
        raise NotFound("There is no such batch.")
    return found


def _require_admin(actor: Actor, reason: str) -> None:
    if actor.kind != ActorKind.ADMIN or not actor.id:
        raise Forbidden("Payouts are decided by administrators.")
    if not reason.strip():
        raise Invalid("Say why.", hint="The reason is kept with the batch.")


def _require_second(batch: PayoutBatch, actor: Actor) -> None:
    if actor.id == batch.proposer_id:
        raise Forbidden(
            "Who proposed a batch cannot approve it.",
            hint="Ask another administrator; you may refuse it.",
        )


def _one_at_a_time() -> None:
    """Let one decision on payouts follow another, so that limits are counted right."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('billing.payouts'))")
