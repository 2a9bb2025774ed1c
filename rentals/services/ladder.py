"""The low-balance ladder: warned at 24 and at 2 hours, stopped with the data kept, removed at last.

A top-up that the chain has seen but not finalized stops the clock: what it took is added to every date.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum

from accounts.models import User, Workspace
from billing import chain_state
from billing.hooks import Rung
from billing.models import Account, AccountKind
from billing.selectors import runs_until, runway, wallet
from billing.services.arriving import arriving_usd
from core import clock
from core.actors import PLATFORM
from core.errors import DomainError
from core.money import USD
from marketplace import outbox
from rentals import transitions
from rentals.models import Pod, PodMeter, PodStatus, Runway, Stage
from rentals.reasons import Reason
from rentals.services import lifecycle

log = structlog.get_logger(__name__)

WARNED_AT: Final = {Stage.DAY: timedelta(hours=24), Stage.HOURS: timedelta(hours=2)}
REASONS: Final = {
    Stage.DAY: Reason.RUNWAY_DAY,
    Stage.HOURS: Reason.RUNWAY_HOURS,
    Stage.EMPTY: Reason.BALANCE_EMPTY,
}
WARNING: Final = "By mail, to webhooks and on every page."
EMPTY: Final = "No new rents; pods go on for a short grace."
ENDED: Final = "Each pod ends with a receipt."
HELD_BLINDLY: Final = timedelta(hours=24)
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
class Banner:
    """What a page says above all else: ``kind`` is warn or bad, and ``at`` is when what the text names comes."""

    kind: str
    title: str
    text: str
    at: datetime | None


def walk(*, now: datetime) -> None:
    """Take every workspace as far down or up the ladder as its balance says."""
    lows = low_balances()
    _forget_who_recovered(lows)
    held = _with_a_payment_under_way(now)
    for low in lows:
        _stand(low, now)
    _hold_clocks(held, now)
    for low in lows:
        position = Runway.objects.get(workspace=low.workspace_id)
        overdue = position.is_empty_since(now - settings.MARKET_UNPAID_GRACE)
        if overdue and low.workspace_id not in held:
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


def banner_of(user: User, *, now: datetime) -> Banner | None:
    """Say on every page of a person what their low balance leads to; None while it is not low."""
    rows = Runway.objects.filter(workspace__owner=user, workspace__is_personal=True)
    position = rows.select_related("workspace").first()
    if position is None:
        return None
    if position.paused_at:
        if chain_state.unknown_since(now=now):
            return Banner("warn", "Payments cannot be seen now.", "Nothing is stopped.", None)
        return Banner(
            "warn", "A payment is on its way.", "Until it is final, nothing is stopped.", None
        )
    if position.stage != Stage.EMPTY:
        lasts = f"Your balance lasts {position.get_stage_display()}."
        return Banner("warn", lasts, "Pods are stopped once it is used up.", None)
    ahead = [rung for rung in preview(position.workspace, now=now)[-2:] if rung.state == "waiting"]
    if not ahead:
        return Banner("bad", "Your balance is used up.", "Pods are removed with their files.", None)
    return Banner("bad", "Your balance is used up.", f"{ahead[0].label}:", ahead[0].at)


def preview(workspace: Workspace, *, now: datetime) -> list[Rung]:
    """Say when each step comes if nothing is paid in and nothing changes."""
    lasts = wallet(workspace).lasts
    position = Runway.objects.filter(workspace=workspace).first()
    if position and position.stage == Stage.EMPTY:
        empty: datetime | None = position.empty_since(now)
    else:
        empty = runs_until(lasts, now=now)
    stop = empty + settings.MARKET_UNPAID_GRACE if empty else None
    grace, kept = settings.MARKET_UNPAID_GRACE, settings.MARKET_DATA_GRACE
    rungs = (
        ("First warning", _before(empty, Stage.DAY), "24 h before", WARNING),
        ("Second warning", _before(empty, Stage.HOURS), "2 h before", WARNING),
        ("Balance used up", empty, "when pods have drawn it", EMPTY),
        ("Pods stop", stop, _later(grace), "Their files are kept, nothing is charged."),
        ("Files are deleted", stop + kept if stop else None, _later(kept), ENDED),
    )
    return [_rung(label, at, after, detail, now) for label, at, after, detail in rungs]


def _forget_who_recovered(lows: Iterable[Low]) -> None:
    """Drop the rows of whoever is no longer low; an empty balance is cured by money, not by a reboot."""
    gone = Runway.objects.exclude(workspace__in=[low.workspace_id for low in lows])
    in_debt = Account.objects.filter(kind=AccountKind.RENTER, currency=USD, balance__lte=0)
    gone.exclude(stage=Stage.EMPTY, workspace__in=in_debt.values("workspace")).delete()


def _before(empty: datetime | None, stage: Stage) -> datetime | None:
    return empty - WARNED_AT[stage] if empty else None


def _later(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes // 60} h later" if minutes >= 60 else f"{minutes} min later"


def _rung(label: str, at: datetime | None, after: str, detail: str, now: datetime) -> Rung:
    state = "done" if at and at <= now else "waiting"
    return Rung(label=label, at=at, after=after, detail=detail, state=state)


def _hold_clocks(held: set[int], now: datetime) -> None:
    """Stop the clock of an empty balance while a payment is on its way; afterwards it goes on from where it was."""
    empty = Runway.objects.filter(stage=Stage.EMPTY)
    empty.filter(workspace__in=held, paused_at=None).update(paused_at=now)
    for position in empty.exclude(workspace__in=held).exclude(paused_at=None):
        with transaction.atomic(durable=True):
            workspace = Workspace.objects.select_for_update(no_key=True).get(pk=position.pk)
            paused = Runway.objects.filter(workspace=workspace, paused_at=position.paused_at)
            if position.paused_at is None or not paused.exists():
                continue
            lasted = now - position.paused_at
            paused.update(since=F("since") + lasted, paused_at=None)
            stopped = Pod.objects.filter(workspace=workspace, low_balance_since__isnull=False)
            stopped.update(low_balance_since=F("low_balance_since") + lasted)


def _stand(low: Low, now: datetime) -> None:
    """Note a workspace's stage; whoever went further down is told, once."""
    with transaction.atomic(durable=True):
        workspace = Workspace.objects.select_for_update(no_key=True).get(pk=low.workspace_id)
        position = Runway.objects.filter(workspace=workspace).first()
        if position and position.stage == low.stage:
            return
        went_down = position is None or _rank(low.stage) > _rank(Stage(position.stage))
        Runway.objects.update_or_create(
            workspace=workspace,
            defaults={
                "stage": low.stage,
                "since": now,
                "paused_at": None,
            },
        )
        if went_down:
            _tell(workspace, low.stage, now)


def _tell(workspace: Workspace, stage: Stage, now: datetime) -> None:
    for pod in Pod.objects.filter(workspace=workspace, meter__ready_since__isnull=False):
        transitions.record(
            pod, sub_type="pod-balance.low", reason=REASONS[stage], actor=PLATFORM, now=now
        )
    kind = "balance.empty" if stage == Stage.EMPTY else "balance.low"
    outbox.tell(workspace, kind=kind, event=_event(workspace, stage, now), now=now)


def _event(workspace: Workspace, stage: Stage, now: datetime) -> dict[str, Any]:
    """Say the same to the mailbox and to webhooks: where the balance stands, and what comes when."""
    ahead = [rung for rung in preview(workspace, now=now) if rung.at and rung.state != "done"]
    steps = [
        f"- {rung.at:%Y-%m-%d %H:%M} UTC: {rung.label.lower()}. {rung.detail}" for rung in ahead
    ]
    reason, held = REASONS[stage], wallet(workspace)
    return {
        "title": f"The balance of {workspace.name} {'is' if stage == Stage.EMPTY else 'lasts'} {stage.label}",
        "text": "\n".join([reason.words, reason.hint, "", "If nothing is paid in:", *steps]),
        "stage": stage.value,
        "balance_usd": f"{held.balance_usd:f}",
        "burn_usd_per_hour": f"{held.burn_usd:f}",
        "steps": [{"label": rung.label, "at": clock.iso(rung.at)} for rung in ahead],
    }


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
        low_balance_since__lte=now - settings.MARKET_DATA_GRACE,
    ).exclude(workspace__in=held)
    _each(lifecycle.remove_as, overdue, Reason.REMOVED_LOW_BALANCE, now)


def _each(end: Callable[..., Pod], pods: Iterable[Pod], reason: Reason, now: datetime) -> None:
    """End each pod on its own: one that has moved meanwhile does not keep the others."""
    for pod in pods:
        try:
            end(pod_id=pod.public_id, reason=reason, actor=PLATFORM, now=now)
        except DomainError as refusal:
            log.info("ladder.skipped", pod=str(pod.public_id), why=refusal.message)


def _with_a_payment_under_way(now: datetime) -> set[int]:
    """Give the workspaces whose payment, once final, lifts the balance above zero: dust holds nothing.

    While the chain is unknown a payment may be under way that nobody can see: it holds for all, for a day at most.
    """
    since = chain_state.unknown_since(now=now)
    if since is not None and now - since < HELD_BLINDLY:
        return set(Runway.objects.values_list("workspace_id", flat=True))
    coming = arriving_usd(now=now)
    owed = Account.objects.filter(kind=AccountKind.RENTER, currency=USD, workspace__in=coming)
    balances = owed.values_list("workspace_id", "balance")
    return {workspace_id for workspace_id, held in balances if held + coming[workspace_id] > 0}
