"""What the pages of pods show."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.urls import reverse

from billing.selectors import Wallet, runs_until, wallet
from core.dialing import bracketed
from core.money import seconds_for
from marketplace.machine import fingerprint
from rentals import notice_page, selectors
from rentals.keeping import kept_until
from rentals.models import OVER, UNLISTED, UP, Phase, Pod, PodEvent, PodStatus
from rentals.plots import series_of
from rentals.reasons import Reason
from rentals.services import evidence, lifecycle, meter, metrics, receipts

S = PodStatus
EVENTS_SHOWN: Final = 30
CHARGES_SHOWN: Final = 10
ACTIONS: Final = {
    "stop": frozenset({S.RUNNING}),
    "start": frozenset({S.STOPPED}),
    "schedule": frozenset(S) - OVER,
    "remove": frozenset(S) - UNLISTED,
}
BAD: Final = frozenset({S.REBOOT_FAILED, S.LOST, S.FAILED})
WARN: Final = frozenset({S.UNREACHABLE, S.STOPPED, S.STOPPING, S.REBOOTING})
PHASE_LABELS: Final = {
    Phase.RESERVED: "GPUs and ports reserved",
    Phase.CONNECTING: "Connecting to the machine",
    Phase.IMAGE: "Pulling the image",
    Phase.CONTAINER: "Starting the container",
    Phase.SSH: "Proving SSH and GPUs",
}
TITLES: Final = {
    "pod-rent.requested": "Rented",
    "pod-delete.success": "Asked to be removed",
    "pod-edit.success": "Changed",
    "pod-lifecycle.given_back": "GPUs given back",
    "pod-lifecycle.explained": "Still unreachable",
    "pod-lifecycle.runs_again": "Container runs again",
    "pod-lifecycle.out_of_sight": "Out of sight",
    "pod-notice.given": "Announced",
    "pod-notice.withdrawn": "Taken back",
    "pod-balance.low": "Balance runs low",
}
STATUS_TITLES: Final = {
    S.RUNNING: ("Proven ready", "done"),
    S.UNREACHABLE: ("Unreachable", "failed"),
    S.REBOOTING: ("Rebooting", ""),
    S.REBOOT_FAILED: ("Reboot failed", "failed"),
    S.STOPPING: ("Stopping", ""),
    S.STOPPED: ("Stopped", "done"),
    S.STARTING: ("Starting again", ""),
    S.LOST: ("Lost", "failed"),
    S.FAILED: ("Failed to start", "failed"),
    S.REMOVING: ("Removing", ""),
    S.REMOVED: ("Removed", "done"),
}


def pod_row(pod: Pod, *, now: datetime) -> dict[str, Any]:
    """Give a row of the pod list."""
    up = ready_time(pod, now=now)
    return {
        "pod": pod,
        "charged_usd": charged_usd(pod),
        "up": up,
        "up_since": now - up if up is not None and pod.meter.ready_since else None,
        "ssh_command": ssh_command(pod),
        "receipt_url": receipt_url(pod),
        "told": notice_page.announced(pod, now=now),
        "kept_until": kept_until(pod),
    }


def pod_page(pod: Pod, *, now: datetime) -> dict[str, Any]:
    """Give everything that the pod page and its live pushes show."""
    status = S(pod.status)
    tail = metrics.log_tail(pod)
    held = wallet(pod.workspace)
    kept = kept_until(pod)
    return {
        "pod": pod,
        "actions": {name: status in states for name, states in ACTIONS.items()}
        | {"reboot": lifecycle.may_reboot(pod)},
        "reason_kind": "bad" if status in BAD else "warn" if status in WARN else "",
        "reason_hint": _hint(pod),
        "told": notice_page.announcement(pod, now=now),
        "ends_at": min(filter(None, [pod.removal_scheduled_at, kept]), default=None),
        "kept_until": kept,
        "stopped_kept": settings.MARKET_STOPPED_KEPT,
        "receipt_url": receipt_url(pod),
        "cost": _cost(pod, held, now=now),
        "wallet": held,
        "connect": _connect(pod),
        "connect_missing": "" if status in UP else _connect_missing(status),
        "series": series_of(pod, metrics.samples(pod)),
        "log_text": tail.text if tail else "",
        "log_missing": "" if tail else "The log appears some seconds after the pod is ready.",
        "log_read_at": tail.read_at if tail else None,
        "phases": _phases(pod, now=now),
        "events": [event_row(event) for event in _newest_events(pod)],
        "charges": _charges(pod),
        "socket_path": f"/ws/pods/{pod.public_id}",
    }


def event_row(event: PodEvent) -> dict[str, Any]:
    """Give an event as a person reads it."""
    title, tone = TITLES.get(event.sub_type, event.sub_type), ""
    if event.sub_type == "pod-lifecycle.status":
        title, tone = STATUS_TITLES.get(S(event.to_status), (event.to_status, ""))
    told = [text for text in (event.reason, event.detail, event.error) if text]
    return {
        "at": event.occurred_at,
        "title": title,
        "reason": " ".join(told),
        "actor": event.actor_name or event.actor_kind,
        "tone": tone,
    }


def ssh_command(pod: Pod) -> str:
    """Give the command that opens a shell in the pod; empty until it was proven to work."""
    if pod.status not in UP:
        return ""
    return f"ssh root@{pod.node.public_host} -p {evidence.ssh_port(pod)}"


def receipt_url(pod: Pod) -> str:
    """Give the address of the pod's receipt; empty until it has one."""
    return reverse("receipt", args=[pod.public_id]) if hasattr(pod, "receipt") else ""


def ready_time(pod: Pod, *, now: datetime) -> timedelta | None:
    """Give how long the pod has been proven ready in all; None where it never was."""
    if pod.ready_at is None:
        return None
    running = pod.meter.ready_since is not None
    seconds = meter.ready_seconds(pod.meter, proven_until=now if running else None)
    return timedelta(seconds=float(seconds))


def charged_usd(pod: Pod) -> Decimal:
    """Give what the pod's proven time costs so far, less what was paid back."""
    proven = meter.ready_seconds(pod.meter, proven_until=pod.last_proof_at)
    return max(meter.charge(pod.meter, of=proven), pod.meter.posted_usd) - pod.refunded_usd


def _cost(pod: Pod, held: Wallet, *, now: datetime) -> dict[str, Any]:
    up = ready_time(pod, now=now)
    seconds = meter.ready_seconds(pod.meter, proven_until=pod.last_proof_at)
    return {
        "charged_usd": charged_usd(pod),
        "up": up,
        "billed": timedelta(seconds=float(seconds)) if pod.ready_at else None,
        "up_since": now - up if up is not None and pod.meter.ready_since else None,
        "balance_usd": held.balance_usd,
        "runs_until": runs_until(held.lasts, now=now),
        "metering": pod.meter.ready_since is not None,
    }


def _connect(pod: Pod) -> dict[str, Any] | None:
    command = ssh_command(pod)
    if not command:
        return None
    host, port = pod.node.public_host, evidence.ssh_port(pod)
    key = " ".join(pod.host_public_key.split()[:2])
    return {
        "ssh_command": command,
        "host": bracketed(host),
        "fingerprint": fingerprint(pod.host_public_key),
        "known_hosts_line": f"[{host}]:{port} {key}",
        "ports": sorted(pod.ports.all(), key=lambda row: row.internal),
    }


def _connect_missing(status: PodStatus) -> str:
    if status in {S.PENDING, S.STARTING, S.REBOOTING}:
        return "The way in appears when SSH has answered with the pod's own host key."
    return "There is no way into the pod in this state."


def _hint(pod: Pod) -> str:
    codes = {reason.code: reason for reason in Reason}
    reason = codes.get(pod.status_reason_code)
    return reason.hint if reason else ""


def _phases(pod: Pod, *, now: datetime) -> list[dict[str, Any]]:
    typical = selectors.typical_phase_seconds(pod.node)
    return [_phase(pod, Phase(phase), typical.get(phase), now=now) for phase in Phase.values]


def _phase(pod: Pod, phase: Phase, typical: float | None, *, now: datetime) -> dict[str, Any]:
    state = _phase_state(pod, phase)
    took = pod.phase_seconds.get(phase)
    elapsed = timedelta(seconds=took) if took is not None else None
    detail = ""
    if state == "active":
        elapsed, detail = now - pod.phase_since, pod.last_error
    elif state == "done" and phase is Phase.IMAGE and took is None:
        detail = "It was on the machine already."
    return {
        "label": PHASE_LABELS[phase],
        "state": state,
        "detail": detail,
        "elapsed": elapsed,
        "typical": timedelta(seconds=typical) if typical is not None else None,
        "since": pod.phase_since if state == "active" else None,
    }


def _phase_state(pod: Pod, phase: Phase) -> str:
    order = list(Phase)
    if pod.ready_at:
        return "done"
    if phase == pod.phase:
        return {S.PENDING: "active", S.FAILED: "failed"}.get(S(pod.status), "waiting")
    return "done" if order.index(phase) < order.index(Phase(pod.phase)) else "waiting"


def _newest_events(pod: Pod) -> list[PodEvent]:
    return list(pod.events.order_by("-id")[:EVENTS_SHOWN])


def _charges(pod: Pod) -> list[dict[str, Any]]:
    hourly = pod.hourly_price_usd
    newest = receipts.newest_charges(pod, CHARGES_SHOWN)
    return [
        {
            "until": charge.until,
            "ready": timedelta(seconds=float(seconds_for(charge.amount_usd, hourly=hourly))),
            "amount_usd": charge.amount_usd,
        }
        for charge in newest
    ]
