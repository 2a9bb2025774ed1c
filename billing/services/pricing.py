"""A round of the price of TAO: every source is asked, then one transaction keeps and judges what was told."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import DatabaseError, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from billing import hooks
from billing.models import BreakerStatus, RateBreaker, RateObservation, RateSource
from billing.rates import Observation, breaker
from billing.rates.breaker import Terms
from billing.rates.configured import sources
from billing.rates.current import PAIR, rate_of
from billing.rates.port import Reading, Source, SourceFailed
from core.actors import PLATFORM, Actor
from core.errors import Conflict, Invalid

log = structlog.get_logger(__name__)
AT_ONCE: Final = 8
KEPT: Final = timedelta(days=30)
OPENED: Final = "tao_price_breaker"
MISSING: Final = "tao_price_missing"
Told = Mapping[str, Reading | SourceFailed]


def refresh(*, now: datetime) -> None:
    """Ask every source and judge what they tell; safe to repeat and to run twice at once."""
    asked = sources()
    told = _ask(asked, now)
    terms = breaker.terms()
    with transaction.atomic(durable=True):
        held = _lock(now)
        told = {source.name: _keep(source, told[source.name], now) for source in asked}
        fresh = _fresh([source.name for source in asked], since=now - terms.stale_after)
        enough = bool(fresh) and len(fresh) >= terms.min_sources
        _alert(MISSING, "" if enough else f"{len(fresh)} sources told the price lately.", now)
        if enough:
            _take(held, fresh, told, terms, now)
            held.save()


def close(*, reason: str, actor: Actor, now: datetime) -> RateBreaker:
    """Take the median of what the sources tell now, by an administrator's word.

    :raises Invalid: without a reason. :raises Conflict: the sources tell nothing. :raises IllegalTransition: it is closed.
    """
    if not reason.strip():
        raise Invalid("Say why.", hint="The reason is kept with the price.")
    terms = breaker.terms()
    with transaction.atomic(durable=True):
        held = _lock(now)
        fresh = _fresh([source.name for source in sources()], since=now - terms.stale_after)
        if not fresh or len(fresh) < terms.min_sources:
            raise Conflict(
                "Too few sources tell a price now.", hint="Wait until they answer again."
            )
        _close(held, fresh, reason=reason.strip(), actor=actor, now=now)
        held.save()
    return held


def forget(*, now: datetime) -> None:
    """Delete observations of more than a month ago; whatever used one keeps a copy."""
    RateObservation.objects.filter(fetched_at__lt=now - KEPT).delete()


def _ask(asked: Sequence[Source], now: datetime) -> Told:
    def read(source: Source) -> Reading | SourceFailed:
        try:
            return source.read(now=now)
        except SourceFailed as failure:
            return failure

    if not asked:
        return {}
    with ThreadPoolExecutor(min(AT_ONCE, len(asked))) as pool:
        return {
            source.name: told for source, told in zip(asked, pool.map(read, asked), strict=True)
        }


def _lock(now: datetime) -> RateBreaker:
    RateBreaker.objects.get_or_create(pair=PAIR, defaults={"since": now})
    return RateBreaker.objects.select_for_update(no_key=True).get(pair=PAIR)


def _keep(source: Source, told: Reading | SourceFailed, now: datetime) -> Reading | SourceFailed:
    """Note what a source told; what the database does not take is a failure of that source alone."""
    try:
        with transaction.atomic():
            _note(source, told, now)
    except DatabaseError as error:
        log.error("rate.not_kept", source=source.name, error=str(error))
        return SourceFailed("What it told cannot be kept.")
    return told


def _note(source: Source, told: Reading | SourceFailed, now: datetime) -> None:
    fields = {"kind": source.kind, "host": source.host, "simulated": source.simulated}
    row, _ = RateSource.objects.update_or_create(
        name=source.name, defaults={**fields, "tried_at": now}
    )
    rows = RateSource.objects.filter(pk=row.pk)
    if isinstance(told, SourceFailed):
        log.warning("rate.source_failed", source=source.name, error=str(told))
        rows.update(
            failures=F("failures") + 1,
            failing_since=Coalesce("failing_since", now),
            error=str(told)[:300],
        )
        return
    rows.update(
        answered_at=now,
        usd_per_tao=told.usd_per_tao,
        observed_at=told.observed_at,
        failures=0,
        failing_since=None,
        error="",
    )
    RateObservation.objects.create(
        source=row,
        usd_per_tao=told.usd_per_tao,
        observed_at=told.observed_at,
        fetched_at=now,
    )


def _fresh(names: Sequence[str], *, since: datetime) -> list[Observation]:
    """Give the newest word of each source, where it is not stale."""
    rows = RateSource.objects.filter(Q(name__in=names), observed_at__gte=since).order_by("name")
    return [
        Observation(row.name, row.usd_per_tao, row.observed_at, row.simulated)
        for row in rows
        if row.usd_per_tao is not None and row.observed_at is not None
    ]


def _take(
    held: RateBreaker, fresh: Sequence[Observation], told: Told, terms: Terms, now: datetime
) -> None:
    prices = [one.usd_per_tao for one in fresh]
    verdict = breaker.judge(prices, accepted=held.usd_per_tao, terms=terms)
    if held.status == BreakerStatus.CLOSED and not verdict.objection:
        _accept(held, fresh, now)
        return
    if held.status == BreakerStatus.CLOSED:
        _open(held, verdict, now)
    answered = [one for one in told.values() if isinstance(one, Reading)]
    if len(answered) < terms.min_sources:
        return
    held.agreeing_rounds = breaker.agreeing(
        prices, before=held.candidate_usd_per_tao, rounds=held.agreeing_rounds, terms=terms
    )
    held.candidate_usd_per_tao = verdict.usd_per_tao
    if held.agreeing_rounds >= terms.agreeing_rounds:
        words = f"The sources agreed {held.agreeing_rounds} times in a row."
        _close(held, fresh, reason=words, actor=PLATFORM, now=now)


def _open(held: RateBreaker, verdict: breaker.Verdict, now: datetime) -> None:
    breaker.move(
        held,
        to=BreakerStatus.OPEN,
        reason=verdict.objection,
        usd_per_tao=verdict.usd_per_tao,
        actor=PLATFORM,
        now=now,
    )
    _alert(OPENED, f"No price of TAO is given. {verdict.objection}", now)


def _close(
    held: RateBreaker, fresh: Sequence[Observation], *, reason: str, actor: Actor, now: datetime
) -> None:
    price = rate_of(fresh).usd_per_tao
    breaker.move(
        held, to=BreakerStatus.CLOSED, reason=reason, usd_per_tao=price, actor=actor, now=now
    )
    _accept(held, fresh, now)
    _alert(OPENED, "", now)


def _accept(held: RateBreaker, fresh: Sequence[Observation], now: datetime) -> None:
    rate = rate_of(fresh)
    held.usd_per_tao, held.accepted_at, held.observations = rate.usd_per_tao, now, rate.as_json()


def _alert(kind: str, detail: str, now: datetime) -> None:
    if detail:
        hooks.open_alert(kind, detail, now=now)
    else:
        hooks.close_alert(kind, now=now)
