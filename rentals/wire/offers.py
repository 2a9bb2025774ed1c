"""What is asked before a rent and answered to it, as the published client reads it."""

import math
from typing import Any

from accounts.principal import Principal
from core.clock import iso
from marketplace.wire import executor
from rentals.models import Pod, Template
from rentals.services.quoting import Quoted
from rentals.services.selection import Selection
from rentals.services.starts import Estimate
from rentals.wire.numbers import with_numbers


def template(row: Template, *, reader: Principal | None) -> dict[str, Any]:
    """Write a template; to the client ``user_id`` is whose it is, and what a team has is each member's own."""
    owner = row.workspace.owner if row.workspace else None
    if reader and row.workspace_id == reader.workspace.pk:
        owner = reader.user
    return {
        "id": str(row.public_id),
        "name": row.name,
        "description": row.description,
        "readme": row.readme,
        "category": row.category,
        "docker_image": row.docker_image,
        "docker_image_tag": row.docker_image_tag,
        "docker_image_digest": row.docker_image_digest,
        "internal_ports": row.internal_ports,
        "environment": row.environment,
        "entrypoint": row.entrypoint,
        "startup_commands": row.startup_commands,
        "volumes": row.volumes,
        "is_private": row.is_private,
        "one_time_template": row.one_time,
        "status": row.status.upper(),
        "supports_volume_encryption": False,
        "user_id": str(owner.public_id) if owner else None,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
    }


def quote(quoted: Quoted) -> dict[str, Any]:
    """Write a quote; its lines are the ones that a receipt is compared with."""
    shape = {
        "executor_id": str(quoted.node.public_id),
        "gpu_count": quoted.gpu_count,
        "hours": float(quoted.hours),
        "price_per_hour": float(quoted.hourly_price_usd),
        "lines": [
            with_numbers(line, "rate_usd", "quantity", "amount_usd") for line in quoted.lines
        ],
        "total_usd": float(quoted.total_usd),
        "pod_balance_floor_usd": float(quoted.floor_usd),
    }
    if quoted.required_usd is not None:
        shape["rent_balance_required_usd"] = float(quoted.required_usd)
    if quoted.quote:
        shape["quote_id"] = str(quoted.quote.public_id)
        shape["expires_at"] = iso(quoted.quote.expires_at)
    return shape


def estimate(start: Estimate) -> dict[str, Any]:
    """Write what is known of a start before it."""
    pull = not start.image_is_there
    return {
        # How long a pull takes nobody knows, and the client prints the warning for slow links only.
        "estimated_seconds": None if pull or start.seconds is None else math.ceil(start.seconds),
        "is_slow_machine": start.slow_link,
        "warning_message": "The image has to be pulled first." if pull else None,
        "is_cached_template": start.image_is_there,
        "docker_image_size": None,
    }


def rented(pod: Pod) -> dict[str, Any]:
    """Write the answer to a rent."""
    return {"success": True, "pod_id": str(pod.public_id)}


def selection(chosen: Selection) -> dict[str, Any]:
    """Write which node was chosen, out of how many, and the pod on it."""
    return {
        "selected_executor": executor(chosen.node),
        "gpu_count": chosen.gpu_count,
        "price_per_hour": float(chosen.hourly_price_usd),
        "template_id": str(chosen.template.public_id),
        "candidates": chosen.candidates,
        "alternatives_considered": [executor(node) for node in chosen.alternatives],
        "attempts": chosen.attempts,
        "dry_run": chosen.pod is None,
        "pod_id": str(chosen.pod.public_id) if chosen.pod else None,
    }


def selected(pod: Pod) -> dict[str, Any]:
    """Write the selection that a pod came from, when its own answer was lost."""
    return {
        "selected_executor": executor(pod.node),
        "gpu_count": pod.gpu_count,
        "price_per_hour": float(pod.hourly_price_usd),
        "template_id": str(pod.template.public_id),
        "candidates": 1,
        "alternatives_considered": [],
        "attempts": 1,
        "dry_run": False,
        "pod_id": str(pod.public_id),
    }
