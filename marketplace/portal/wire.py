"""Providers and machines as the published client reads them from the portal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from accounts.models import User
from core import clock
from marketplace import hooks
from marketplace.checks import install_command
from marketplace.hooks import NodePod
from marketplace.models import Node, Notice, Provider
from marketplace.selectors import standing_of
from marketplace.selectors.obstacles import Obstacle, obstacles
from marketplace.selectors.standing import Standing

# Who the portal logs in as: the client has no field for it.
INSTALLED_USER: Final = "lium"
OPEN: Final = {"cancelled_at": None, "ended_at": None}


@dataclass(frozen=True, slots=True)
class View:
    """What is needed to write many machines in a few queries; all of them are the same caller's or all not."""

    own: bool
    obstacles: Mapping[int, Sequence[Obstacle]]
    notices: Mapping[int, Notice]
    pods: Mapping[int, Sequence[NodePod]]


def view(nodes: Sequence[Node], *, own: bool) -> View:
    """Read what belongs to machines; pods and notices of others' stay unread."""
    ids = [node.pk for node in nodes]
    notices = Notice.objects.filter(node__in=ids, **OPEN) if own else ()
    return View(
        own=own,
        obstacles=obstacles(nodes),
        notices={notice.node_id: notice for notice in notices},
        pods=hooks.pods_on(ids) if own else {},
    )


def node(row: Node, seen: View) -> dict[str, Any]:
    """Write a machine; its address and its earnings are its provider's alone."""
    standing = standing_of(row)
    found = seen.obstacles.get(row.pk, [])
    shape = {
        "id": str(row.public_id),
        "gpu_type": row.gpu_model.name,
        "gpu_count": row.gpu_count,
        "price_per_gpu": float(row.price_per_gpu_usd),
        "tier": row.tier,
        "simulated": row.simulated,
        "min_gpu_count_for_rental": row.min_gpu_count,
        "miner_hotkey": row.provider.account_id,
        "validator_hotkey": None,
        "last_verified_at": clock.iso(row.last_verified_at),
        "computed_status": {
            "status": standing.standing,
            "message": standing.message,
            "last_error": _last_error(found[0], own=seen.own) if found else None,
        },
        "hidden_reasons": _hidden(row, standing.standing, found),
    }
    return shape | (_private(row, seen, found) if seen.own else {"blocking_reasons": []})


def _private(row: Node, seen: View, found: Sequence[Obstacle]) -> dict[str, Any]:
    pods, notice = seen.pods.get(row.pk, ()), seen.notices.get(row.pk)
    rented = sum(pod.gpu_count for pod in pods if pod.holds_gpus)
    return {
        "name": row.name,
        "executor_ip_address": row.host,
        "executor_ip_port": str(row.ssh_port),
        "host_key": row.host_key,
        "rented": rented > 0,
        "rented_gpu_count": rented,
        "available_gpu_count": row.free_gpu_count,
        "revenue_per_hour": float(sum((pod.revenue_usd for pod in pods), Decimal(0))),
        "notice_period": notice_shape(notice) if notice else None,
        "blocking_reasons": [_blocking(row, obstacle) for obstacle in found],
        "created_at": clock.iso(row.created_at),
    }


def notice_shape(notice: Notice) -> dict[str, Any]:
    """Write a notice as it was sent."""
    return {
        "starting_at": clock.iso(notice.starts_at),
        "period_in_minute": notice.minutes,
        "reason": notice.reason or None,
        "permanent_removal": notice.permanent,
    }


def pod(row: NodePod) -> dict[str, Any]:
    """Write a pod as the provider of its machine may know it."""
    return {
        "id": str(row.id),
        "pod_name": row.name,
        "status": row.status,
        "gpu_count": row.gpu_count,
        "price": float(row.hourly_price_usd),
        "created_at": clock.iso(row.created_at),
    }


def profile(provider: Provider, user: User) -> dict[str, Any]:
    """Write a provider's account; there is no Discord here, so nothing is said of it."""
    return {
        "id": str(provider.public_id),
        "provider_id": str(provider.public_id),
        "miner_hotkey": provider.account_id,
        "miner_coldkey": provider.coldkey,
        "email": user.email,
        "opt_in_status": provider.opted_in,
        "miner_uid": None,
        "ssh_public_key": provider.ssh_public_key,
        "install_command": install_command(user=INSTALLED_USER, public_key=provider.ssh_public_key),
        "machine_request_subscription": provider.subscribed_gpus,
        "created_at": clock.iso(provider.created_at),
        "updated_at": clock.iso(provider.created_at),
    }


def number(amount: Decimal | None) -> float | None:
    """Write an amount as a JSON number; null is unknown."""
    return None if amount is None else float(amount)


def _last_error(obstacle: Obstacle, *, own: bool) -> dict[str, Any]:
    # What is required may name the port and the pinned key.
    figures = {"Measured": obstacle.measured, "Required": obstacle.required} if own else {}
    told = "".join(f" {label}: {text}." for label, text in figures.items() if text)
    return {
        "title": obstacle.title,
        "message": f"{obstacle.message}{told}".strip(),
        "impact": "It is not offered to renters.",
        "remediation": obstacle.fix,
        "reason_code": obstacle.code,
    }


def _hidden(row: Node, standing: Standing, found: Sequence[Obstacle]) -> list[dict[str, str]]:
    reasons = [{"code": item.code.upper(), "message": item.title} for item in found]
    if standing is Standing.RECLAIMING:
        message = standing_of(row).message
        reasons.append({"code": "RECLAIMING", "message": message})
    return reasons


def _blocking(row: Node, obstacle: Obstacle) -> dict[str, Any]:
    silent = obstacle.code == "not_responding"
    return {
        "code": obstacle.code,
        "kind": "reachability" if silent else "last_error",
        "title": obstacle.title,
        "message": obstacle.message,
        "measured": obstacle.measured or None,
        "required": obstacle.required or None,
        "fix": obstacle.fix,
        "fix_command": obstacle.fix_command or None,
        "verify_command": f"lium provider node status {row.public_id}",
        "requires": ["sudo"] if obstacle.fix_command else [],
        "docs_url": None,
        "gating": True,
        "secure": True,
    }
