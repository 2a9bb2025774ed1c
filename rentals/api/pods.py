"""Pods: what there is, what happened to them, and what their renter wishes."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from accounts.auth import KeyOrSession, caller
from accounts.models import Scope
from core import clock
from core.errors import NotFound
from rentals import access, limits, wire
from rentals.api.refusals import NotOffered
from rentals.api.schemas import pods as schemas
from rentals.api.schemas.common import Message
from rentals.models import UNLISTED
from rentals.services import budgets, feedback, history, lifecycle, logs

router = Router(tags=["pods"], auth=KeyOrSession())


@router.get("/pods", response=list[schemas.PodOut], exclude_unset=True)
def listing(request: HttpRequest, api_key_id: UUID | None = None) -> list[dict[str, Any]]:
    """List the pods that are not removed, failed starts of the last minutes among them."""
    principal = caller(request)
    principal.require(Scope.READ)
    rows = access.visible_pods(principal).exclude(status__in=UNLISTED)
    if api_key_id:
        rows = rows.filter(api_key__public_id=api_key_id)
    return wire.pods(rows, now=clock.now())


@router.get("/pods/{uuid:pod_id}", response=schemas.PodDetailOut, exclude_unset=True)
def detail(request: HttpRequest, pod_id: UUID) -> dict[str, Any]:
    """Give one pod with its latest event; removed ones too."""
    principal = caller(request)
    principal.require(Scope.READ)
    pod = access.pod_for(principal, pod_id)
    [row] = wire.pods(access.visible_pods(principal).filter(pk=pod.pk), now=clock.now())
    latest = pod.events.order_by("-id").first()
    return row | {"last_event": wire.event(latest, pod=pod) if latest else None}


@router.delete("/pods/{uuid:pod_id}", response=Message)
def remove(
    request: HttpRequest, pod_id: UUID, payload: schemas.Feedback | None = None
) -> dict[str, str]:
    """Remove a pod for good. Its charge ends at this second; a word about the node may come with it."""
    principal, now = caller(request), clock.now()
    pod = access.pod_for(principal, pod_id)
    if pod.status in UNLISTED:
        raise NotFound("This pod is removed already.", hint="Its record is at /pods/{id}/record.")
    lifecycle.remove(principal=principal, pod_id=pod_id, now=now)
    if payload:
        feedback.give(principal=principal, pod=pod, words=_words(payload), now=now)
    return {"message": f"{pod.name} is being removed."}


@router.post("/pods/{uuid:pod_id}/schedule-removal", response=Message)
def schedule(request: HttpRequest, pod_id: UUID, payload: schemas.ScheduleIn) -> dict[str, str]:
    """Set when a pod ends, in any state from its rent on."""
    principal, now = caller(request), clock.now()
    budgets.require(principal.api_key, now=now)
    at = payload.removal_scheduled_at
    pod = lifecycle.schedule_removal(principal=principal, pod_id=pod_id, at=at, now=now)
    return {"message": f"{pod.name} ends at {clock.iso(at)}."}


@router.delete("/pods/{uuid:pod_id}/schedule-removal", response=Message)
def unschedule(request: HttpRequest, pod_id: UUID) -> dict[str, str]:
    """Let a pod run without a scheduled end."""
    principal, now = caller(request), clock.now()
    budgets.require(principal.api_key, now=now)
    pod = lifecycle.cancel_removal(principal=principal, pod_id=pod_id, now=now)
    return {"message": f"{pod.name} has no scheduled end."}


@router.post("/pods/{uuid:pod_id}/reboot", response=Message)
def reboot(
    request: HttpRequest, pod_id: UUID, payload: schemas.RebootIn | None = None
) -> dict[str, str]:
    """Restart a pod's container; files, ports and host key stay. Not charged until it is ready again."""
    principal = caller(request)
    if payload and payload.volume_id:
        access.pod_for(principal, pod_id)
        raise NotOffered("network volumes", instead="Leave it out.", field="volume_id")
    pod = lifecycle.reboot(principal=principal, pod_id=pod_id, now=clock.now())
    return {"message": f"{pod.name} is rebooting."}


@router.post("/pods/{uuid:pod_id}/stop", response=Message)
def stop(request: HttpRequest, pod_id: UUID) -> dict[str, str]:
    """Stop a pod: its files are kept for some days, its GPUs go back to the market, nothing is charged."""
    pod = lifecycle.stop(principal=caller(request), pod_id=pod_id, now=clock.now())
    return {"message": f"{pod.name} is stopping."}


@router.post("/pods/{uuid:pod_id}/start", response=Message)
def start(request: HttpRequest, pod_id: UUID) -> dict[str, str]:
    """Start a stopped pod where its files are, if its GPUs are free."""
    pod = lifecycle.start(principal=caller(request), pod_id=pod_id, now=clock.now())
    return {"message": f"{pod.name} is starting."}


@router.get("/pods/{uuid:pod_id}/events", response=list[schemas.EventOut])
def events(request: HttpRequest, pod_id: UUID) -> list[dict[str, Any]]:
    """List what happened to a pod, oldest first; removed ones too."""
    principal = caller(request)
    principal.require(Scope.READ)
    pod = access.pod_for(principal, pod_id)
    return [wire.event(row, pod=pod) for row in history.events_of(pod)]


@router.get("/users/me/events", response=list[schemas.EventOut])
def account_events(request: HttpRequest, query: Query[schemas.EventQuery]) -> list[dict[str, Any]]:
    """List what happened to all pods, newest first."""
    principal = caller(request)
    principal.require(Scope.READ)
    rows = history.events_for(principal, **query.dict())
    return [wire.event(row, pod=row.pod) for row in rows]


@router.get("/pods/{uuid:pod_id}/logs")
def tail_logs(request: HttpRequest, pod_id: UUID, query: Query[schemas.LogQuery]) -> HttpResponse:
    """Give the last lines that a pod printed; with ``follow=true`` they are streamed (rentals.log_stream)."""
    principal = caller(request)
    principal.require(Scope.READ)
    pod = access.pod_for(principal, pod_id)
    limits.logs(principal.workspace)
    with limits.read_logs.one_for(principal.workspace):
        text = logs.tail(source=logs.source_of(pod), lines=query.tail)
    return HttpResponse(wire.log_lines(text), content_type="text/event-stream")


@router.post("/pods/{uuid:pod_id}/feedback", response=Message)
def give_feedback(request: HttpRequest, pod_id: UUID, payload: schemas.Feedback) -> dict[str, str]:
    """Say a word about a pod's node."""
    principal = caller(request)
    principal.require(Scope.RENT)
    pod = access.pod_for(principal, pod_id)
    feedback.give(principal=principal, pod=pod, words=_words(payload), now=clock.now())
    return {"message": "Thank you; the feedback is kept with the pod."}


def _words(payload: schemas.Feedback) -> feedback.Words:
    return feedback.Words(text=payload.feedback_text, rating=payload.rating, reason=payload.reason)
