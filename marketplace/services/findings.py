"""Writing what a look at a machine found into its node: GPUs by UUID, figures, facts.

Every function joins the caller's transaction; the caller holds the node's row lock.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from core.actors import PLATFORM
from marketplace.checks import Found, PortTrial, Speed
from marketplace.models import Node, NodeGpu
from marketplace.selectors.claims import claimed_gpus
from marketplace.services import measurements, reservations
from marketplace.services.hardware import Hardware
from marketplace.services.measurements import Figure
from marketplace.transitions import Reason, note

MEASURED_BY: Final = "this market, over SSH"


def write(node: Node, found: Found, hardware: Hardware, *, now: datetime) -> None:
    """Bring a node up to what was found; a claim that was wrong is corrected, with an event."""
    _correct_claim(node, hardware, now=now)
    node.gpu_model, node.gpu_access = hardware.model, hardware.access
    node.driver_version, node.simulated = hardware.driver, hardware.simulated
    node.gpu_count = len(hardware.uuids)
    node.free_gpu_count = min(node.free_gpu_count, node.gpu_count)
    node.min_gpu_count = min(node.min_gpu_count, node.gpu_count)
    node.cpu_count, node.ram_mib = found.cpu_count, found.ram_mib
    node.disk_gib, node.cuda_version = found.disk_gib, found.cuda_version
    node.boot_id = found.boot_id or node.boot_id
    node.last_seen_at, node.missed_probes, node.missing_since = now, 0, None
    if not hardware.simulated:
        _write_power_and_links(node, found)
    node.save()
    _match_gpus(node, hardware, now=now)
    measurements.record(node, list(_figures(found, hardware)), by=MEASURED_BY, now=now)


def write_network(
    node: Node, *, speed: Speed | None, speed_failed: bool, ports: PortTrial | None, now: datetime
) -> None:
    """Write down what was measured of a node's network; it is listed with the median of its last samples."""
    figures = []
    if speed is not None or speed_failed:
        down, up = (speed.download_mbps, speed.upload_mbps) if speed else (None, None)
        figures += [
            Figure(name="download", unit="Mbps", measured=_whole(down)),
            Figure(name="upload", unit="Mbps", measured=_whole(up)),
        ]
    if ports is not None and (tried := len(ports.reached) + len(ports.unreached)):
        figures.append(Figure(name="ports", measured=f"{len(ports.reached)} of {tried} sampled"))
    measurements.record(node, figures, by=MEASURED_BY, now=now)
    if speed is not None:
        node.download_mbps = measurements.typical(node, "download")
        node.upload_mbps = measurements.typical(node, "upload")
        node.save(update_fields=["download_mbps", "upload_mbps", "updated_at"])


def _whole(mbps: float | None) -> str | None:
    return None if mbps is None else f"{mbps:.0f}"


def _correct_claim(node: Node, hardware: Hardware, *, now: datetime) -> None:
    count, model = len(hardware.uuids), hardware.model
    if (node.gpu_count, node.gpu_model_id) != (count, model.pk):
        detail = f"Found {count} x {model.name}; claimed was {claimed_gpus(node)}."
        note(node, reason=Reason.CLAIM_CHANGED, actor=PLATFORM, now=now, detail=detail)


def _write_power_and_links(node: Node, found: Found) -> None:
    usual = node.gpu_model.power_w
    node.power_limit_watts = found.power_limit_watts
    node.interconnect = list(found.interconnect) or None
    node.nvlink = any("NV" in row.partition(" ")[2] for row in found.interconnect) or None
    if found.power_limit_watts is not None and usual is not None:
        node.power_limited = found.power_limit_watts < usual


def _match_gpus(node: Node, hardware: Hardware, *, now: datetime) -> None:
    gone = node.gpus.exclude(uuid__in=hardware.uuids)
    gone.filter(holder=None).delete()
    # What a pod holds stays on the books, but goes to nobody else.
    gone.filter(missing_since=None).update(missing_since=now)
    NodeGpu.objects.bulk_create(
        (
            NodeGpu(node=node, uuid=uuid, position=position)
            for position, uuid in enumerate(hardware.uuids)
        ),
        update_conflicts=True,
        unique_fields=["node", "uuid"],
        update_fields=["position", "missing_since"],
    )
    reservations.recount(node)


def _figures(found: Found, hardware: Hardware) -> Iterator[Figure]:
    label = " (simulated)" if hardware.simulated else ""
    if found.gpus:
        yield Figure(name="gpu_model", measured=f"{hardware.model.name}{label}")
        yield Figure(name="gpu_count", measured=f"{len(hardware.uuids)}{label}")
    if hardware.simulated:
        yield Figure(name="driver", claimed=hardware.driver, tried=False)
    else:
        yield Figure(name="gpu_memory", unit="MiB", measured=_text(found.gpus[0].memory_mib))
        yield Figure(name="driver", measured=found.driver_version)
        yield Figure(name="cuda", measured=_text(found.cuda_version))
        yield Figure(name="power_limit", unit="W", measured=_text(found.power_limit_watts))
    yield Figure(name="cpus", measured=_text(found.cpu_count))
    yield Figure(name="memory", unit="MiB", measured=_text(found.ram_mib))
    yield Figure(name="disk", unit="GiB", measured=_text(found.disk_gib))
    yield Figure(name="engine", measured=found.engine_version)
    yield Figure(name="cgroup", measured=found.cgroup_version)
    yield Figure(name="kernel", measured=found.kernel)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
