"""One locked, itemised price: what a pod will cost, line by line, before anything is rented."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.models import Workspace
from core.errors import Conflict, Invalid, NotFound
from core.money import charge_for, quantize
from marketplace.models import Node
from rentals.models import Quote
from rentals.services import floors

MAX_HOURS: Final = Decimal(720)
Line = dict[str, Any]


class QuoteExpired(Conflict):
    """The locked price has run out."""

    code = "quote_expired"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quoted:
    """A quote with what follows from it; ``quote`` is the row that is there for signed-in workspaces."""

    node: Node
    gpu_count: int
    hours: Decimal
    hourly_price_usd: Decimal
    lines: list[Line]
    total_usd: Decimal
    floor_usd: Decimal
    required_usd: Decimal | None = None
    quote: Quote | None = None


def quote(
    *,
    node_id: UUID,
    gpu_count: int | None,
    hours: Decimal,
    workspace: Workspace | None,
    now: datetime,
) -> Quoted:
    """Price some GPUs of a node; for a workspace the price is locked for a while.

    :raises NotFound: no such node. :raises Invalid: a count or a duration that cannot be.
    """
    node = listed_node(node_id)
    count = count_for(node, gpu_count)
    _require_hours(hours)
    hourly = node.price_per_gpu_usd * count
    lines = lines_for(node, count, hours)
    agreed = {
        "node": node,
        "gpu_count": count,
        "hours": hours,
        "price_per_gpu_usd": node.price_per_gpu_usd,
        "hourly_price_usd": hourly,
        "fee_rate": settings.MARKET_FEE_RATE,
        "lines": lines,
    }
    return Quoted(
        node=node,
        gpu_count=count,
        hours=hours,
        hourly_price_usd=hourly,
        lines=lines,
        total_usd=_total(hourly, hours),
        floor_usd=floors.floor_of(hourly),
        required_usd=floors.required_usd(workspace, hourly_price_usd=hourly) if workspace else None,
        quote=_hold(workspace, agreed, now=now) if workspace else None,
    )


def extend(*, quote_id: UUID, workspace: Workspace, now: datetime) -> Quote:
    """Hold a quote's price for another while, once.

    :raises NotFound: not this workspace's. :raises QuoteExpired: over, or extended before.
    """
    with transaction.atomic(durable=True):
        rows = Quote.objects.select_for_update().filter(workspace=workspace)
        row = rows.filter(public_id=quote_id).first()
        if row is None:
            raise NotFound("There is no such quote.", hint="Ask for the price again.")
        if row.extended_at or row.expires_at <= now:
            raise QuoteExpired(
                "A quote can be held longer once, and only before it ends.",
                hint="Ask for the price again.",
            )
        row.extended_at, row.expires_at = now, now + settings.MARKET_QUOTE_LIFE
        row.save(update_fields=["extended_at", "expires_at"])
    return row


def forget(*, now: datetime) -> int:
    """Delete the quotes that ended a day ago and that no pod was rented under."""
    old = Quote.objects.filter(expires_at__lt=now - timedelta(days=1), pods=None)
    return old.delete()[0]


def honour(
    *, quote_id: UUID | None, node: Node, gpu_count: int, workspace: Workspace, now: datetime
) -> Quote:
    """Give the quote to rent under: the one that was locked, or one at the present price.

    :raises QuoteExpired: it is over, or it was for something else.
    """
    if quote_id is None:
        priced = quote(
            node_id=node.public_id,
            gpu_count=gpu_count,
            hours=Decimal(1),
            workspace=workspace,
            now=now,
        )
        assert priced.quote  # noqa: S101  # a workspace's quote has a row
        return priced.quote
    row = Quote.objects.filter(public_id=quote_id, workspace=workspace).first()
    if row is None or row.expires_at <= now or (row.node_id, row.gpu_count) != (node.pk, gpu_count):
        raise QuoteExpired(
            "The quoted price is no longer held for this machine and number of GPUs.",
            hint=f"The present price is ${node.price_per_gpu_usd * gpu_count:.4f} an hour; ask for a new quote.",
            data={"hourly_price_usd": float(node.price_per_gpu_usd * gpu_count)},
        )
    return row


def listed_node(node_id: UUID) -> Node:
    """Find a node that renters may see.

    :raises NotFound: there is none.
    """
    node = Node.objects.listed().select_related("gpu_model", "provider").filter(public_id=node_id)
    found = node.first()
    if found is None:
        raise NotFound("There is no such machine on the market.", hint="See the list of machines.")
    return found


def count_for(node: Node, gpu_count: int | None) -> int:
    """Give the number of GPUs to price: what was asked, else all that are free.

    :raises Invalid: outside of what the machine is split into.
    """
    count = gpu_count if gpu_count is not None else (node.free_gpu_count or node.gpu_count)
    if not node.min_gpu_count <= count <= node.gpu_count:
        raise Invalid(
            f"This machine rents {node.min_gpu_count} to {node.gpu_count} GPUs, not {count}.",
            hint="Ask for a number in that range.",
            data={"field": "gpu_count", "minimum": node.min_gpu_count, "maximum": node.gpu_count},
        )
    return count


def lines_for(node: Node, gpu_count: int, hours: Decimal) -> list[Line]:
    """Itemise a price: everything that could appear on the receipt, what is free included."""
    gpu_hours = gpu_count * hours
    model = node.gpu_model.short_name
    return [
        _line(
            "compute",
            "GPU-hour",
            node.price_per_gpu_usd,
            gpu_hours,
            f"{gpu_count} x {model}, charged per second of proven readiness.",
        ),
        _line("storage", "hour", Decimal(0), hours, "The pod's disk is included, stopped or not."),
        _uncharged("egress", "GB", "Network traffic is not charged."),
    ]


def _hold(workspace: Workspace, agreed: Mapping[str, Any], *, now: datetime) -> Quote:
    """Lock a price, or give the one that is locked and still young: a page that is read again writes nothing."""
    young = now + settings.MARKET_QUOTE_LIFE / 2
    held = Quote.objects.filter(workspace=workspace, extended_at=None, expires_at__gt=young)
    found = held.filter(**agreed).order_by("-expires_at").first()
    ends = now + settings.MARKET_QUOTE_LIFE
    return found or Quote.objects.create(workspace=workspace, expires_at=ends, **agreed)


def _line(item: str, unit: str, rate: Decimal, quantity: Decimal, note: str) -> Line:
    amount = quantize(rate * quantity)
    return {
        "item": item,
        "unit": unit,
        "rate_usd": str(rate),
        "quantity": f"{quantity.normalize():f}",
        "amount_usd": str(amount),
        "note": note,
    }


def _uncharged(item: str, unit: str, note: str) -> Line:
    figures = {"rate_usd": None, "quantity": "0", "amount_usd": None}
    return {"item": item, "unit": unit, **figures, "note": note}


def _total(hourly: Decimal, hours: Decimal) -> Decimal:
    return charge_for(hourly=hourly, seconds=hours * 3600)


def _require_hours(hours: Decimal) -> None:
    if not 0 < hours <= MAX_HOURS:
        raise Invalid(
            f"A quote is for more than 0 and at most {MAX_HOURS} hours, not {hours}.",
            hint="Leave hours out for one hour.",
            data={"field": "hours"},
        )
