"""A machine's way onto the market: claimed, its host key confirmed, checked, wanted on the list."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import IntegrityError, transaction

from core.actors import Actor
from core.errors import Invalid
from marketplace import limits
from marketplace.checks.install_key import STATE_DIR
from marketplace.models import CheckRun, GpuModel, Node, NodeStatus, Outcome, Provider, Trigger
from marketplace.selectors import UnknownGpu, find, short_names
from marketplace.services import (
    address_claims,
    addresses,
    checking,
    listing,
    measurements,
    places,
    reach,
)
from marketplace.services.addresses import AddressTaken
from marketplace.services.host_keys import confirm_host_key, look_at_host_key
from marketplace.services.places import Place
from marketplace.services.reach import Reach
from marketplace.transitions import Reason, note

MIN_NOTICE_HOURS: Final = 24
MAX_NOTICE_HOURS: Final = 336

__all__ = [
    "Claim",
    "UnsupportedGpu",
    "add",
    "claimed_model",
    "confirm_host_key",
    "correct",
    "is_ready",
    "look_at_host_key",
    "offer",
    "set_notice",
    "want_listing",
]


class UnsupportedGpu(UnknownGpu):
    """The claimed GPU is not in the catalogue."""

    status = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a provider says of a machine; ``listed_when_checked`` trusts the host key at first contact."""

    gpu_model: str
    gpu_count: int
    host: str
    port: int = 22
    user: str = "lium"
    price_per_gpu_usd: Decimal | None = None
    name: str = ""
    first_port: int = 40000
    last_port: int = 40999
    state_dir: str = STATE_DIR
    listed_when_checked: bool = False
    place: Place | None = None

    @property
    def reach(self) -> Reach:
        """Give the part that may be corrected later."""
        return Reach(
            user=self.user,
            first_port=self.first_port,
            last_port=self.last_port,
            state_dir=self.state_dir,
        )


def add(*, provider: Provider, claim: Claim, actor: Actor, now: datetime) -> Node:
    """Write a claimed machine down; nothing of it is known yet.

    :raises AddressTaken: another node has this address. :raises TooManyClaims: too many were never reached.
    :raises UnsupportedGpu: the catalogue has no such GPU.
    :raises Invalid: a value cannot be right.
    """
    model = claimed_model(claim.gpu_model)
    _require_sane(claim)
    if claim.place is not None:
        places.require_known(claim.place)
    limits.reaching(provider)
    address_claims.require_few_claims(provider)
    addresses.require_address(claim.host, claim.port, asking=provider)
    if address_claims.is_taken(claim.host, claim.port):
        raise AddressTaken(hint="Another machine of this market answers there.")
    node = _node(provider, claim, model)
    if claim.price_per_gpu_usd is not None:
        node.price_per_gpu_usd = listing.fair_price(model, claim.price_per_gpu_usd)
    if claim.listed_when_checked:
        node.listing_wanted_at = now
    try:
        with transaction.atomic():
            node.save(force_insert=True)
            claims = {"gpu_model": model.name, "gpu_count": str(claim.gpu_count)}
            measurements.claim(node, claims, now=now)
            if claim.place is not None:
                places.write(node, claim.place, now=now)
            detail = f"Claimed: {node.gpu_count} x {model.name}."
            note(node, reason=Reason.ADDED, actor=actor, now=now, detail=detail)
    except IntegrityError as error:
        raise AddressTaken(
            hint="Go on with that one, or remove it first; two machines cannot share an address."
        ) from error
    if claim.listed_when_checked:
        checking.start(node_id=node.pk, trigger=Trigger.PROVIDER, now=now)
    return node


def correct(
    *, node_id: int, host: str, port: int, said: Reach, actor: Actor, now: datetime
) -> Node:
    """Correct where a machine is and how we work there: all of it, or nothing.

    :raises Invalid, AddressTaken, AddressSilent, OtherMachine, RateLimited: as `addresses.change`.
    :raises InUse: as `reach.amend`.
    """
    move = addresses.look(node_id=node_id, host=host, port=port)
    with transaction.atomic():
        reach.amend(node_id=node_id, reach=said, actor=actor, now=now)
        return addresses.carry_out(move, actor=actor, now=now)


def claimed_model(name: str) -> GpuModel:
    """Give the GPU model that a provider means: its full name, or the first that is called so.

    :raises UnsupportedGpu: the catalogue has no such GPU.
    """
    model = GpuModel.objects.filter(name=name).first() or find([name]).first()
    if model is None:
        raise UnsupportedGpu(
            f"Unsupported gpu type {name[:60]!r}.",
            hint=f"This market knows: {', '.join(short_names())}.",
        )
    return model


def offer(
    *,
    node_id: int,
    price_per_gpu_usd: Decimal,
    min_gpu_count: int,
    notice_hours: int,
    actor: Actor,
    now: datetime,
) -> Node:
    """Say at what price, how finely split and with how much notice a machine is rented out: all of it, or nothing.

    :raises Invalid, OutsideCorridor: as each refuses alone.
    """
    with transaction.atomic():
        listing.set_price(
            node_id=node_id, price_per_gpu_usd=price_per_gpu_usd, actor=actor, now=now
        )
        listing.set_min_gpu_count(
            node_id=node_id, min_gpu_count=min_gpu_count, actor=actor, now=now
        )
        return set_notice(node_id=node_id, hours=notice_hours, actor=actor, now=now)


def set_notice(*, node_id: int, hours: int, actor: Actor, now: datetime) -> Node:
    """Promise who rents from now on to tell them of a maintenance so many hours before; pods keep what they have.

    :raises Invalid: it is less than a day, or more than two weeks.
    """
    if not MIN_NOTICE_HOURS <= hours <= MAX_NOTICE_HOURS:
        raise Invalid(f"Notice is {MIN_NOTICE_HOURS} to {MAX_NOTICE_HOURS} hours.")
    with transaction.atomic():
        node = _lock(node_id)
        if node.notice_hours != hours:
            detail = f"Notice before a maintenance: {node.notice_hours} to {hours} hours."
            node.notice_hours = hours
            node.save(update_fields=["notice_hours", "updated_at"])
            note(node, reason=Reason.NOTICE_CHANGED, actor=actor, now=now, detail=detail)
    return node


def want_listing(*, node_id: int, actor: Actor, now: datetime) -> Node:
    """Have a machine on the market: at once where its checks passed, else when they do.

    :raises Invalid: its host key was not confirmed.
    """
    with transaction.atomic():
        node = _lock(node_id)
        if not node.host_key:
            raise Invalid("Its host key was not confirmed.", hint="Compare and confirm it first.")
        if node.listing_wanted_at is None:
            node.listing_wanted_at = now
            node.save(update_fields=["listing_wanted_at", "updated_at"])
            detail = "Wanted on the market."
            note(node, reason=Reason.LISTING_WANTED, actor=actor, now=now, detail=detail)
    if is_ready(node):
        return listing.admit(node_id=node_id, now=now)
    checking.start(node_id=node_id, trigger=Trigger.PROVIDER, now=now)
    return node


def is_ready(node: Node) -> bool:
    """Say whether a machine's checks passed, so that it can be listed at once."""
    last = CheckRun.objects.filter(node=node).order_by("-id").first()
    ready = node.status == NodeStatus.VALIDATION_PENDING
    checked = last is not None and last.outcome == Outcome.PASSED
    return ready and checked and node.last_verified_at is not None


def _node(provider: Provider, claim: Claim, model: GpuModel) -> Node:
    return Node(
        provider=provider,
        name=claim.name[:100],
        status=NodeStatus.NOT_DETECTED,
        gpu_model=model,
        gpu_count=claim.gpu_count,
        free_gpu_count=0,
        price_per_gpu_usd=model.secure_price_usd or Decimal(1),
        host=claim.host,
        ssh_port=claim.port,
        ssh_user=claim.user,
        public_host=claim.host,
        first_port=claim.first_port,
        last_port=claim.last_port,
        free_port_count=claim.last_port - claim.first_port + 1,
        state_dir=claim.state_dir,
    )


def _require_sane(claim: Claim) -> None:
    reach.require_sane(claim.reach)
    listing.require_count(claim.gpu_count)


def _lock(node_id: int) -> Node:
    return Node.objects.select_for_update(no_key=True).get(pk=node_id)
