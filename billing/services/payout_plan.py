"""The dry run: who would be paid what at a rate, and why others are not. It changes nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Max, Q, Sum

from billing import hooks, payables
from billing.hooks import Payee
from billing.models import (
    OPEN_PAYOUTS,
    Invoice,
    Payout,
    PayoutHold,
    PayoutStatus,
    StandingAddress,
)
from billing.payables import Payable
from billing.rates import Rate
from core.money import usd_to_whole_rao

DAY: Final = timedelta(days=1)
NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Verdict(StrEnum):
    """Whether a provider is paid in a run, or why not."""

    PAYS = "pays"
    IN_PAYMENT = "in payment"
    NO_COLDKEY = "no coldkey"
    NEW_COLDKEY = "new coldkey"
    OWN_ADDRESS = "own address"
    HELD = "held"
    REFUNDS_PENDING = "refunds pending"
    BELOW_MINIMUM = "below minimum"
    OVER_LIMIT = "over limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One provider in a run; ``usd`` and ``rao`` are zero where nothing is paid, ``why`` says it in words."""

    payable: Payable
    name: str
    coldkey: str
    verdict: Verdict
    why: str
    usd: Decimal = Decimal(0)
    rao: int = 0

    @property
    def pays(self) -> bool:
        """Whether something is paid."""
        return self.verdict == Verdict.PAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run at a rate: every provider with a balance, who waits longest first."""

    rate: Rate
    room_usd: Decimal
    lines: Sequence[Line]

    @property
    def paying(self) -> list[Line]:
        """Those who are paid."""
        return [line for line in self.lines if line.pays]

    @property
    def usd(self) -> Decimal:
        """What is paid in all."""
        return sum((line.usd for line in self.lines), Decimal(0))

    @property
    def rao(self) -> int:
        """The same in rao."""
        return sum(line.rao for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the lines of a run are judged by."""

    payees: Mapping[UUID, Payee]
    holds: Mapping[UUID, str]
    in_payment: Collection[UUID]
    ours: Collection[str]
    now: datetime


def draw_up(*, rate: Rate, now: datetime) -> Plan:
    """Judge every provider with a balance; limits are used up by who waits longest."""
    rows = payables.all_payables(now=now)
    known = know([row.provider_id for row in rows], now=now)
    waited = _last_paid()
    rows.sort(key=lambda row: (waited.get(row.provider_id, NEVER), row.account_id))
    room = whole_room = room_usd(now=now)
    lines = []
    for row in rows:
        lines.append(line := _line(row, known, rate=rate, room=room))
        room -= line.usd
    return Plan(rate=rate, room_usd=whole_room, lines=lines)


def know(
    provider_ids: Collection[UUID], *, now: datetime, without_batch: int | None = None
) -> Known:
    """Read what payouts are judged by; a batch that is being approved does not stand in its own way."""
    payees = hooks.payees(provider_ids)
    holds = PayoutHold.objects.filter(lifted_at=None, provider_id__in=provider_ids)
    busy = Payout.objects.filter(status__in=OPEN_PAYOUTS).exclude(batch_id=without_batch)
    return Known(
        payees=payees,
        holds=dict(holds.values_list("provider_id", "reason")),
        in_payment=set(busy.values_list("provider_id", flat=True)),
        ours=_ours({payee.coldkey for payee in payees.values()}),
        now=now,
    )


def obstacle(row: Payable, known: Known) -> tuple[Verdict, str] | None:
    """Say why a provider cannot be paid anything now, or nothing."""
    payee = known.payees.get(row.provider_id)
    if row.provider_id in known.in_payment:
        return Verdict.IN_PAYMENT, "An earlier payout is still open."
    if reason := known.holds.get(row.provider_id):
        return Verdict.HELD, f"Put on hold: {reason}"
    if payee is None or not payee.coldkey or payee.proven_at is None:
        return Verdict.NO_COLDKEY, "No coldkey was proven."
    if payee.coldkey in known.ours:
        return Verdict.OWN_ADDRESS, "The coldkey is an address of this market."
    if (ripe := payee.proven_at + settings.MARKET_PAYOUT_COLDKEY_AGE) > known.now:
        return (
            Verdict.NEW_COLDKEY,
            f"The coldkey was proven lately; it counts from {ripe:%F %H:%M} UTC.",
        )
    if payee.owes_refunds:
        return Verdict.REFUNDS_PENDING, "A machine was taken back early; its renters come first."
    return None


def room_usd(*, now: datetime) -> Decimal:
    """Give what the limits of a batch and of a day still allow."""
    left = settings.MARKET_PAYOUT_DAY_USD - used_usd(now=now)
    return max(Decimal(0), min(settings.MARKET_PAYOUT_BATCH_USD, left))


def used_usd(*, now: datetime) -> Decimal:
    """Give what was approved in the last 24 hours, with what is proposed."""
    lately = Payout.objects.filter(
        Q(status=PayoutStatus.PROPOSED)
        | Q(status__in=(PayoutStatus.APPROVED, PayoutStatus.PAID), batch__decided_at__gt=now - DAY)
    )
    return lately.aggregate(usd=Sum("usd"))["usd"] or Decimal(0)


def _line(row: Payable, known: Known, *, rate: Rate, room: Decimal) -> Line:
    payee = known.payees.get(row.provider_id)
    name, coldkey = (payee.name, payee.coldkey) if payee else (str(row.provider_id), "")
    usd = min(row.payable_usd, room)
    if found := obstacle(row, known):
        verdict, why = found
    elif row.payable_usd < settings.MARKET_PAYOUT_MIN_USD:
        verdict, why = Verdict.BELOW_MINIMUM, _too_little(row)
    elif usd < settings.MARKET_PAYOUT_MIN_USD:
        verdict, why = Verdict.OVER_LIMIT, "The limit of this run is used up; the next one goes on."
    else:
        whole = usd == row.payable_usd
        why = "All that is payable." if whole else "As much as the limit allows."
        rao = usd_to_whole_rao(usd, usd_per_tao=rate.usd_per_tao)
        return Line(payable=row, name=name, coldkey=coldkey, verdict=Verdict.PAYS, why=why, usd=usd, rao=rao)  # fmt: skip
    return Line(payable=row, name=name, coldkey=coldkey, verdict=verdict, why=why)


def _too_little(row: Payable) -> str:
    held = f", {row.on_hold_usd:.2f} USD on hold" if row.on_hold_usd else ""
    unpaid = f", {row.unpaid_usd:.2f} USD not paid by renters" if row.unpaid_usd else ""
    return (
        f"{row.payable_usd:.2f} USD payable{held}{unpaid}; "
        f"{settings.MARKET_PAYOUT_MIN_USD:.2f} USD are paid at least."
    )


def _last_paid() -> dict[UUID, datetime]:
    paid = Payout.objects.filter(status=PayoutStatus.PAID, ended_at__isnull=False)
    return dict(paid.values_list("provider_id").annotate(last=Max("ended_at")))


def _ours(addresses: Collection[str]) -> set[str]:
    ours = {settings.TREASURY_ADDRESS} & set(addresses)
    for kind in (Invoice, StandingAddress):
        ours |= set(kind.objects.filter(address__in=addresses).values_list("address", flat=True))
    return ours - {""}
