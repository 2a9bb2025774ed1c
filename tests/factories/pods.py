"""Minimal valid pods: Alice's, on Bob's node."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from accounts.models import User, Workspace
from marketplace.models import GpuAccess, GpuModel, Node, NodeGpu, NodeStatus, Provider
from rentals.models import Pod, PodMeter, PodStatus, Quote, Template
from rentals.services import meter

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_number = count(1)


def make_user(name: str = "alice") -> User:
    """Make a person, e.g. Alice, who rents."""
    return User.objects.create_user(
        f"{name}{next(_number)}@example.com", "correct horse", name=name
    )


def make_workspace(user: User | None = None) -> Workspace:
    """Give a person's own workspace."""
    return Workspace.objects.get(owner=user or make_user(), is_personal=True)


def make_gpu_model(name: str = "NVIDIA H100 80GB HBM3", short_name: str = "H100") -> GpuModel:
    """Make a GPU of the catalogue."""
    fields = {"short_name": short_name, "memory_mib": 81559}
    return GpuModel.objects.get_or_create(name=name, defaults=fields)[0]


def make_node(*, gpu_count: int = 8, **fields: Any) -> Node:
    """Make Bob's node with all its GPUs free."""
    provider = Provider.objects.create(
        name="Bob", ssh_public_key="-", ssh_private_key_encrypted="-"
    )
    number = next(_number)
    values = {
        "gpu_model": make_gpu_model(),
        "status": NodeStatus.AVAILABLE,
        "price_per_gpu_usd": Decimal("2"),
        "host": f"node{number}.example.com",
        "public_host": "203.0.113.7",
        "host_key": f"ssh-ed25519 AAAA{number}",
        "gpu_access": GpuAccess.SIMULATED,
        "cpu_count": 64,
        "ram_mib": 515_000,
        "disk_gib": 1800,
        "driver_version": "570.124.06",
        "cuda_version": Decimal("12.8"),
        **fields,
    }
    node = Node.objects.create(
        provider=provider, gpu_count=gpu_count, free_gpu_count=gpu_count, **values
    )
    NodeGpu.objects.bulk_create(
        NodeGpu(node=node, uuid=f"GPU-{number}-{position}", position=position)
        for position in range(gpu_count)
    )
    return node


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
        user=workspace.owner,
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
