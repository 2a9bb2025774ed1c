"""Containers that bear our label and that nobody means to run: stopped first, removed later, and never many at once.

A container without a row may as well mean that the rows are wrong: a database that was restored, another market with our
name. So what is not known is stopped with its data kept, and from a handful on nothing is touched until a person looked.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Sum

from marketplace.machine import Machine
from marketplace.models import Node
from marketplace.services import alerts
from rentals import engine, terms
from rentals.engine import Observed
from rentals.models import ENDED, NodeWatch, Pod
from rentals.services import blueprint, changes

log = structlog.get_logger(__name__)

UNKNOWN_CONTAINERS: Final = "unknown_containers"


def clear_up(
    machine: Machine, node: Node, found: Mapping[UUID, Observed], *, now: datetime
) -> None:
    """End what nobody means to run; what cannot be ended now says nothing about the other pods."""
    try:
        _remove_ended(machine, node, found)
        _stop_strays(machine, node, found)
        _end_unknown(machine, node, found, now)
    except engine.EngineError as error:
        log.warning("orphan.left", node=str(node.public_id), error=str(error))


def _remove_ended(machine: Machine, node: Node, found: Collection[UUID]) -> None:
    """Remove containers whose row says that the pod has ended, e.g. after a start that was carried out late."""
    over = Pod.objects.filter(public_id__in=found, status__in=ENDED, lease_token=None)
    for pod_id in over.values_list("public_id", flat=True):
        _remove(machine, node, pod_id)


def _stop_strays(machine: Machine, node: Node, found: Mapping[UUID, Observed]) -> None:
    """Stop containers that are to rest, e.g. after a command that was carried out late."""
    running = [pod_id for pod_id, container in found.items() if container.running]
    idle = Pod.objects.filter(public_id__in=running, status__in=changes.IDLE, lease_token=None)
    for pod_id in idle.exclude(status__in=ENDED).values_list("public_id", flat=True):
        _stop(machine, node, pod_id)


def _end_unknown(
    machine: Machine, node: Node, found: Mapping[UUID, Observed], now: datetime
) -> None:
    """Stop containers without a row, and remove those whose time is over."""
    known = Pod.objects.filter(public_id__in=found).values_list("public_id", flat=True)
    unknown = found.keys() - set(known)
    if not _are_few(node, len(unknown), now):
        return
    for pod_id in unknown:
        container = found[pod_id]
        if container.running:
            _stop(machine, node, pod_id)
        elif _has_rested(container, now):
            _remove(machine, node, pod_id)


def _are_few(node: Node, count: int, now: datetime) -> bool:
    """Note how many a node has, and say whether those of all nodes together may be ended; else operators are told."""
    NodeWatch.objects.filter(node=node).update(unknown_containers=count)
    recent = NodeWatch.objects.filter(answered_at__gte=now - terms.FAR)
    others = recent.exclude(node=node).aggregate(sum=Sum("unknown_containers", default=0))["sum"]
    if count + others <= settings.MARKET_MOST_UNKNOWN:
        alerts.close_alert(kind=UNKNOWN_CONTAINERS, now=now)
        return True
    alerts.open_alert(
        kind=UNKNOWN_CONTAINERS,
        detail=f"{count + others} containers bear the label of this market ({settings.MARKET_INSTANCE}) and belong to "
        "no pod; node watches say where. None of them is touched. Was the database restored, or does another market "
        "have the same MARKET_INSTANCE? If they may go, set MARKET_MOST_UNKNOWN to that many: they are "
        "stopped then, and removed after MARKET_DATA_GRACE_HOURS.",
        now=now,
    )
    return False


def _has_rested(container: Observed, now: datetime) -> bool:
    """Say whether a container holds nothing any more that somebody may want; one that never ran holds nothing."""
    ended = container.finished_at
    return ended is None or now - ended >= settings.MARKET_DATA_GRACE


def _stop(machine: Machine, node: Node, pod_id: UUID) -> None:
    engine.stop(machine, market_id=settings.MARKET_INSTANCE, pod_id=pod_id)
    log.warning("orphan.stopped", node=str(node.public_id), pod=str(pod_id))


def _remove(machine: Machine, node: Node, pod_id: UUID) -> None:
    engine.remove(machine, layout=blueprint.layout_of(node), pod_id=pod_id)
    log.warning("orphan.removed", node=str(node.public_id), pod=str(pod_id))
