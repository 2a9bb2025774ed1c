"""Renting: one transaction that checks the balance, reserves GPUs and ports, and writes the pod."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction

from accounts.models import Scope, Workspace
from accounts.principal import Principal
from accounts.ssh_public_key import parse
from billing.accounts import renter_account
from billing.ledger import lock_account
from core.errors import Conflict, Invalid
from marketplace.machine import generate_keypair
from marketplace.models import Node
from marketplace.services import reservations
from rentals import dispatch, faults, terms, transitions
from rentals.models import NodeWatch, Phase, Pod, PodPort, PodStatus, Quote, Template
from rentals.reasons import Reason
from rentals.services import blueprint, budgets, floors, meter, ports, quoting, silences, templates
from rentals.services.equivalents import not_free

MAX_HOURS: Final = 720
MAX_KEYS: Final = 50
MAX_NAME: Final = 100


class PriceRose(Conflict):
    """The price went above what the renter would pay, between the look and the rent."""

    code = "price_rose"


@dataclass(frozen=True, kw_only=True, slots=True)
class RentRequest:
    """What a renter asks for; None means the market's choice.

    ``pod_id`` is the public id that the pod gets: one derived from an idempotency key makes a second pod impossible.
    """

    node_id: UUID
    name: str
    public_keys: tuple[str, ...]
    gpu_count: int | None = None
    template_id: UUID | None = None
    image: str = ""
    quote_id: UUID | None = None
    port_count: int | None = None
    termination_hours: int | None = None
    pod_id: UUID | None = None
    max_price_per_gpu_usd: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Order:
    """A request that was checked, with all that can be prepared before a lock is taken."""

    pod_id: UUID
    node: Node
    gpu_count: int
    template: Template
    quote: Quote
    name: str
    keys: str
    internal_ports: list[int]
    ends_at: datetime | None
    host_private_key: str
    host_public_key: str


def rent(*, principal: Principal, request: RentRequest, now: datetime) -> Pod:
    """Rent some GPUs of a node: the pod is pending when this returns.

    :raises InsufficientBalance: the balance does not exceed the floor. :raises BudgetExceeded: nor the key's budget.
    :raises RanUnproven: the renter's pods ran unproven for too long.
    :raises NodeTaken: the node cannot give that now, and why; its data names equivalents.
    :raises NotFound, Invalid, QuoteExpired, Conflict: as they say.
    """
    principal.require(Scope.RENT)
    order = _prepare(principal, request, now)
    try:
        with budgets.noting_refusals(now=now):
            pod = _commit(principal, order, now)
    except reservations.NoCapacity as refusal:
        raise not_free(order.node, order.gpu_count, refusal) from refusal
    faults.point("rent.committed")
    return pod


def authorized_keys(lines: Sequence[str]) -> str:
    """Check public keys and give them as one text, each once.

    :raises Invalid: there is none, there are too many, or one is not a public key.
    """
    keys = list(dict.fromkeys(parse(line).line for line in lines))
    if not 0 < len(keys) <= MAX_KEYS:
        raise Invalid(
            f"A pod needs 1 to {MAX_KEYS} SSH public keys; {len(keys)} were given.",
            hint="Add one on the Keys page, or send it with the request.",
            data={"field": "user_public_key"},
        )
    return "\n".join(keys)


def _prepare(principal: Principal, request: RentRequest, now: datetime) -> _Order:
    keys = authorized_keys(request.public_keys)
    name = _name(request.name)
    node = quoting.listed_node(request.node_id)
    gpu_count = quoting.count_for(node, request.gpu_count)
    template = templates.resolve(
        principal=principal, template_id=request.template_id, image=request.image
    )
    quote = quoting.honour(
        quote_id=request.quote_id,
        node=node,
        gpu_count=gpu_count,
        workspace=principal.workspace,
        now=now,
    )
    _refuse_dearer(quote.price_per_gpu_usd, request.max_price_per_gpu_usd)
    private_key, public_key = generate_keypair()
    return _Order(
        pod_id=request.pod_id or uuid4(),
        node=node,
        gpu_count=gpu_count,
        template=template,
        quote=quote,
        name=name,
        keys=keys,
        internal_ports=ports.internal_ports(template.internal_ports, request.port_count),
        ends_at=_ends_at(request.termination_hours, now),
        host_private_key=private_key,
        host_public_key=public_key,
    )


def _refuse_dearer(price_usd: Decimal, most_usd: Decimal | None) -> None:
    if most_usd is not None and price_usd > most_usd:
        raise PriceRose(
            f"The price rose to ${price_usd:.4f} per GPU hour; at most ${most_usd:.4f} was asked for.",
            hint="Ask again: another machine may be cheaper now.",
        )


@transaction.atomic(durable=True)
def _commit(principal: Principal, order: _Order, now: datetime) -> Pod:
    account = lock_account(renter_account(principal.workspace).pk)
    _refuse_closed(principal.workspace)
    floors.require(
        principal.workspace,
        balance_usd=account.balance,
        hourly_price_usd=order.quote.hourly_price_usd,
    )
    budgets.require_room(principal.api_key, hourly_price_usd=order.quote.hourly_price_usd, now=now)
    silences.require_patience(principal.workspace, principal.user, now=now)
    reserved = reservations.reserve(
        node_id=order.node.pk,
        gpu_count=order.gpu_count,
        port_count=len(order.internal_ports),
        holder=order.pod_id,
        now=now,
    )
    faults.point("rent.locked")
    pod = _insert(principal, order, list(reserved.gpu_uuids), now)
    PodPort.objects.bulk_create(
        PodPort(pod=pod, internal=internal, external=external)
        for internal, external in zip(order.internal_ports, reserved.ports, strict=True)
    )
    meter.create(pod, provider_public_id=order.node.provider.public_id)
    NodeWatch.objects.get_or_create(node_id=order.node.pk, defaults={"next_look_at": now})
    transitions.record(
        pod,
        sub_type="pod-rent.requested",
        reason=Reason.RENTED,
        actor=principal.actor(),
        now=now,
        target=PodStatus.PENDING,
    )
    dispatch.reconcile(pod)
    faults.point("rent.inserted")
    return pod


def _refuse_closed(workspace: Workspace) -> None:
    """Ask again under the account's lock, which closing a team takes too."""
    if not Workspace.objects.filter(pk=workspace.pk, closed_at=None).exists():
        raise Conflict("The workspace was closed.", hint="Rent in another one.")


def _insert(principal: Principal, order: _Order, gpu_uuids: list[str], now: datetime) -> Pod:
    if order.template._state.adding:
        # Of a bare image: one row for one pod, or none.
        order.template.save()
    cpus, memory_mib = blueprint.share_of(order.node, order.gpu_count)
    pod = Pod(
        public_id=order.pod_id,
        workspace=principal.workspace,
        user=principal.user,
        api_key=principal.api_key,
        node=order.node,
        quote=order.quote,
        template=order.template,
        name=order.name,
        status=PodStatus.PENDING,
        status_since=now,
        phase_since=now,
        gpu_count=order.gpu_count,
        gpu_uuids=gpu_uuids,
        price_per_gpu_usd=order.quote.price_per_gpu_usd,
        hourly_price_usd=order.quote.hourly_price_usd,
        fee_rate=order.quote.fee_rate,
        notice_hours=order.node.notice_hours,
        cpus=cpus,
        memory_mib=memory_mib,
        image=order.template.image_reference,
        environment=order.template.environment,
        startup_commands=order.template.startup_commands,
        authorized_keys=order.keys,
        host_public_key=order.host_public_key,
        created_at=now,
        removal_scheduled_at=order.ends_at,
        next_look_at=now,
        deadline_at=now + terms.PHASE_DEADLINES[Phase.RESERVED],
    )
    pod.host_private_key_encrypted = blueprint.seal_host_key(pod, order.host_private_key)
    pod.save()
    return pod


def _name(name: str) -> str:
    clean = " ".join(name.split())
    if not 0 < len(clean) <= MAX_NAME or not clean.isprintable():
        raise Invalid(
            f"A pod's name is 1 to {MAX_NAME} printable characters.",
            hint="Choose a short name.",
            data={"field": "pod_name"},
        )
    return clean


def _ends_at(hours: int | None, now: datetime) -> datetime | None:
    if hours is None:
        return None
    if not 1 <= hours <= MAX_HOURS:
        raise Invalid(
            f"A scheduled end is 1 to {MAX_HOURS} hours after the rent, not {hours}.",
            hint="Leave it out for a pod without an end.",
            data={"field": "termination_hours"},
        )
    return now + timedelta(hours=hours)
