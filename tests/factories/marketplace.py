"""Minimal valid rows of the market: Bob's nodes, with no random business values."""

from base64 import b64encode
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from accounts.models import Workspace
from marketplace.event_kinds import TEST
from marketplace.gpu_names import spellings
from marketplace.models import (
    GpuAccess,
    GpuModel,
    Node,
    NodeGpu,
    NodeStatus,
    Provider,
    Webhook,
    WebhookDelivery,
)

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_number = count(1)


def make_gpu_model(
    name: str = "NVIDIA H100 80GB HBM3",
    short_name: str = "H100",
    memory_mib: int = 81559,
    secure_price_usd: Decimal | None = None,
) -> GpuModel:
    """Make a GPU of the catalogue, or find it."""
    fields = {
        "short_name": short_name,
        "memory_mib": memory_mib,
        "secure_price_usd": secure_price_usd,
        "aliases": spellings(name, short_name),
    }
    return GpuModel.objects.get_or_create(name=name, defaults=fields)[0]


def make_provider(**fields: Any) -> Provider:
    """Make Bob, who hosts."""
    values = {"name": "Bob", "ssh_public_key": "-", "ssh_private_key_encrypted": "-", **fields}
    return Provider.objects.create(**values)


def make_node(*, gpu_count: int = 8, **fields: Any) -> Node:
    """Make a listed node of Bob's with all its GPUs free."""
    number = next(_number)
    values: dict[str, Any] = {
        "gpu_model": fields.pop("gpu_model", None) or make_gpu_model(),
        "provider": fields.pop("provider", None) or make_provider(),
        "status": NodeStatus.AVAILABLE,
        "first_listed_at": NOON,
        "proven_at": NOON,
        "price_per_gpu_usd": Decimal("2.45"),
        "host": f"node{number}.example.com",
        "public_host": "203.0.113.7",
        "host_key": f"ssh-ed25519 {b64encode(b'key %d' % number).decode()}",
        "gpu_access": GpuAccess.GPUS,
        "cpu_count": 64,
        "ram_mib": 515_000,
        "disk_gib": 1800,
        "driver_version": "570.124.06",
        "cuda_version": Decimal("12.8"),
        "first_port": 40000,
        "last_port": 40999,
        **fields,
    }
    node = Node.objects.create(
        gpu_count=gpu_count, free_gpu_count=values.pop("free_gpu_count", gpu_count), **values
    )
    NodeGpu.objects.bulk_create(
        NodeGpu(node=node, uuid=f"GPU-{number}-{position}", position=position)
        for position in range(gpu_count)
    )
    return node


def make_webhook(workspace: Workspace, **fields: Any) -> Webhook:
    """Make a webhook of a renter's, which nobody listens at."""
    values = {"url": "http://127.0.0.1:9/", "created_at": NOON, **fields}
    return Webhook.objects.create(workspace=workspace, **values)


def make_delivery(webhook: Webhook, **fields: Any) -> WebhookDelivery:
    """Make a test event that is due at a webhook."""
    values = {"kind": TEST, "payload": {}, "created_at": NOON, "next_try_at": NOON, **fields}
    return WebhookDelivery.objects.create(webhook=webhook, **values)
