"""Pages of the market: the machines on offer, and each machine's passport. Anonymous, no write."""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from django.core.cache import cache
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from core import clock
from core.tokens import digest
from marketplace import access, selectors
from marketplace.filter_words import ActiveFilter, active_filters
from marketplace.filters import OfferFilters, Order
from marketplace.forms import OfferForm
from marketplace.gpu_names import normalize
from marketplace.offer_rows import in_rao, offer_rows, tao_rate
from marketplace.query import OfferQuery, parse
from marketplace.samples import sample_nodes
from marketplace.services import reclaiming

T = TypeVar("T")
PAGE_SIZE: Final = 50
# Counting the whole market costs more than the rest of the page; some seconds of age do not matter.
FACETS_AGE: Final = 15
COLUMNS: Final = ("gpu", "price", "vram", "download", "reliability", "verified")
CHEAP_FIRST: Final = {"gpu", "price"}
FOLDED: Final = {"min_cpus", "min_ram_gib", "min_disk_gib", "min_download_mbps", "min_cuda"}


@require_safe
@vary_on_headers("HX-Request")
def machines(request: HttpRequest) -> HttpResponse:
    """Show what can be rented now; htmx asks for the results alone."""
    query = parse(request.GET)
    template = "marketplace/catalogue.html"
    htmx = request.htmx  # type: ignore[attr-defined]
    if htmx and not (htmx.boosted or htmx.history_restore_request):
        return render(request, f"{template}#results", results(request, query))
    return render(request, template, {**results(request, query), **_frame(request, query)})


@require_safe
def machine(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show one machine: what is claimed, what was measured, by whom and when."""
    node = access.node_for_visitor(public_id)
    context = {
        "node": node,
        "standing": selectors.standing_of(node),
        "hourly_price_rao": in_rao(node.price_per_gpu_usd, tao_rate(clock.now())),
        "facts": selectors.facts(node),
        "events": selectors.events(node),
        "announced": selectors.open_notice(node),
        "runs": selectors.check_history(node),
        "early_reclaims": reclaiming.early_reclaims(node),
    }
    return render(request, "marketplace/node.html", context)


def results(request: HttpRequest, query: OfferQuery) -> dict[str, Any]:
    """Give what the results region shows."""
    filters, now = query.filters, clock.now()
    page: Page[Any] = Paginator(selectors.offers(filters, query.order), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    total = page.paginator.count
    active = active_filters(filters, request.GET, path=request.path)
    rows = offer_rows(page.object_list, gpus=filters.gpus, now=now)
    if not active and not page.has_other_pages():
        rows += offer_rows(sample_nodes(real_count=total), gpus=None, now=now, sample=True)
    page.object_list = rows
    return {
        "filters": OfferForm(request.GET, query.problems | _unknown_gpus(filters, total)),
        "offers": page,
        "total": total,
        "active_filters": active,
        "sorts": {key: _sort(request, query.order, key) for key in COLUMNS},
        "relaxations": _relaxations(filters, active) if not total else [],
        "sold_out": selectors.sold_out(filters.gpu_names) if not total else [],
        "tell_me": _tell_me(filters) if not total else None,
    }


def _tell_me(filters: OfferFilters) -> dict[str, Any] | None:
    """Offer to wait for the GPU that was filtered for, where none is free whatever else is asked of it."""
    named = [name for name in filters.gpu_names if name not in selectors.unknown([name])]
    if len(named) != 1 or selectors.offers(_size_alone(filters)).exists():
        return None
    return {"gpu": named[0], "gpus": filters.gpus or 1}


def _size_alone(filters: OfferFilters) -> OfferFilters:
    return OfferFilters(gpu_names=filters.gpu_names, gpus=filters.gpus)


def _unknown_gpus(filters: OfferFilters, total: int) -> dict[str, str]:
    """Tell a name that means nothing from a GPU that is sold out."""
    names = selectors.unknown(filters.gpu_names) if filters.gpu_names and not total else []
    if not names:
        return {}
    known = ", ".join(selectors.short_names())
    return {"gpu": f"No GPU is called {' or '.join(names)}. This market knows {known}."}


def _relaxations(filters: OfferFilters, active: list[ActiveFilter]) -> list[dict[str, Any]]:
    shown = {item.field: item for item in active}
    return [
        {
            "label": shown[row.field].label,
            "count": row.count,
            "url": shown[row.field].remove_url,
        }
        for row in selectors.relaxations(filters)
    ]


def _frame(request: HttpRequest, query: OfferQuery) -> dict[str, Any]:
    filters = query.filters
    return {
        "gpu_options": _gpu_options(filters),
        "more_filters_open": bool(FOLDED & filters.active().keys()),
        "figures": _briefly_kept(
            f"figures {filters.gpu_names}",
            lambda: selectors.market_figures(
                now=clock.now(),
                gpu_names=filters.gpu_names,
                gpu_label=" or ".join(filters.gpu_names),
            ),
        ),
    }


def _gpu_options(filters: OfferFilters) -> list[dict[str, Any]]:
    free = {
        kind.short_name: kind.free_gpus
        for kind in _briefly_kept("gpus on offer", selectors.gpus_on_offer)
    }
    known = {normalize(name) for name in free}
    # A filter that names a sold-out or unknown GPU stays visible, so that it can be taken back.
    free.update({name: 0 for name in filters.gpu_names if name not in known})
    return [
        {
            "value": name,
            "label": name,
            "free_gpus": count,
            "selected": normalize(name) in filters.gpu_names,
        }
        for name, count in free.items()
    ]


def _sort(request: HttpRequest, order: Order, key: str) -> dict[str, str]:
    current = order.by == key
    turned = current and order.descending == (key not in CHEAP_FIRST)
    descending = (key not in CHEAP_FIRST) != turned
    params = request.GET.copy()
    params.pop("page", None)
    params["sort"] = f"-{key}" if descending else key
    direction = ("descending" if order.descending else "ascending") if current else ""
    return {"url": f"{request.path}?{params.urlencode()}", "direction": direction}


def _briefly_kept(subject: str, compute: Callable[[], T]) -> T:
    """Compute, or take what was computed some seconds ago; a cache that is away only costs time."""
    return cast(T, cache.get_or_set(f"market:{digest(subject)}", compute, FACETS_AGE))
