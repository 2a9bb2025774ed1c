"""The pod list, the pod page, its actions and its receipt."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import visitor
from billing import rates
from billing.documents.response import respond
from core import clock
from core.errors import Invalid, NotFound
from rentals import pages, selectors
from rentals.access import pod_for
from rentals.forms import RemoveForm, ScheduleForm
from rentals.models import Pod
from rentals.receipt_document import receipt_document
from rentals.receipt_page import receipt_page
from rentals.services import lifecycle, metrics

PAGE_SIZE = 50


@login_required
@require_safe
def pods(request: HttpRequest) -> HttpResponse:
    """List the caller's pods: those of now, or those that have ended."""
    principal, ended, now = visitor(request), "ended" in request.GET, clock.now()
    rows = selectors.ended_pods_for(principal) if ended else selectors.pods_for(principal)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    page.object_list = [pages.pod_row(pod, now=now) for pod in page.object_list]  # type: ignore[misc]
    context = {"pods": page, "ended": ended, "socket_path": "/ws/pods"}
    return render(request, "rentals/pods.html", context)


@login_required
@require_safe
def pod(request: HttpRequest, pod_id: UUID) -> HttpResponse:
    """Show one pod, live."""
    row = selectors.page_pod(visitor(request), pod_id)
    metrics.watch(row)
    scheduled = row.removal_scheduled_at
    form = ScheduleForm(initial={"removal_scheduled_at": scheduled})
    context = pages.pod_page(row, now=clock.now()) | {"schedule_form": form}
    return render(request, "rentals/pod.html", context)


@login_required
@require_safe
def pod_live(request: HttpRequest, pod_id: UUID) -> HttpResponse:
    """Give the parts of the pod page that change, for a page whose socket is away."""
    row = selectors.page_pod(visitor(request), pod_id)
    metrics.watch(row)
    return render(request, "rentals/pod.html#push", pages.pod_page(row, now=clock.now()))


@login_required
@require_POST
def pod_remove(request: HttpRequest, pod_id: UUID) -> HttpResponse:
    """Remove a pod, after its name was typed."""
    principal = visitor(request)
    row = pod_for(principal, pod_id)
    form = RemoveForm(request.POST)
    if not form.is_valid() or form.cleaned_data["confirm"].strip() != row.name:
        raise Invalid(
            f"Nothing was removed: type the pod's name, {row.name}, to confirm.",
            hint="Everything in a removed pod is deleted for good.",
        )
    lifecycle.remove(principal=principal, pod_id=pod_id, now=clock.now())
    messages.success(request, f"{row.name} is being removed. Nothing more is charged for it.")
    return redirect("pod", pod_id)


@login_required
@require_POST
def pod_stop(request: HttpRequest, pod_id: UUID) -> HttpResponse:
    """Stop a pod and keep its files."""
    lifecycle.stop(principal=visitor(request), pod_id=pod_id, now=clock.now())
    return redirect("pod", pod_id)


@login_required
@require_POST
def pod_start(request: HttpRequest, pod_id: UUID) -> HttpResponse:
    """Start a stopped pod."""
    lifecycle.start(principal=visitor(request), pod_id=pod_id, now=clock.now())
    return redirect("pod", pod_id)


@login_required
@require_POST
def pod_reboot(request: HttpRequest, pod_id: UUID) -> HttpResponse:
    """Reboot a pod."""
    lifecycle.reboot(principal=visitor(request), pod_id=pod_id, now=clock.now())
    return redirect("pod", pod_id)


@login_required
@require_POST
def pod_schedule(request: HttpRequest, pod_id: UUID) -> HttpResponse:
    """Set or clear the time at which a pod ends."""
    principal, now = visitor(request), clock.now()
    if request.POST.get("action") == "clear":
        lifecycle.cancel_removal(principal=principal, pod_id=pod_id, now=now)
        return redirect("pod", pod_id)
    form = ScheduleForm(request.POST)
    if not form.is_valid():
        raise Invalid(
            "That is not a date and time.", hint="Write it like 2026-12-31 23:59, in UTC."
        )
    at = form.cleaned_data["removal_scheduled_at"]
    lifecycle.schedule_removal(principal=principal, pod_id=pod_id, at=at, now=now)
    return redirect("pod", pod_id)


@login_required
@require_safe
def receipt(request: HttpRequest, pod_id: UUID) -> HttpResponse:
    """Show what an ended pod was charged, beside what was quoted."""
    row, now = _ended_pod(request, pod_id), clock.now()
    page = receipt_page(row, rate=rates.current_or_none(now=now), now=now)
    return render(request, "rentals/receipt.html", page)


@login_required
@require_safe
def receipt_file(request: HttpRequest, pod_id: UUID) -> HttpResponse:
    """Give a receipt to keep, as PDF or CSV."""
    row, now = _ended_pod(request, pod_id), clock.now()
    document = receipt_document(row, rate=rates.current_or_none(now=now), now=now)
    return respond(document, request.GET.get("format", "pdf"))


def _ended_pod(request: HttpRequest, pod_id: UUID) -> Pod:
    row = selectors.page_pod(visitor(request), pod_id)
    if not hasattr(row, "receipt"):
        raise NotFound("This pod has no receipt yet.", hint="It gets one when it has ended.")
    return row
