"""The list of one's machines, and the page of each with what can be done to it."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import visitor
from accounts.principal import Principal
from core import clock
from core.errors import DomainError
from marketplace import access
from marketplace.console import pages
from marketplace.console.forms import (
    AddressForm,
    ClaimForm,
    NoticeForm,
    PlaceForm,
    PriceForm,
    ReclaimForm,
    SmallestForm,
)
from marketplace.models import Node, Trigger
from marketplace.place_fields import typed
from marketplace.selectors.claims import claimed_gpus
from marketplace.services import (
    addresses,
    checking,
    listing,
    notices,
    places,
    reclaiming,
    removing,
)
from marketplace.services.providers import find_provider

PAGE = "provide/machine.html"
FORMER_SHOWN: Final = 50
Act = Callable[[Node, dict[str, Any], Principal], object]
Door = Callable[[Principal, UUID], Node]


@login_required
@require_safe
def machines(request: HttpRequest) -> HttpResponse:
    """List the machines of the caller's provider, live; without any, say how to begin."""
    return render(request, "provide/machines.html", _list(request))


@login_required
@require_safe
def machines_live(request: HttpRequest) -> HttpResponse:
    """Give the rows alone, for a page whose socket is away."""
    return render(request, "provide/machines.html#push", _list(request))


@login_required
@require_safe
def machine(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Show one machine, live."""
    return _page(request, access.record_for_provider(visitor(request), machine_id))


@login_required
@require_safe
def machine_live(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Give the parts of the page that change, for a page whose socket is away."""
    node = access.record_for_provider(visitor(request), machine_id)
    return render(request, f"{PAGE}#push", pages.machine_page(node, now=clock.now()))


@login_required
@require_POST
def machine_price(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Change the price."""

    def act(node: Node, data: dict[str, Any], by: Principal) -> object:
        price = data["price_per_gpu_usd"]
        now = clock.now()
        return listing.set_price(
            node_id=node.pk, price_per_gpu_usd=price, actor=by.actor(), now=now
        )

    return _change(request, machine_id, "price_form", act, "The new price holds from now on.")


@login_required
@require_POST
def machine_smallest(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Change how small a pod may be."""

    def act(node: Node, data: dict[str, Any], by: Principal) -> object:
        size, now = data["min_gpu_count"], clock.now()
        return listing.set_min_gpu_count(
            node_id=node.pk, min_gpu_count=size, actor=by.actor(), now=now
        )

    return _change(request, machine_id, "smallest_form", act, "Saved.")


@login_required
@require_POST
def machine_claim(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Claim other GPUs."""

    def act(node: Node, data: dict[str, Any], by: Principal) -> object:
        return listing.change_claim(node_id=node.pk, **data, actor=by.actor(), now=clock.now())

    said = "Noted. It is checked now, and listed with what is found."
    return _change(request, machine_id, "claim_form", act, said)


@login_required
@require_POST
def machine_place(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Say where the machine is."""

    def act(node: Node, data: dict[str, Any], by: Principal) -> object:
        return places.change(
            node_id=node.pk, place=data["place"], actor=by.actor(), now=clock.now()
        )

    return _change(request, machine_id, "place_form", act, "Saved. Renters see it as your claim.")


@login_required
@require_POST
def machine_address(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Reach the machine elsewhere."""

    def act(node: Node, data: dict[str, Any], by: Principal) -> object:
        return addresses.change(node_id=node.pk, **data, actor=by.actor(), now=clock.now())

    said = "Its host key answered there: that is where it is reached from now on."
    return _change(request, machine_id, "address_form", act, said)


@login_required
@require_POST
def machine_notice(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Announce a maintenance or a removal."""

    def act(node: Node, data: dict[str, Any], by: Principal) -> object:
        return notices.give(node_id=node.pk, **data, actor=by.actor(), now=clock.now())

    said = "Announced. Who rents there reads it now, with a countdown."
    return _change(request, machine_id, "notice_form", act, said, door=access.node_to_announce)


@login_required
@require_POST
def machine_notice_cancel(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Take a notice back."""
    asking = visitor(request)
    node = access.node_to_announce(asking, machine_id)
    notices.cancel(node_id=node.pk, actor=asking.actor(), now=clock.now())
    messages.success(request, "The notice was taken back.")
    return redirect("provider_node", machine_id)


@login_required
@require_POST
def machine_reclaim(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Take the machine back sooner than a notice allows."""

    def act(node: Node, data: dict[str, Any], by: Principal) -> object:
        return reclaiming.reclaim(
            node_id=node.pk, why=data["why"], actor=by.actor(), now=clock.now()
        )

    said = "Renters were told, and it takes no new ones."
    return _change(request, machine_id, "reclaim_form", act, said, door=access.node_to_announce)


@login_required
@require_POST
def machine_check(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Run the checks again, or the one that is named."""
    node = access.node_for_provider(visitor(request), machine_id)
    check_id, now = request.POST.get("check", ""), clock.now()
    if check_id:
        checking.run_one(node_id=node.pk, check_id=check_id, now=now)
    else:
        checking.start(node_id=node.pk, trigger=Trigger.PROVIDER, now=now)
    messages.success(request, "It is being checked; the results appear as they come.")
    return redirect("provider_node", machine_id)


@login_required
@require_POST
def machine_remove(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Take a machine that nobody uses off the market, at once."""
    asking = visitor(request)
    node = access.node_for_provider(asking, machine_id)
    removing.remove(node_id=node.pk, actor=asking.actor(), now=clock.now())
    messages.success(request, f"{node.huid} is off the market for good. Its record stays.")
    return redirect("provider")


def _list(request: HttpRequest) -> dict[str, Any]:
    provider = find_provider(visitor(request))
    if provider is None:
        return {"rows": []}
    now, former = clock.now(), access.former_nodes_of(provider)[:FORMER_SHOWN]
    return {
        "provider": provider,
        "rows": pages.machine_rows(provider, access.nodes_of(provider), now=now),
        "former": pages.machine_rows(provider, former, now=now),
        "socket_path": "/ws/provide/machines",
    }


def _change(
    request: HttpRequest,
    machine_id: UUID,
    name: str,
    act: Act,
    said: str,
    *,
    door: Door = access.node_for_provider,
) -> HttpResponse:
    """Do what a form asks for; a refusal shows the page again with the words beside the form."""
    asking = visitor(request)
    node = door(asking, machine_id)
    form, status = _forms(node, request.POST, only=name)[name], 422
    if form.is_valid():
        data = form.notice() if isinstance(form, NoticeForm) else form.cleaned_data
        try:
            act(node, data, asking)
        except DomainError as error:
            form.add_error(None, f"{error.message} {error.hint}".strip())
            status = error.status
        else:
            messages.success(request, said)
            return redirect("provider_node", machine_id)
    return _page(request, node, status=status, **{name: form})


def _page(request: HttpRequest, node: Node, *, status: int = 200, **bound: Form) -> HttpResponse:
    now = clock.now()
    node.refresh_from_db()
    context = pages.machine_page(node, now=now) | pages.machine_controls(node, now=now)
    return render(request, PAGE, context | _forms(node) | bound, status=status)


def _forms(node: Node, data: Any = None, *, only: str = "") -> dict[str, Form]:
    def given(name: str) -> Any:
        return data if name == only else None

    address = {"host": node.host, "port": node.ssh_port}
    price = {"price_per_gpu_usd": f"{node.price_per_gpu_usd:.4f}"}
    claimed = claimed_gpus(node)
    claim = {"gpu_model": claimed.model.name, "gpu_count": claimed.count}
    size = {"min_gpu_count": node.min_gpu_count}
    return {
        "price_form": PriceForm(given("price_form"), initial=price),
        "smallest_form": SmallestForm(given("smallest_form"), initial=size, node=node),
        "claim_form": ClaimForm(given("claim_form"), initial=claim),
        "place_form": PlaceForm(given("place_form"), initial=typed(places.place_of(node))),
        "address_form": AddressForm(given("address_form"), initial=address),
        "notice_form": NoticeForm(given("notice_form")),
        "reclaim_form": ReclaimForm(given("reclaim_form"), node=node),
    }
