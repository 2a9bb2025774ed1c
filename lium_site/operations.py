"""What the market rests on, for the status page and the admin's first page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import redis
import structlog
from django.conf import settings
from django.db import Error, connection
from django.db.models import Sum

from billing import chain_state, rates
from billing.models import Account
from billing.services import reconciling
from billing.services.alarms import open_alarms
from lium_site.celery import QUEUES
from marketplace.models import Alert

log = structlog.get_logger(__name__)
TIMEOUT: Final = 2


@dataclass(frozen=True, slots=True)
class Check:
    """One part that must answer: ``state`` is ok, stale, failing or unknown."""

    label: str
    state: str
    detail: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Queue:
    """How many messages wait in a queue."""

    name: str
    depth: int


@dataclass(frozen=True, slots=True)
class Chain:
    """How far the market has read the chain; heights are block numbers."""

    network: str
    height: int
    finalized_height: int
    cursor_height: int
    block_at: datetime
    read_at: datetime
    problem: str

    def is_stale(self, now: datetime) -> bool:
        """Say whether the watcher has been silent for longer than it may."""
        return now - self.read_at > chain_state.SILENCE


def chain() -> Chain | None:
    """Read the watcher's own record; None before its first block. Asks no remote node."""
    cursor = chain_state.newest()
    if cursor is None:
        return None
    return Chain(
        network=cursor.network,
        height=cursor.best,
        finalized_height=cursor.number,
        cursor_height=cursor.number,
        block_at=cursor.block_at,
        read_at=cursor.read_at,
        problem=cursor.problem,
    )


def checks(*, now: datetime) -> list[Check]:
    """Ask each part that a page depends on."""
    return [
        _check("Database", _ask_database, now=now),
        _check("Redis", lambda: redis_client().ping(), now=now),
    ]


def chain_check(read: Chain | None, *, now: datetime) -> Check:
    """Say whether payments are being seen; an unknown chain closes and zeroes nothing."""
    if alarmed := alarm_checks():
        return alarmed[0]
    if read is None:
        return Check("Chain", "unknown", "no block was read yet", None)
    if read.is_stale(now):
        return Check("Chain", "stale", f"unknown since {read.read_at:%F %H:%M} UTC", read.read_at)
    return Check("Chain", "ok", f"read to block {read.cursor_height}", read.read_at)


def price_check(*, now: datetime) -> Check:
    """Say whether TAO has a price, and of when; without one nothing new is quoted, and what runs goes on."""
    try:
        rate = rates.current(now=now)
    except rates.RateUnavailable as error:
        return Check("Price of TAO", "failing", error.message, now)
    simulated = " (simulated)" if rate.simulated else ""
    detail = f"{rate.usd_per_tao:.2f} USD{simulated}, sources: {len(rate.observations)}"
    return Check("Price of TAO", "ok", detail, rate.observed_at)


def reconciliation_checks() -> list[Check]:
    """Say what the newest comparison of the ledger with the chain found; nothing before the first one."""
    states = {"clean": "ok", "different": "failing", "unknown": "unknown"}
    found = reconciling.latest()
    if found is None:
        return []
    detail = found.note or f"no difference on {found.keys} keys"
    return [Check("Ledger and chain", states[found.status], detail, found.finished_at)]


def balances_by_currency() -> dict[str, Decimal]:
    """Give the sum of all account balances by currency: zero, or something is wrong.

    Cheap enough to be asked by anybody. `ledger.trial_balance` sums the postings themselves, and the hourly check
    proves that each balance equals its own.
    """
    sums = Account.objects.values_list("currency").annotate(total=Sum("balance"))
    return dict(sums.order_by("currency"))


def queues() -> list[Queue]:
    """Count what waits for workers; empty when the broker does not answer."""
    try:
        with redis_client().pipeline(transaction=False) as pipeline:
            for name in QUEUES:
                pipeline.llen(name)
            depths = pipeline.execute()
    except redis.RedisError:
        return []
    return [Queue(name, depth) for name, depth in zip(QUEUES, depths, strict=True)]


def alerts() -> list[Alert]:
    """Give what operators were told and what is not over, oldest first."""
    return list(Alert.objects.filter(closed_at=None).order_by("opened_at"))


def alert_checks(open_alerts: list[Alert]) -> list[Check]:
    """Show open alerts as parts that fail."""
    return [
        Check(alert.kind.replace("_", " ").capitalize(), "failing", alert.detail, alert.opened_at)
        for alert in open_alerts
    ]


def alarm_checks() -> list[Check]:
    """Show final blocks that were replaced: nothing is read until somebody decides."""
    return [
        Check(
            "Chain",
            "failing",
            f"the final block {alarm.block_number} was replaced; nothing is read. "
            f"Credited deposits in replaced blocks: {len(alarm.affected)}",
            alarm.noticed_at,
        )
        for alarm in open_alarms()
    ]


def overall(found: list[Check]) -> str:
    """Give the worst state."""
    ranks = ["ok", "stale", "unknown", "failing"]
    return max((check.state for check in found), key=ranks.index, default="unknown")


def redis_client() -> redis.Redis:
    """Open Redis with short timeouts: a check must not hang."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
    )


def _check(label: str, ask: Callable[[], object], *, now: datetime) -> Check:
    try:
        ask()
    except (Error, redis.RedisError) as error:
        log.warning("part.silent", part=label, error=str(error))
        return Check(label, "failing", "does not answer", now)
    return Check(label, "ok", "answers", now)


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select 1")
