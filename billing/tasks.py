"""Celery tasks of billing: thin, named, safe to repeat."""

from contextlib import suppress
from typing import Final

import structlog
from celery import shared_task
from django.conf import settings

from billing import chain_state, rates, signing, watcher
from billing.chain.gateway import gateway
from billing.chain.port import ChainUnavailable
from billing.rates import RateUnavailable
from billing.services import (
    closing,
    paying,
    pricing,
    proving,
    reconciling,
    settlement,
    sweeping,
)
from core import clock

log = structlog.get_logger(__name__)

# Seconds between rings; the roof gives them to beat.
SCHEDULE: Final[dict[str, tuple[str, float, str]]] = {
    "billing.watch": ("billing.tasks.watch_chain", settings.MARKET_CHAIN_POLL_SECONDS, "chain"),
    "billing.sweep": ("billing.tasks.sweep_deposits", 60.0, "chain"),
    "billing.rate": ("billing.tasks.refresh_rate", settings.MARKET_RATE_SECONDS, "chain"),
    "billing.pay": ("billing.tasks.pay_out", 30.0, "payout"),
    "billing.payouts": ("billing.tasks.look_after_payouts", 60.0, "metering"),
    "billing.closed": ("billing.tasks.hand_over_late", 60.0, "metering"),
    "billing.check": ("billing.tasks.check_ledger", 3600.0, "metering"),
    "billing.reconcile": ("billing.tasks.reconcile", 60.0, "chain"),
}


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def watch_chain(**_: object) -> None:
    """Credit what became final, and look at what is not."""
    try:
        watcher.watch(gateway=gateway(), now=clock.now())
    except ChainUnavailable as error:
        log.warning("chain.unavailable", error=error.message)
        chain_state.keep_problem(error.message)
    if settlement.waiting_for_a_rate().exists():
        with suppress(RateUnavailable):
            now = clock.now()
            settlement.credit_what_waited_for_a_rate(rate=rates.current(now=now), now=now)


@shared_task(acks_late=True, soft_time_limit=120, time_limit=150)
def sweep_deposits(**_: object) -> None:
    """Move what lies on deposit addresses to the treasury, and send what else leaves them."""
    try:
        sweeping.sweep(gateway=gateway(), now=clock.now())
    except ChainUnavailable as error:
        log.warning("chain.unavailable", error=error.message)
    except sweeping.SeedMissing as error:
        log.error("sweep.no_seed", error=str(error))


@shared_task(acks_late=True, soft_time_limit=120, time_limit=150)
def pay_out(**_: object) -> None:
    """Send what leaves the treasury: approved payouts and refunds."""
    try:
        paying.pay(gateway=gateway(), now=clock.now())
    except ChainUnavailable as error:
        log.warning("chain.unavailable", error=error.message)
    except (signing.SignerMissing, signing.SignerFailed) as error:
        log.error("payout.not_signed", error=str(error))


@shared_task(soft_time_limit=60, time_limit=90)
def look_after_payouts(**_: object) -> None:
    """Close proposals that are too old, and tell operators what payouts wait for."""
    paying.look_after(now=clock.now())


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def hand_over_late(**_: object) -> None:
    """Move on what came to teams after they were closed."""
    closing.hand_over_late(now=clock.now())


@shared_task(acks_late=True, soft_time_limit=300, time_limit=330)
def check_ledger(**_: object) -> None:
    """Prove the ledger and tell operators where it does not hold."""
    proving.prove(now=clock.now())


@shared_task(acks_late=True, soft_time_limit=600, time_limit=630)
def reconcile(**_: object) -> None:
    """Compare the ledger with the chain, where it is time."""
    reconciling.reconcile_if_due(gateway=gateway(), now=clock.now())


@shared_task(soft_time_limit=60, time_limit=90)
def refresh_rate(**_: object) -> None:
    """Ask what TAO costs, and forget what was told a month ago."""
    now = clock.now()
    pricing.refresh(now=now)
    pricing.forget(now=now)
