"""The low-balance ladder: warned at 24 and at 2 hours, stopped with the data kept, removed at last.

A top-up that the chain has seen but not finalized holds the ladder where it is.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum

from accounts.models import Workspace
from billing.models import DepositStatus, Invoice
from billing.selectors import balance_usd, runway
from core.actors import PLATFORM
from core.doorbell import ring
from core.errors import DomainError
from rentals import transitions
from rentals.models import Pod, PodMeter, PodStatus, Runway, Stage
from rentals.reasons import Reason
from rentals.selectors import burn_usd_per_hour
from rentals.services import lifecycle

log = structlog.get_logger(__name__)

WARNED_AT: Final = {Stage.DAY: timedelta(hours=24), Stage.HOURS: timedelta(hours=2)}
REASONS: Final = {
    Stage.DAY: Reason.RUNWAY_DAY,
    Stage.HOURS: Reason.RUNWAY_HOURS,
    Stage.EMPTY: Reason.BALANCE_EMPTY,
}
MAIL_TASK: Final = "rentals.tasks.send_runway_warnings"
DOWNWARDS: Final = list(Stage)


@dataclass(frozen=True, slots=True)
class Low:
    """A workspace whose ready pods use its balance up within a day."""

    workspace_id: int
    balance_usd: Decimal
    burn_usd_per_hour: Decimal

    @property
    def stage(self) -> Stage:
        """Where its balance stands now."""
        if self.balance_usd <= 0:
            return Stage.EMPTY
        lasts = runway(self.balance_usd, self.burn_usd_per_hour)
        return Stage.HOURS if lasts and lasts <= WARNED_AT[Stage.HOURS] else Stage.DAY


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder as a page shows it; ``at`` is None while nothing is drawn."""

    label: str
    at: datetime | None
    detail: str
    state: str


def walk(*, now: datetime) -> None:
    """Take every workspace as far down or up the ladder as its balance says."""
    lows = low_balances()
    Runway.objects.exclude(workspace__in=[low.workspace_id for low in lows]).delete()
    held = _with_a_payment_under_way()
    for low in lows:
        position = _stand(low, now)
        unpaid = position.stage == Stage.EMPTY and now - position.since
        if unpaid and unpaid >= settings.MARKET_UNPAID_GRACE and low.workspace_id not in held:
            _stop_pods(low.workspace_id, now)
    _keep_what_was_paid_for()
    _remove_unpaid(now, held)


def low_balances() -> list[Low]:
    """List who runs dry within a day at the present rate: one query over the running meters."""
    running = PodMeter.objects.filter(ready_since__isnull=False)
    burning = running.values("pod__workspace_id", "renter_account__balance").annotate(
        burn=Sum("hourly_price_usd")
    )
    low = burning.filter(renter_account__balance__lte=F("burn") * 24)
    return [
        Low(row["pod__workspace_id"], row["renter_account__balance"], row["burn"]) for row in low
    ]


def preview(workspace: Workspace, *, now: datetime) -> list[Rung]:
    """Say when each step comes if nothing is paid in and nothing changes."""
    lasts = runway(balance_usd(workspace), burn_usd_per_hour(workspace))
    position = Runway.objects.filter(workspace=workspace).first()
    if position and position.stage == Stage.EMPTY:
        empty: datetime | None = position.since
    else:
        empty = now + lasts if lasts is not None else None
    stop = empty + settings.MARKET_UNPAID_GRACE if empty else None
    return [
        _rung("First warning", _before(empty, Stage.DAY), "By mail and on every page.", now),
        _rung("Second warning", _before(empty, Stage.HOURS), "By mail and on every page.", now),
        _rung("Balance used up", empty, "No new rents; pods go on for a short grace.", now),
        _rung("Pods stop", stop, "Their files are kept, nothing is charged.", now),
        _rung(
            "Files are deleted",
            stop + settings.MARKET_DATA_GRACE if stop else None,
            "Each pod ends with a receipt.",
            now,
        ),
    ]


def _before(empty: datetime | None, stage: Stage) -> datetime | None:
    return empty - WARNED_AT[stage] if empty else None


def _rung(label: str, at: datetime | None, detail: str, now: datetime) -> Rung:
    return Rung(label, at, detail, state="done" if at and at <= now else "waiting")


def _stand(low: Low, now: datetime) -> Runway:
    """Note a workspace's stage; whoever went further down is told, once."""
    with transaction.atomic(durable=True):
        workspace = Workspace.objects.select_for_update(no_key=True).get(pk=low.workspace_id)
        position = Runway.objects.filter(workspace=workspace).first()
        if position and position.stage == low.stage:
            return position
        went_down = position is None or _rank(low.stage) > _rank(Stage(position.stage))
        position, _ = Runway.objects.update_or_create(
            workspace=workspace,
            defaults={
                "stage": low.stage,
                "since": now,
                "mailed_at": None if went_down else now,
            },
        )
        if went_down:
            _tell(workspace, low.stage, now)
        return position


def _tell(workspace: Workspace, stage: Stage, now: datetime) -> None:
    for pod in Pod.objects.filter(workspace=workspace, meter__ready_since__isnull=False):
        transitions.record(
            pod, sub_type="pod-balance.low", reason=REASONS[stage], actor=PLATFORM, now=now
        )
    ring(MAIL_TASK, queue="mail")


def _rank(stage: Stage) -> int:
    return DOWNWARDS.index(stage)


def _stop_pods(workspace_id: int, now: datetime) -> None:
    running = Pod.objects.filter(workspace=workspace_id, status=PodStatus.RUNNING)
    _each(lifecycle.stop_as, running, Reason.STOPPED_LOW_BALANCE, now)


def _keep_what_was_paid_for() -> None:
    stopped = Pod.objects.filter(status=PodStatus.STOPPED, low_balance_since__isnull=False)
    stopped.filter(meter__renter_account__balance__gt=0).update(low_balance_since=None)


def _remove_unpaid(now: datetime, held: set[int]) -> None:
    overdue = Pod.objects.filter(
        status=PodStatus.STOPPED,
        low_balance_since__isnull=False,
        stopped_at__lte=now - settings.MARKET_DATA_GRACE,
    ).exclude(workspace__in=held)
    _each(lifecycle.remove_as, overdue, Reason.REMOVED_LOW_BALANCE, now)


def _each(end: Callable[..., Pod], pods: Iterable[Pod], reason: Reason, now: datetime) -> None:
    """End each pod on its own: one that has moved meanwhile does not keep the others."""
    for pod in pods:
        try:
            end(pod_id=pod.public_id, reason=reason, actor=PLATFORM, now=now)
        except DomainError as refusal:
            log.info("ladder.skipped", pod=str(pod.public_id), why=refusal.message)


def _with_a_payment_under_way() -> set[int]:
    seen = Invoice.objects.filter(deposits__status=DepositStatus.SEEN)
    return set(seen.values_list("workspace_id", flat=True))
