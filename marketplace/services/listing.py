"""What operators and providers decide about a listing: admit, freeze, delist, price, smallest pod, claim."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.db import transaction

from core import money
from core.actors import PLATFORM, Actor
from core.errors import Invalid
from marketplace import selectors
from marketplace.models import GpuModel, Node, NodeStatus
from marketplace.services import delisting, measurements
from marketplace.transitions import Reason, move, note

# A proof covers so many (validation.proof.bundle.records).
MOST_GPUS: Final = 16


class OutsideCorridor(Invalid):
    """A price so far from the catalogue's that it is a mistake, or no offer."""

    code = "price_outside_corridor"


def admit(*, node_id: int, now: datetime) -> Node:
    """Put a checked and prepared node on the market; harmless when it is there."""
    with transaction.atomic():
        node = _lock(node_id)
        if node.status == NodeStatus.VALIDATION_PENDING:
            detail = "Reached over its pinned key, its engine and GPUs seen, prepared for pods."
            node.last_verified_at = now
            node.first_listed_at = node.first_listed_at or now
            node.save(update_fields=["last_verified_at", "first_listed_at"])
            move(
                node,
                to=NodeStatus.AVAILABLE,
                reason=Reason.CHECKS_PASSED,
                actor=PLATFORM,
                now=now,
                detail=detail,
            )
    return node


def reject(*, node_id: int, why: str, now: datetime) -> Node:
    """Keep a node off the market because a check failed."""
    with transaction.atomic():
        node = _lock(node_id)
        if node.status in (NodeStatus.VALIDATION_PENDING, NodeStatus.AVAILABLE):
            move(
                node,
                to=NodeStatus.VALIDATION_FAILED,
                reason=Reason.CHECKS_FAILED,
                actor=PLATFORM,
                now=now,
                detail=why,
            )
    return node


def freeze(*, node_id: int, why: str, actor: Actor, now: datetime) -> Node:
    """Hide a node from new renters; pods on it go on."""
    with transaction.atomic():
        node = _lock(node_id)
        if node.frozen_at is None:
            node.frozen_at = now
            node.save(update_fields=["frozen_at", "updated_at"])
            note(node, reason=Reason.FROZEN, actor=actor, now=now, detail=_said(why))
    return node


def unfreeze(*, node_id: int, why: str, actor: Actor, now: datetime) -> Node:
    """Show a frozen node again."""
    with transaction.atomic():
        node = _lock(node_id)
        if node.frozen_at is not None:
            node.frozen_at = None
            node.save(update_fields=["frozen_at", "updated_at"])
            note(node, reason=Reason.UNFROZEN, actor=actor, now=now, detail=_said(why))
    return node


def delist(*, node_id: int, why: str, actor: Actor, now: datetime) -> Node:
    """Take a node off the market for good; pods on it go on, the record stays."""
    with transaction.atomic():
        node = _lock(node_id)
        delisting.leave(node, reason=Reason.DELISTED, actor=actor, now=now, detail=_said(why))
    return node


def corridor(gpu_model: GpuModel) -> tuple[Decimal, Decimal] | None:
    """Give the lowest and the highest price of a GPU-hour in USD; None where the catalogue knows no price."""
    usual = gpu_model.secure_price_usd
    if usual is None:
        return None
    low, high = settings.MARKET_MIN_PRICE_RATE, settings.MARKET_MAX_PRICE_RATE
    return money.quantize(usual * low), money.quantize(usual * high)


def fair_price(gpu_model: GpuModel, price_per_gpu_usd: Decimal) -> Decimal:
    """Give a price of a GPU-hour as it is stored.

    :raises Invalid: it is not above zero. :raises OutsideCorridor: it is too far from the usual.
    """
    price = money.quantize(price_per_gpu_usd)
    if price <= 0:
        raise Invalid(
            "A price must be above zero.", hint="Send USD per GPU-hour, for example 0.45."
        )
    band = corridor(gpu_model)
    if band and not band[0] <= price <= band[1]:
        low, high = _usd(band[0]), _usd(band[1])
        raise OutsideCorridor(
            f"{_usd(price)} is outside the corridor of a {gpu_model.short_name}: {low} to {high}.",
            hint=f"Choose a price of a GPU-hour from {low} to {high}.",
            data={"low_usd": str(band[0]), "high_usd": str(band[1])},
        )
    return price


def set_price(*, node_id: int, price_per_gpu_usd: Decimal, actor: Actor, now: datetime) -> Node:
    """Change the price of a GPU-hour for rentals from now on; running pods keep theirs.

    :raises Invalid: the price is not above zero. :raises OutsideCorridor: it is too far from the usual.
    """
    with transaction.atomic():
        node = _lock(node_id)
        price = fair_price(node.gpu_model, price_per_gpu_usd)
        if node.price_per_gpu_usd != price:
            detail = f"{_usd(node.price_per_gpu_usd)} to {_usd(price)} per GPU-hour."
            node.price_per_gpu_usd = price
            node.save(update_fields=["price_per_gpu_usd", "updated_at"])
            note(node, reason=Reason.PRICE_CHANGED, actor=actor, now=now, detail=detail)
    return node


def set_min_gpu_count(*, node_id: int, min_gpu_count: int, actor: Actor, now: datetime) -> Node:
    """Let pods have at least so many GPUs from now on; running pods stay as they are.

    :raises Invalid: the machine has not so many.
    """
    with transaction.atomic():
        node = _lock(node_id)
        if not 1 <= min_gpu_count <= node.gpu_count:
            raise Invalid(
                f"The smallest pod of this machine has 1 to {node.gpu_count} GPUs.",
                hint=f"{node.gpu_count} rents it out as a whole only, 1 lets it be split freely.",
            )
        if node.min_gpu_count != min_gpu_count:
            detail = f"Smallest pod: {node.min_gpu_count} to {min_gpu_count} GPUs."
            node.min_gpu_count = min_gpu_count
            node.save(update_fields=["min_gpu_count", "updated_at"])
            note(node, reason=Reason.SPLITTING_CHANGED, actor=actor, now=now, detail=detail)
    return node


def clear_min_gpu_count(*, node_id: int, actor: Actor, now: datetime) -> Node:
    """Let the machine be split freely: pods from one GPU on."""
    return set_min_gpu_count(node_id=node_id, min_gpu_count=1, actor=actor, now=now)


def change_claim(
    *, node_id: int, gpu_model: str, gpu_count: int, actor: Actor, now: datetime
) -> Node:
    """Claim other GPUs for a machine and have it checked again; what was counted there counts until then.

    :raises UnknownGpu: nothing in the catalogue is called that. :raises Invalid: the claim means nothing.
    """
    model = _one_model(gpu_model)
    require_count(gpu_count)
    with transaction.atomic():
        node = _lock(node_id)
        if not node.gpus.exists():
            _take_at_word(node, model, gpu_count)
        node.next_checks_at = now
        node.save(update_fields=["next_checks_at", "updated_at"])
        claims = {"gpu_model": model.name, "gpu_count": str(gpu_count)}
        measurements.claim(node, claims, now=now)
        detail = f"The provider says: {gpu_count} x {model.short_name}. It is checked again."
        note(node, reason=Reason.CLAIM_CHANGED, actor=actor, now=now, detail=detail)
    return node


def require_count(gpu_count: int) -> None:
    """Refuse a machine without GPUs, or with more than can be proven.

    :raises Invalid: it is such a number.
    """
    if not 1 <= gpu_count <= MOST_GPUS:
        raise Invalid(
            f"A machine has 1 to {MOST_GPUS} GPUs.", hint="Count them: `nvidia-smi -L | wc -l`."
        )


def _one_model(name: str) -> GpuModel:
    found = selectors.resolve(name)
    if len(found) > 1:
        names = ", ".join(model.name for model in found)
        raise Invalid(f"{name[:60]!r} means several GPUs.", hint=f"Name one of: {names}.")
    return found[0]


def _take_at_word(node: Node, model: GpuModel, gpu_count: int) -> None:
    node.gpu_model, node.gpu_count, node.free_gpu_count = model, gpu_count, 0
    node.min_gpu_count = min(node.min_gpu_count, gpu_count)
    node.save(update_fields=["gpu_model", "gpu_count", "free_gpu_count", "min_gpu_count"])


def _usd(price: Decimal) -> str:
    return f"${price.normalize():f}"


def _lock(node_id: int) -> Node:
    rows = Node.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("gpu_model").get(pk=node_id)


def _said(why: str) -> str:
    said = why.strip()
    if not said:
        raise Invalid("A reason is needed.", hint="Say why: renters and provider read it too.")
    return said
