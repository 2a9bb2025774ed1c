"""Reads of pods for pages and API."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Final
from uuid import UUID

from django.db.models import Count, Prefetch, Q, QuerySet, Sum

from accounts.models import Workspace
from accounts.principal import Principal
from billing.hooks import Burn
from marketplace.models import Node
from marketplace.selectors.notices import standing_notices
from rentals.access import pod_for, visible_pods
from rentals.models import OVER, NodeWatch, Phase, Pod, PodMeter, PodStatus
from rentals.models.pod import PodQuerySet

RECENT_STARTS: Final = 20
STUCK_AFTER: Final = timedelta(minutes=5)
# Waiting for the machine to show something, however long that takes.
WAITING: Final = (PodStatus.STOPPING, PodStatus.FAILED, PodStatus.REMOVING)


def burn_of(workspace: Workspace) -> Burn:
    """Give what the workspace's ready pods cost an hour, and how many they are."""
    ready = PodMeter.objects.filter(pod__workspace=workspace, ready_since__isnull=False)
    sums = ready.aggregate(usd=Sum("hourly_price_usd", default=Decimal(0)), pods=Count("pk"))
    return Burn(usd_per_hour=sums["usd"], running_pods=sums["pods"])


def pods_for(principal: Principal, *, api_key_id: UUID | None = None) -> QuerySet[Pod]:
    """Select the caller's listed pods with what a row of them shows, newest first."""
    pods = visible_pods(principal).listed()
    if api_key_id:
        pods = pods.filter(api_key__public_id=api_key_id)
    return with_parts(pods).order_by("-created_at", "-pk")


def ended_pods_for(principal: Principal) -> QuerySet[Pod]:
    """Select the caller's pods that have ended or are ending, newest first."""
    ended = visible_pods(principal).filter(status__in=OVER)
    return with_parts(ended).order_by("-created_at", "-pk")


def page_pod(principal: Principal, public_id: UUID) -> Pod:
    """Find a pod with everything that its page shows, ended ones included.

    :raises NotFound: there is none, or it is somebody else's.
    """
    pod = with_parts(visible_pods(principal)).filter(public_id=public_id).first()
    return pod or pod_for(principal, public_id)


def with_parts(pods: PodQuerySet) -> QuerySet[Pod]:
    """Add what pages show of a pod beside its own row, in a fixed number of queries."""
    parts = pods.with_cost().select_related(
        "node__gpu_model", "template", "workspace", "meter", "receipt"
    )
    announced = Prefetch("node__notices", queryset=standing_notices(), to_attr="standing_notices")
    return parts.prefetch_related("ports", announced)


def typical_phase_seconds(node: Node) -> dict[str, float]:
    """Give how long each phase of a start usually takes on a node, by its recent proven starts."""
    proven = Pod.objects.filter(node=node, ready_at__isnull=False).order_by("-pk")
    recent = list(proven.values_list("phase_seconds", flat=True)[:RECENT_STARTS])
    known = {phase: [took[phase] for took in recent if phase in took] for phase in Phase.values}
    return {phase: median(times) for phase, times in known.items() if times}


def stuck_pods(*, now: datetime) -> QuerySet[Pod]:
    """Select the pods that an operator should look at: past their deadline, waiting in vain, or in doubt."""
    late = Q(deadline_at__lt=now)
    in_vain = Q(status__in=WAITING, attempt__gt=0, status_since__lt=now - STUCK_AFTER)
    doubtful = Q(status__in=[PodStatus.UNREACHABLE, PodStatus.LOST, PodStatus.REBOOT_FAILED])
    return Pod.objects.filter(late | in_vain | doubtful).order_by("status_since")


def silent_nodes() -> Iterable[NodeWatch]:
    """Select the nodes that did not answer our last look."""
    return NodeWatch.objects.filter(failures__gt=0).select_related("node").order_by("-failures")
