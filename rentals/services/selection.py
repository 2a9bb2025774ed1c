"""Renting by what is wanted instead of by machine: the cheapest that fits, and the next one on a conflict."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db.models import F

from accounts.models import Scope
from accounts.principal import Principal
from core.errors import Conflict
from marketplace import selectors as market
from marketplace.filters import OfferFilters
from marketplace.gpu_names import normalize
from marketplace.models import Node
from rentals.models import Pod, Template
from rentals.services import ports, renting, templates
from rentals.services.equivalents import NodeTaken
from rentals.services.renting import PriceRose, RentRequest

MAX_ATTEMPTS: Final = 5
ALTERNATIVES_SHOWN: Final = 5


class NothingMatches(Conflict):
    """No machine that is free now satisfies the wishes."""

    code = "no_match"


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """What the machine must be; ``max_price_usd`` is per GPU-hour."""

    gpu_type: str
    gpu_count: int = 1
    filters: OfferFilters = field(default_factory=OfferFilters)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpecRentRequest:
    """What the pod is to be, wherever it runs."""

    name: str
    public_keys: tuple[str, ...]
    template_id: UUID | None = None
    port_count: int | None = None
    termination_hours: int | None = None
    pod_id: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What was chosen out of how many, and the pod unless it was a dry run."""

    node: Node
    template: Template
    gpu_count: int
    hourly_price_usd: Decimal
    candidates: int
    alternatives: list[Node]
    attempts: int
    pod: Pod | None = None


def rent_by_spec(
    *, principal: Principal, spec: Spec, request: SpecRentRequest, dry_run: bool, now: datetime
) -> Selection:
    """Rent the cheapest machine that satisfies a spec; a dry run only says which one it would be.

    :raises NothingMatches: none does now. :raises UnknownGpu: no GPU has that name.
    :raises InsufficientBalance, Invalid, NotFound: as `renting.rent`.
    """
    principal.require(Scope.RENT)
    template = templates.resolve(principal=principal, template_id=request.template_id)
    candidates = _candidates(_with_ports(spec, template, request))
    if dry_run:
        renting.authorized_keys(request.public_keys)
        return _selection(spec, template, candidates, chosen=0, attempts=0)
    for attempt, node in enumerate(candidates[:MAX_ATTEMPTS]):
        try:
            pod = renting.rent(
                principal=principal, request=_request(node, spec, request, template), now=now
            )
        except (NodeTaken, PriceRose):
            continue
        chosen = _selection(spec, template, candidates, chosen=attempt, attempts=attempt + 1)
        return replace(chosen, pod=pod)
    raise _nothing(spec, tried=len(candidates[:MAX_ATTEMPTS]))


def _with_ports(spec: Spec, template: Template, request: SpecRentRequest) -> Spec:
    """Ask for the ports that the pod will publish, too: a machine without them is no candidate."""
    published = len(ports.internal_ports(template.internal_ports, request.port_count))
    least = max(published, spec.filters.min_ports or 0)
    return replace(spec, filters=replace(spec.filters, min_ports=least))


def _candidates(spec: Spec) -> list[Node]:
    market.resolve(spec.gpu_type)
    filters = replace(spec.filters, gpu_names=(normalize(spec.gpu_type),), gpus=spec.gpu_count)
    cheapest = (
        F("price_per_gpu_usd").asc(),
        F("download_mbps").desc(nulls_last=True),
        F("starts_failed").asc(),
        F("pk").asc(),
    )
    nodes = list(market.offers(filters).order_by(*cheapest))
    if not nodes:
        raise _nothing(spec, tried=0)
    return nodes


def _request(node: Node, spec: Spec, request: SpecRentRequest, template: Template) -> RentRequest:
    return RentRequest(
        node_id=node.public_id,
        name=request.name,
        public_keys=request.public_keys,
        gpu_count=spec.gpu_count,
        template_id=template.public_id,
        port_count=request.port_count,
        termination_hours=request.termination_hours,
        pod_id=request.pod_id,
        # The list was ordered by the price that was seen: a dearer machine is no longer the choice.
        max_price_per_gpu_usd=node.price_per_gpu_usd,
    )


def _selection(
    spec: Spec, template: Template, candidates: list[Node], *, chosen: int, attempts: int
) -> Selection:
    node = candidates[chosen]
    others = [other for other in candidates if other.pk != node.pk]
    return Selection(
        node=node,
        template=template,
        gpu_count=spec.gpu_count,
        hourly_price_usd=node.price_per_gpu_usd * spec.gpu_count,
        candidates=len(candidates),
        alternatives=others[:ALTERNATIVES_SHOWN],
        attempts=attempts,
    )


def _nothing(spec: Spec, *, tried: int) -> NothingMatches:
    if tried:
        return NothingMatches(
            f"All {tried} machines that were tried for {spec.gpu_count} x {spec.gpu_type} "
            "were taken meanwhile.",
            hint="Try again.",
        )
    counts = _counts_on_offer(spec)
    if counts and spec.gpu_count not in counts:
        # These words the published client reads, and adds its own advice.
        return NothingMatches(
            f"gpu_count={spec.gpu_count}: none of the machines that are free has as many; "
            f"rentable GPU counts: {', '.join(map(str, counts))}",
            hint="Ask for one of these counts.",
            data={"rentable_gpu_counts": counts},
        )
    return NothingMatches(
        f"No machine that is free now satisfies the wishes for {spec.gpu_count} x {spec.gpu_type}.",
        hint="Relax a wish, or look at what is free: `lium ls`.",
    )


def _counts_on_offer(spec: Spec) -> list[int]:
    filters = replace(spec.filters, gpu_names=(normalize(spec.gpu_type),))
    return sorted({count for node in market.offers(filters) for count in node.gpu_counts()})
