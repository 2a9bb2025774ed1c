"""Looking after the running pods of one node through one session, and after what bears our label there."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from core import clock, leases
from core.clock import Clock
from marketplace.machine import MachineError, MachineUnreachable, banner, session
from marketplace.models import Node
from marketplace.services import heartbeat
from marketplace.services.machines import machine_address
from rentals import dispatch, engine, terms
from rentals.actions import Action, Step
from rentals.decisions import decide
from rentals.engine import Boot, Observed
from rentals.models import UP, NodeWatch, Pod, PodStatus
from rentals.observations import GONE, UNSEEN, Contact, Readiness, Seen
from rentals.services import (
    applying,
    evidence,
    meter,
    orphans,
    provisioning,
    reporting,
    steps,
    suspicion,
)

log = structlog.get_logger(__name__)

PARALLEL_BANNERS: Final = 8
# A machine whose engine is silent did answer.
NO_CONTACT: Final = (Contact.SILENT, Contact.REFUSED)


def probe(*, node_id: int, now: Clock = clock.now) -> None:
    """Look at all watched pods of a node; may be repeated."""
    watch = NodeWatch.objects.filter(node_id=node_id).first()
    if watch is None:
        return
    with leases.held(NodeWatch.objects.all(), pk=node_id, now=now) as token:
        if token:
            _probe(node_id, now)


def _probe(node_id: int, now: Clock) -> None:
    node = Node.objects.select_related("provider").get(pk=node_id)
    # What answers was there when it was asked; the answers of the others, and judging them, take their time.
    pods, asked_at = list(_watched(node)), now()
    try:
        with session(machine_address(node), timeout=terms.CONNECT_SECONDS) as machine:
            bounded = machine.until(time.monotonic() + terms.PROBE_SECONDS)
            found = engine.list_pods(bounded, market_id=settings.MARKET_INSTANCE)
            boot = engine.boot(bounded)
            orphans.clear_up(machine, node, found, now=now())
    except (MachineError, engine.EngineError) as error:
        seen = steps.trouble(UNSEEN, error)
        _note_silence(node, seen, error, now)
        observed = {pod.pk: seen for pod in pods}
    else:
        _note_answer(node, boot, now)
        observed = _observe(pods, found, boot)
    good = _conclude(pods, observed, now, ours=suspicion.is_ours(node_id, now=now()))
    _keep(good, asked_at)


def _watched(node: Node) -> Iterable[Pod]:
    rows = Pod.objects.with_hold().filter(node=node, status__in=UP, lease_token=None)
    return rows.select_related("node__provider", "template").prefetch_related("ports")


def _observe(pods: list[Pod], found: Mapping[UUID, Observed], boot: Boot) -> dict[int, Seen]:
    """Put each pod's container beside the banner of its port; GPUs and key are as last proven."""
    seen = {}
    with ThreadPoolExecutor(PARALLEL_BANNERS) as pool:
        for pod, line in zip(pods, pool.map(_banner, pods), strict=True):
            container = found.get(pod.public_id, GONE)
            readiness = Readiness(
                banner=line, host_key_matches=bool(line), gpus=frozenset(pod.gpu_uuids)
            )
            seen[pod.pk] = Seen(
                contact=Contact.ANSWERED,
                container=container,
                booted_at=boot.at,
                readiness=readiness,
            )
    return seen


def _banner(pod: Pod) -> str | None:
    host, port = pod.node.public_host, evidence.ssh_port(pod)
    try:
        return banner(host, port, deadline=terms.PROBE_BANNER_SECONDS)
    except MachineUnreachable:
        return None


def _conclude(
    pods: list[Pod], observed: Mapping[int, Seen], now: Clock, *, ours: bool
) -> list[int]:
    """Act on what was seen to be wrong and give the pods that are well.

    One in doubt is well when its host key and its GPUs are too, which a node's probe does not see. While our own
    network is suspected, a silence is not held against anybody.
    """
    good = []
    for pod in pods:
        step = decide(provisioning.subject_of(pod, now=now()), observed[pod.pk], now=now())
        if step.action is Action.KEEP and pod.attempt:
            dispatch.reconcile(pod)
        elif step.action is Action.KEEP:
            good.append(pod.pk)
        elif not (ours and suspicion.is_silence(observed[pod.pk])):
            _take_note(pod, step, observed[pod.pk], now)
    return good


@transaction.atomic
def _keep(pod_ids: list[int], at: datetime) -> None:
    meter.prove_all(pod_ids, at=at, evidence="container and SSH banner seen by the node's probe")


def _take_note(pod: Pod, step: Step, seen: Seen, now: Clock) -> None:
    recovering = pod.status == PodStatus.UNREACHABLE and step.to is PodStatus.RUNNING
    if recovering or step.action not in {Action.MOVE, Action.EXPLAIN, Action.WAIT}:
        # To prove it anew, or to touch its container, takes the pod's own lease.
        dispatch.reconcile(pod)
    elif step.action is Action.WAIT:
        _doubt(pod, step)
    else:
        _apply(pod, step, seen, now)


def _doubt(pod: Pod, step: Step) -> None:
    if step.doubt:
        rows = Pod.objects.filter(pk=pod.pk, status=pod.status, lease_token=None)
        rows.update(attempt=F("attempt") + 1, last_error=step.reason.words if step.reason else "")


def _apply(pod: Pod, step: Step, seen: Seen, now: Clock) -> None:
    guard = applying.guard_of(pod, token=None)
    fresh = applying.apply(pod, guard, step, seen, now=now())
    if fresh is not None and step.action is Action.MOVE:
        reporting.tell_market(fresh, source=PodStatus(pod.status), now=now())
        dispatch.reconcile(fresh)


def _note_answer(node: Node, boot: Boot, now: Clock) -> None:
    moment = now()
    heartbeat.record_seen(node_id=node.pk, boot_id=boot.id, now=moment)
    # A pod that is starting now may run before this look has ended.
    busy = Pod.objects.filter(node=node, status__in=UP | {PodStatus.PENDING}).exists()
    wait = terms.PROBE_INTERVAL if busy else terms.IDLE_NODE_INTERVAL
    NodeWatch.objects.filter(node=node).update(
        answered_at=moment, failures=0, last_error="", next_look_at=moment + wait
    )


def _note_silence(node: Node, seen: Seen, error: Exception, now: Clock) -> None:
    moment = now()
    if seen.contact in NO_CONTACT and isinstance(error, MachineError):
        heartbeat.record_missed(node_id=node.pk, why=heartbeat.in_public(error), now=moment)
    failures = NodeWatch.objects.values_list("failures", flat=True).get(node=node) + 1
    quick = failures < terms.SILENT_LOOKS
    wait = terms.DOUBT_INTERVAL if quick else terms.backoff(failures)
    NodeWatch.objects.filter(node=node).update(
        failed_at=moment,
        failures=failures,
        last_error=seen.error,
        next_look_at=moment + max(wait, terms.DOUBT_INTERVAL),
    )
