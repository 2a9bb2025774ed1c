"""What happened to pods."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from accounts.principal import Principal
from rentals import access
from rentals.models import Pod, PodEvent


def events_of(pod: Pod) -> QuerySet[PodEvent]:
    """List a pod's events, oldest first."""
    return pod.events.order_by("id")


def events_for(
    principal: Principal,
    *,
    limit: int,
    since: datetime | None = None,
    pod_id: UUID | None = None,
    api_key_id: UUID | None = None,
) -> QuerySet[PodEvent]:
    """List the events of the pods that the caller may see, newest first."""
    pods = access.visible_pods(principal)
    if pod_id:
        pods = pods.filter(public_id=pod_id)
    if api_key_id:
        pods = pods.filter(api_key__public_id=api_key_id)
    events = PodEvent.objects.filter(pod__in=pods).select_related("pod")
    if since:
        events = events.filter(occurred_at__gte=since)
    return events.order_by("-id")[:limit]
