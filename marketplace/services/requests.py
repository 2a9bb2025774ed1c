"""Demand that found no machine: providers hear of it, and who asked is told once when there is one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.urls import reverse

from accounts.models import User, Workspace
from core.actors import Actor
from core.errors import Conflict, Invalid, NotFound
from marketplace import dispatch, outbox
from marketplace.models import GpuModel, MachineRequest, Node, Provider
from marketplace.models.node import NodeQuerySet
from marketplace.selectors import resolve

ASKED: Final = "machine_request"
BATCH: Final = 500
# Who still waits after that asks again: old wishes would tell providers of demand that is none.
KEPT: Final = timedelta(days=30)


class TooManyWaiting(Conflict):
    """A person waits for as much as one may."""

    code = "too_many_machine_requests"


class DoesNotFit(Conflict):
    """The machine is not what was asked for, or nobody can rent it now."""

    code = "machine_does_not_fit"


@dataclass(frozen=True, slots=True)
class Requested:
    """A stored wish, how many providers have such machines, and how many heard of it now."""

    request: MachineRequest
    gpu_model: GpuModel
    provider_count: int
    notified_count: int


def request_machine(
    *, workspace: Workspace, machine_name: str, gpu_count: int, now: datetime
) -> Requested:
    """Store a wish for machines of a kind; the same wish again only becomes newer.

    :raises UnknownGpu: nothing in the catalogue is called that.
    :raises Invalid: the name means several GPU models. :raises TooManyWaiting: its owner waits for enough.
    """
    found = resolve(machine_name)
    if len(found) > 1:
        names = ", ".join(model.name for model in found)
        raise Invalid(f"{machine_name!r} means several GPUs.", hint=f"Name one of: {names}.")
    return _request(workspace, found[0], gpu_count, now=now)


def request_any(
    *, workspace: Workspace, gpu_name: str, gpu_count: int, now: datetime
) -> list[Requested]:
    """Store a wish for each GPU that a name means, e.g. every kind of H100: for all or for none.

    :raises UnknownGpu: nothing in the catalogue is called that. :raises TooManyWaiting: its owner waits for enough.
    """
    models = resolve(gpu_name)
    with transaction.atomic():
        return [_request(workspace, model, gpu_count, now=now) for model in models]


def answer(*, node: Node, request: MachineRequest, actor: Actor, now: datetime) -> None:
    """Tell who asked that this machine is there; harmless when they were told before.

    :raises DoesNotFit: it is not what they asked for, or it cannot be rented now.
    """
    fitting = _fitting(gpu_model=request.gpu_model, gpu_count=request.gpu_count)
    if not fitting.filter(pk=node.pk).exists():
        raise DoesNotFit(
            f"{node.huid} does not answer this request now.",
            hint=f"Wanted: {request.gpu_count} x {request.machine_name}, listed and free.",
        )
    _tell(request, node.pk, now=now)


def withdraw(*, workspace: Workspace, public_id: UUID) -> None:
    """Take a wish back.

    :raises NotFound: there is none, or it is somebody else's.
    """
    mine = MachineRequest.objects.filter(workspace=workspace, public_id=public_id)
    if not mine.delete()[0]:
        raise NotFound("There is no such request of yours.", hint="It may be over already.")


def sweep(now: datetime) -> int:
    """Tell everyone who waits for a machine that is there by now, and forget old wishes; give how many were told."""
    MachineRequest.objects.filter(requested_at__lte=now - KEPT).delete()
    fitting = _fitting(gpu_model=OuterRef("gpu_model"), gpu_count=OuterRef("gpu_count"))
    cheapest = fitting.order_by("price_per_gpu_usd", "pk").values("pk")[:1]
    waiting = MachineRequest.objects.filter(answered_at=None).annotate(found=Subquery(cheapest))
    answerable = waiting.filter(found__isnull=False).order_by("requested_at")[:BATCH]
    return sum(_tell(request, request.found, now=now) for request in answerable)


def mail_answer(*, request_id: int, node_id: int) -> None:
    """Mail that a machine is there.

    :raises SMTPException, OSError: the mail server refused; try again.
    """
    request = MachineRequest.objects.select_related("workspace__owner").get(pk=request_id)
    node = Node.objects.select_related("gpu_model").get(pk=node_id)
    if address := request.workspace.owner.email:
        subject = f"{request.gpu_count} x {node.gpu_model.short_name} can be rented now"
        send_mail(subject, _text(request, node), settings.DEFAULT_FROM_EMAIL, [address])


def _request(workspace: Workspace, model: GpuModel, gpu_count: int, *, now: datetime) -> Requested:
    with transaction.atomic():
        waiting = _waiting_for(workspace)
        open_before = MachineRequest.objects.filter(
            workspace=workspace, machine_name=model.name, gpu_count=gpu_count, answered_at=None
        ).exists()
        if not open_before and waiting >= settings.MARKET_MOST_REQUESTS:
            raise TooManyWaiting(
                f"You wait for {waiting} machines already, which is the most.",
                hint="Take one back on the page of what you wait for, or wait until one is there.",
            )
        request, _ = MachineRequest.objects.update_or_create(
            workspace=workspace,
            machine_name=model.name,
            gpu_count=gpu_count,
            defaults={"gpu_model": model, "requested_at": now, "answered_at": None},
        )
        notified = 0 if open_before else _ask_providers(request, model, now=now)
    nodes = model.nodes.filter(delisted_at=None)
    return Requested(request, model, nodes.values("provider").distinct().count(), notified)


def _waiting_for(workspace: Workspace) -> int:
    """Count what the owner of a workspace waits for, in all of theirs; one wish of theirs at a time is counted."""
    owner = User.objects.select_for_update(no_key=True).get(pk=workspace.owner_id)
    return MachineRequest.objects.filter(workspace__owner=owner, answered_at=None).count()


def _ask_providers(request: MachineRequest, model: GpuModel, *, now: datetime) -> int:
    """Tell the providers who subscribed to this GPU what is wanted, and never by whom."""
    subscribed = Provider.objects.filter(subscribed_gpus__overlap=[model.name, model.short_name])
    asked = subscribed.exclude(workspace=request.workspace)
    for provider in asked:
        outbox.announce(
            None,
            provider=provider,
            kind=ASKED,
            text=f"Somebody looks for {request.gpu_count} x {model.name}.",
            payload={
                "machine_request": str(request.public_id),
                "gpu": model.name,
                "gpu_count": request.gpu_count,
            },
            now=now,
        )
    return len(asked)


def _fitting(*, gpu_model: Any, gpu_count: Any) -> NodeQuerySet:
    """Select what answers a wish; given values, or references to the wish's columns."""
    return Node.objects.rentable().filter(
        gpu_model=gpu_model, min_gpu_count__lte=gpu_count, free_gpu_count__gte=gpu_count
    )


def _tell(request: MachineRequest, node_id: int, *, now: datetime) -> bool:
    with transaction.atomic():
        mine = MachineRequest.objects.filter(pk=request.pk, answered_at=None)
        if not mine.update(answered_at=now):
            return False
        dispatch.mail_answer(request_id=request.pk, node_id=node_id)
    return True


def _text(request: MachineRequest, node: Node) -> str:
    rent = f"{settings.PUBLIC_URL}{reverse('rent', args=[node.public_id])}?gpus={request.gpu_count}"
    price = node.price_per_gpu_usd * request.gpu_count
    return (
        f"You asked for {request.gpu_count} x {request.machine_name}: {node.huid} can be rented now "
        f"at ${price:.4f} an hour.\n\n{rent}\n\nYou hear of this once; ask again for the next one.\n"
    )
