"""Finding what is due: rows whose time has come, and nodes whose pods want a look. Lost nudges end here."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from rentals import dispatch, terms
from rentals.models import NodeWatch, Pod, PodStatus

BATCH: Final = 500


def sweep(*, now: datetime) -> int:
    """Ring for every due pod and node; give how many were rung."""
    return _ring_pods(now) + _ring_nodes(now)


@transaction.atomic(durable=True)
def _ring_pods(now: datetime) -> int:
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    due = Pod.objects.filter(free, next_look_at__lte=now).exclude(status=PodStatus.REMOVED)
    pods = list(
        due.select_for_update(skip_locked=True, no_key=True).order_by("next_look_at")[:BATCH]
    )
    # Ahead by a lease: who was rung is not rung again before that worker has had its time.
    Pod.objects.filter(pk__in=[pod.pk for pod in pods]).update(next_look_at=now + terms.LEASE)
    for pod in pods:
        dispatch.reconcile(pod)
    return len(pods)


@transaction.atomic(durable=True)
def _ring_nodes(now: datetime) -> int:
    recent = now - terms.FAR
    wanted = Pod.objects.filter(node=OuterRef("node")).filter(
        ~Q(status=PodStatus.REMOVED) | Q(removed_at__gte=recent)
    )
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    due = NodeWatch.objects.filter(
        free, Exists(wanted) | Q(unknown_containers__gt=0), next_look_at__lte=now
    )
    rows = list(
        due.select_for_update(skip_locked=True, no_key=True).order_by("next_look_at")[:BATCH]
    )
    NodeWatch.objects.filter(pk__in=[row.pk for row in rows]).update(next_look_at=now + terms.LEASE)
    for row in rows:
        dispatch.probe(node_id=row.pk)
    return len(rows)
