"""Pods and their events, as the published client reads them."""

import json
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject

from core.actors import on_the_wire
from core.clock import iso
from marketplace.selectors.notices import standing_notices
from rentals.models import RESTARTING, UP, Phase, Pod, PodEvent, PodPort, PodStatus
from rentals.transitions import WIRE_STATUS

SSH_PORT: Final = 22
# The client's own words for how far a start has come.
PHASES: Final = {
    Phase.RESERVED: "queued",
    Phase.CONNECTING: "connecting to node",
    Phase.IMAGE: "pulling image",
    Phase.CONTAINER: "starting container",
    Phase.SSH: "configuring ssh",
}
BECOMING_READY: Final = RESTARTING | {PodStatus.PENDING}
# The client asks for encrypted volumes in every rent; the answer is on the pod.
NOT_OFFERED: Final = "not_offered"
# Where no start of the node was timed yet.
USUAL_READY_SECONDS: Final = 30.0

TEMPLATE_COLUMNS: Final = {
    f"template_{name}": F(f"template__{name}")
    for name in ("public_id", "name", "docker_image", "docker_image_tag", "category", "volumes")
}
POD_COLUMNS: Final = (
    "public_id",
    "name",
    "status",
    "status_since",
    "status_reason_code",
    "status_reason",
    "phase",
    "hourly_price_usd",
    "gpu_count",
    "created_at",
    "updated_at",
    "removal_scheduled_at",
    "host_public_key",
)


def pods(rows: QuerySet[Pod], *, now: datetime) -> list[dict[str, Any]]:
    """Write pods in one query; newest first."""
    ports = PodPort.objects.filter(pod=OuterRef("pk")).order_by("internal")
    columns = rows.order_by("-created_at", "-pk").values(
        *POD_COLUMNS,
        **TEMPLATE_COLUMNS,
        workspace_public_id=F("workspace__public_id"),
        api_key_public_id=F("api_key__public_id"),
        key_name=F("api_key__name"),
        host=F("node__public_host"),
        offer=F("node__offer_json"),
        typical_ready_seconds=F("node__typical_ready_seconds"),
        announced=Subquery(
            standing_notices()
            .filter(node=OuterRef("node"))
            .values(
                notice=JSONObject(
                    starts_at="starts_at",
                    minutes="minutes",
                    permanent="permanent",
                    reason="reason",
                )
            )
        ),
        port_pairs=ArraySubquery(
            ports.values(pair=JSONObject(internal="internal", external="external"))
        ),
    )
    return [_pod(row, now) for row in columns]


def event(row: PodEvent, *, pod: Pod) -> dict[str, Any]:
    """Write an event; what the platform or a provider did has no actor."""
    return {
        "created_at": iso(row.occurred_at),
        "event_type": row.type,
        "sub_event_type": row.sub_type,
        "pod_id": str(pod.public_id),
        "pod_name": pod.name,
        "from_status": row.from_status.upper() or None,
        "to_status": row.to_status.upper() or None,
        "reason": row.reason or None,
        "detail": row.detail or None,
        "error": row.error or None,
        "actor": on_the_wire(row.actor_kind, row.actor_id, row.actor_name),
    }


def log_lines(text: str) -> str:
    """Write the lines of a log as the client's stream: one ``data:`` object a line."""
    return "".join(f"data: {json.dumps({'log': line})}\n\n" for line in text.splitlines())


def _pod(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    status = PodStatus(row["status"])
    ports = {str(pair["internal"]): pair["external"] for pair in row["port_pairs"]}
    ssh_port = ports.get(str(SSH_PORT))
    # A silent one keeps what was proven.
    reachable = status in UP and ssh_port
    shape = {
        "id": str(row["public_id"]),
        "pod_name": row["name"],
        "status": WIRE_STATUS[status],
        "ssh_connect_cmd": f"ssh root@{row['host']} -p {ssh_port}" if reachable else None,
        "ssh_host_key": row["host_public_key"],
        "ports_mapping": ports,
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
        "price": float(row["hourly_price_usd"]),
        "gpu_count": row["gpu_count"],
        "executor": json.loads(row["offer"]) | {"executor_ip_address": row["host"]},
        "template": _pod_template(row),
        # A pod's files are in its container; no path of it is a volume.
        "local_volume_path": None,
        "removal_scheduled_at": iso(row["removal_scheduled_at"]),
        "jupyter_installation_status": None,
        "jupyter_url": None,
        "enable_volume_encryption": False,
        "volume_encryption_status": NOT_OFFERED,
        "workspace_id": str(row["workspace_public_id"]),
        "api_key_id": str(row["api_key_public_id"]) if row["api_key_public_id"] else None,
        "api_key_name": row["key_name"],
        "reason_code": row["status_reason_code"] or None,
        "reason": row["status_reason"] or None,
        "status_since": iso(row["status_since"]),
        "notice": _notice(row["announced"]),
    }
    return shape | (_progress(row, now) if status in BECOMING_READY else {})


def _notice(announced: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Write what the provider announced about the machine; the pod ends with a removal."""
    if announced is None:
        return None
    starts_at = datetime.fromisoformat(announced["starts_at"])
    minutes = announced["minutes"]
    return {
        "kind": "removal" if announced["permanent"] else "maintenance",
        "starts_at": iso(starts_at),
        "ends_at": iso(starts_at + timedelta(minutes=minutes)) if minutes else None,
        "reason": announced["reason"] or None,
        "ends_pod": announced["permanent"],
    }


def _pod_template(row: Mapping[str, Any]) -> dict[str, Any]:
    shape = {name.removeprefix("template_"): row[name] for name in TEMPLATE_COLUMNS}
    return {"id": str(shape.pop("public_id")), **shape}


def _progress(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    typical = row["typical_ready_seconds"]
    elapsed = (now - row["status_since"]).total_seconds()
    left = (USUAL_READY_SECONDS if typical is None else typical) - elapsed
    return {
        "phase": PHASES[Phase(row["phase"])],
        "estimated_ready_seconds": max(0, math.ceil(left)),
        "eta_basis": "fleet_default" if typical is None else "executor_history",
    }
