"""What pods use right now, for the pages that somebody looks at: one session a node, kept for some minutes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from django.conf import settings
from django.core.cache import cache

from core import clock, live
from core.clock import Clock
from marketplace.machine import Machine, MachineError, session
from marketplace.models import Node
from marketplace.services.machines import machine_address
from rentals import dispatch, engine, terms
from rentals.engine import EngineError, GpuUsage, PodUsage
from rentals.models import Pod, PodStatus
from rentals.services.blueprint import layout_of

log = structlog.get_logger(__name__)

KEPT: Final = 60
KEPT_SECONDS: Final = 900
WATCHED_SECONDS: Final = 30
LOG_LINES: Final = 80
MIB: Final = 1 << 20
KEYS: Final = ("cpu", "memory", "gpu", "gpu_memory")
Values = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment of a pod; None is unknown. CPU in percent of its share, memory in GiB."""

    at: datetime
    values: Values


@dataclass(frozen=True, slots=True)
class LogTail:
    """The last lines of a pod's log, and when they were read."""

    text: str
    read_at: datetime


def watch(pod: Pod) -> None:
    """Note that somebody looks at a pod: it is sampled for the next half minute."""
    cache.set(_watch_key(pod.pk), True, WATCHED_SECONDS)


def samples(pod: Pod) -> list[Sample]:
    """Give the samples that are kept of a pod, oldest first."""
    kept = cache.get(_samples_key(pod.pk), [])
    return [Sample(datetime.fromisoformat(at), values) for at, values in kept]


def log_tail(pod: Pod) -> LogTail | None:
    """Give the end of a pod's log as it was last read, or None."""
    kept = cache.get(_log_key(pod.pk))
    return LogTail(kept[0], datetime.fromisoformat(kept[1])) if kept else None


def ring_watched() -> int:
    """Ring for each node with a pod that somebody looks at; give how many."""
    running = dict(Pod.objects.filter(status=PodStatus.RUNNING).values_list("pk", "node_id"))
    watched = cache.get_many([_watch_key(pk) for pk in running])
    nodes = {node_id for pk, node_id in running.items() if _watch_key(pk) in watched}
    for node_id in nodes:
        dispatch.sample(node_id=node_id)
    return len(nodes)


def sample(*, node_id: int, now: Clock = clock.now) -> None:
    """Sample all running pods of a node and tell the pages; a silent machine leaves a gap."""
    node = Node.objects.select_related("provider").get(pk=node_id)
    pods = list(Pod.objects.filter(node=node, status=PodStatus.RUNNING))
    try:
        with session(machine_address(node), timeout=terms.CONNECT_SECONDS) as machine:
            usage = engine.stats(machine, market_id=settings.MARKET_INSTANCE)
            gpus = _gpu_stats(machine, node)
            tails = _tails(machine, pods)
    except (MachineError, EngineError) as error:
        log.info("metrics.gap", node=str(node.public_id), error=str(error))
        return
    moment = now()
    for pod in pods:
        _keep(pod, _values(pod, usage.get(pod.public_id), gpus), moment)
    for pod_id, text in tails.items():
        cache.set(_log_key(pod_id), (text, moment.isoformat()), KEPT_SECONDS)


def _keep(pod: Pod, values: Values, at: datetime) -> None:
    kept = [*cache.get(_samples_key(pod.pk), []), (at.isoformat(), values)]
    cache.set(_samples_key(pod.pk), kept[-KEPT:], KEPT_SECONDS)
    message = {"sample": {"at": clock.iso(at), "values": values}}
    live.publish(f"pod:{pod.public_id}", json.dumps(message))


def _values(pod: Pod, usage: PodUsage | None, gpus: Mapping[str, GpuUsage]) -> Values:
    mine = [gpus[uuid] for uuid in pod.gpu_uuids if uuid in gpus]
    cpu = usage.cpu_percent if usage else None
    memory = usage.memory_bytes if usage else None
    used = _total(gpu.memory_used_mib for gpu in mine)
    busy = _total(gpu.utilization_percent for gpu in mine)
    return {
        "cpu": None if cpu is None else round(cpu / pod.cpus, 1),
        "memory": None if memory is None else round(memory / MIB / 1024, 3),
        "gpu": None if busy is None else round(busy / len(mine), 1),
        "gpu_memory": None if used is None else round(used / 1024, 2),
    }


def _total(figures: Iterable[float | None]) -> float | None:
    """Add figures up; one unknown makes the sum unknown."""
    known = list(figures)
    return sum(f for f in known if f is not None) if known and None not in known else None


def _gpu_stats(machine: Machine, node: Node) -> Mapping[str, GpuUsage]:
    stand_in = f"{layout_of(node).simulated_directory}/nvidia-smi"
    try:
        return engine.gpu_stats(machine, program=stand_in if node.simulated else "nvidia-smi")
    except (MachineError, EngineError) as error:
        log.info("metrics.no_gpus", node=str(node.public_id), error=str(error))
        return {}


def _tails(machine: Machine, pods: Iterable[Pod]) -> dict[int, str]:
    by_id = {pod.pk: pod for pod in pods}
    watched: dict[str, Any] = cache.get_many([_watch_key(pk) for pk in by_id])
    tails = {}
    for pk, pod in by_id.items():
        if _watch_key(pk) in watched:
            text = engine.logs(machine, pod_id=pod.public_id, tail=LOG_LINES, max_bytes=1 << 16)
            tails[pk] = text.decode("utf-8", "replace")
    return tails


def _watch_key(pk: int) -> str:
    return f"pod:{pk}:watched"


def _samples_key(pk: int) -> str:
    return f"pod:{pk}:samples"


def _log_key(pk: int) -> str:
    return f"pod:{pk}:log"
