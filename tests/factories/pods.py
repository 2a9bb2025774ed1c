"""Minimal valid pods: Alice's, on Bob's node."""

from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

from accounts.models import User, Workspace
from marketplace.models import Node
from rentals.models import Pod, PodMeter, PodStatus, Quote, Template
from rentals.services import meter
from tests.factories.marketplace import NOON, make_node

_number = count(1)


def make_user(name: str = "alice") -> User:
    """Make a person, e.g. Alice, who rents."""
    return User.objects.create_user(
        f"{name}{next(_number)}@example.com", "correct horse", name=name
    )


def make_workspace(user: User | None = None) -> Workspace:
    """Give a person's own workspace."""
    return Workspace.objects.get(owner=user or make_user(), is_personal=True)


def make_template(**fields: Any) -> Template:
    """Make a public template."""
    values = {
        "name": f"Ubuntu {next(_number)}",
        "docker_image": "ubuntu",
        "docker_image_tag": "24.04",
    }
    return Template.objects.create(**{**values, **fields})


def make_pod(
    *,
    workspace: Workspace | None = None,
    node: Node | None = None,
    hourly_price_usd: Decimal = Decimal("2"),
    fee_rate: Decimal = Decimal("0.05"),
    created_at: datetime = NOON,
    **fields: Any,
) -> Pod:
    """Make a pending pod with its quote and its meter."""
    workspace, node = workspace or make_workspace(), node or make_node()
    agreed = {
        "gpu_count": 1,
        "price_per_gpu_usd": hourly_price_usd,
        "hourly_price_usd": hourly_price_usd,
        "fee_rate": fee_rate,
    }
    line = {"item": "compute", "unit": "GPU-hour", "rate_usd": str(hourly_price_usd)}
    line |= {"quantity": "1", "amount_usd": str(hourly_price_usd), "note": ""}
    quote = Quote.objects.create(
        node=node, workspace=workspace, hours=1, lines=[line], expires_at=created_at, **agreed
    )
    values = {
        "user": workspace.owner,
        "name": "p1",
        "template": fields.pop("template", None) or make_template(),
        "image": "ubuntu:24.04",
        "cpus": 8,
        "memory_mib": 64_000,
        "authorized_keys": "ssh-ed25519 AAAA alice",
        "host_public_key": "ssh-ed25519 AAAA",
        "host_private_key_encrypted": "-",
        "status_since": created_at,
        "phase_since": created_at,
        "next_look_at": created_at,
        **fields,
    }
    pod = Pod.objects.create(
        workspace=workspace,
        node=node,
        quote=quote,
        created_at=created_at,
        **agreed,
        **values,
    )
    meter.create(pod, provider_public_id=node.provider.public_id)
    return pod


def make_ready(pod: Pod, *, at: datetime = NOON) -> Pod:
    """Bring a pod to running, counted from ``at``."""
    Pod.objects.filter(pk=pod.pk).update(status=PodStatus.RUNNING, status_since=at, ready_at=at)
    pod.refresh_from_db()
    meter.open_interval(pod, at=at, evidence="SSH-2.0-OpenSSH_9.2")
    return pod


def meter_of(pod: Pod) -> PodMeter:
    """Read a pod's meter afresh."""
    return PodMeter.objects.get(pod=pod)


def refunded_usd(pod: Pod) -> Decimal:
    """Read what was paid back for a pod."""
    return Pod.objects.with_cost().get(pk=pod.pk).refunded_usd
