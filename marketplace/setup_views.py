"""A machine's way onto the market, step by step: each step its own address, each to be taken up again at any time."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import visitor
from accounts.principal import Principal
from core import clock
from core.errors import DomainError, RateLimited
from marketplace import access, selectors, setup_links, setup_steps
from marketplace.checks import install_command
from marketplace.machine import fingerprint
from marketplace.models import Node, NodeStatus, Trigger
from marketplace.selectors.price_market import use_at_price
from marketplace.services import (
    checking,
    host_keys,
    listing,
    onboarding,
    providers,
    sightings,
)
from marketplace.setup_forms import AddressForm, OfferingForm, ReachForm, refused


@require_http_methods(["GET", "POST"])
@login_required
def add(request: HttpRequest) -> HttpResponse:
    """Ask where the machine is and what it has."""
    form = AddressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        principal, now = visitor(request), clock.now()
        try:
            provider = providers.provider_of(principal, now=now)
            node = onboarding.add(
                provider=provider, claim=form.claim(), actor=principal.actor(), now=now
            )
        except DomainError as error:
            refused(form, error)
        else:
            # Who had too many looked at may have it looked at on the page, later.
            with suppress(RateLimited):
                sightings.ask(node_id=node.pk, now=now)
            return redirect("provider_setup", node.public_id, "host-key")
    status = 422 if form.errors else 200
    context = {"form": form, "steps": setup_steps.at_first()}
    return render(request, "provide/add.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def setup(request: HttpRequest, public_id: UUID, step: str) -> HttpResponse:
    """Show a step of a machine's way, or take it."""
    if step not in setup_steps.STEPS:
        raise Http404
    principal = visitor(request)
    node = access.node_for_provider(principal, public_id)
    if request.method == "POST":
        return _ACTS[step](request, node, principal)
    return _VIEWS[step](request, node)


@require_safe
def install_script(request: HttpRequest, token: str) -> HttpResponse:
    """Give the script that makes our user on a machine; whoever has the token may read it, it holds no secret."""
    node = setup_links.node_of(token)
    script = f"set -e\n{_install_line(node)}\nssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\n"
    return HttpResponse(script, content_type="text/plain; charset=utf-8")


def _show_address(request: HttpRequest, node: Node, form: ReachForm | None = None) -> HttpResponse:
    context = {"form": form or ReachForm(node)}
    return _page(request, node, "address", context, status=422 if form else 200)


def _take_address(request: HttpRequest, node: Node, principal: Principal) -> HttpResponse:
    form = ReachForm(node, request.POST)
    if form.is_valid():
        try:
            return _correct(node, form, principal)
        except DomainError as error:
            refused(form, error)
    return _show_address(request, node, form)


def _correct(node: Node, form: ReachForm, principal: Principal) -> HttpResponse:
    """Correct what was said; the next step is the first that this may have undone."""
    now, data = clock.now(), form.cleaned_data
    moved = onboarding.correct(
        node_id=node.pk,
        host=data["host"],
        port=data["port"],
        said=form.reach(),
        actor=principal.actor(),
        now=now,
    )
    if moved.host_key:
        return _to(node, "access")
    with suppress(RateLimited):
        sightings.ask(node_id=node.pk, now=now)
    return _to(node, "host-key")


def _show_host_key(request: HttpRequest, node: Node) -> HttpResponse:
    now = clock.now()
    sighting = sightings.latest(node, now=now)
    seen = sighting.host_key if sighting else ""
    context = {
        "node": node,
        "sighting": sighting,
        "awaited": sighting is not None and sightings.is_awaited(sighting, now=now),
        "fingerprint": fingerprint(seen) if seen else "",
        "pinned": fingerprint(node.host_key) if node.host_key else "",
        "refusal": host_keys.refusal(node) if node.host_key else None,
    }
    if getattr(request, "htmx", False):
        return render(request, "provide/setup_host_key.html#sighting", context)
    return _page(request, node, "host-key", context)


def _take_host_key(request: HttpRequest, node: Node, principal: Principal) -> HttpResponse:
    now = clock.now()
    if "look" in request.POST:
        sightings.ask(node_id=node.pk, now=now)
        return _to(node, "host-key")
    shown = request.POST.get("fingerprint", "")
    sightings.confirm(node_id=node.pk, shown=shown, actor=principal.actor(), now=now)
    return _to(node, "access")


def _show_access(request: HttpRequest, node: Node) -> HttpResponse:
    link = request.build_absolute_uri(
        reverse("provider_install", args=[setup_links.token_of(node)])
    )
    context = {
        "public_key": node.provider.ssh_public_key,
        "install_line": f"sudo sh -c {_quoted(_install_line(node))}",
        "script_line": f"curl -fsS {link} | sudo sh",
    }
    return _page(request, node, "access", context)


def _take_access(request: HttpRequest, node: Node, principal: Principal) -> HttpResponse:
    checking.start(node_id=node.pk, trigger=Trigger.WIZARD, now=clock.now())
    return _to(node, "checks")


def _show_checks(request: HttpRequest, node: Node) -> HttpResponse:
    verification = selectors.verification(node, now=clock.now())
    running = verification.phase == "running"
    gpus = node.gpus.order_by("position")
    context = {"verification": verification, "running": running, "gpus": gpus}
    if getattr(request, "htmx", False):
        return render(request, "provide/setup_checks.html#progress", {"node": node, **context})
    return _page(request, node, "checks", context)


def _take_checks(request: HttpRequest, node: Node, principal: Principal) -> HttpResponse:
    now = clock.now()
    if check_id := request.POST.get("check"):
        checking.run_one(node_id=node.pk, check_id=check_id, now=now)
    else:
        checking.start(node_id=node.pk, trigger=Trigger.WIZARD, now=now)
    return _to(node, "checks")


def _show_price(request: HttpRequest, node: Node, form: OfferingForm | None = None) -> HttpResponse:
    now, model = clock.now(), node.gpu_model
    context = {
        "form": form or OfferingForm(initial=_offering(node)),
        "figures": selectors.figures_of(model, now=now),
        "use": use_at_price(model, node.price_per_gpu_usd, now=now),
        "corridor": listing.corridor(model),
    }
    return _page(request, node, "price", context, status=422 if form else 200)


def _take_price(request: HttpRequest, node: Node, principal: Principal) -> HttpResponse:
    form = OfferingForm(request.POST)
    if form.is_valid():
        try:
            _offer(node, form.cleaned_data, principal)
        except DomainError as error:
            refused(form, error)
        else:
            return _to(node, "list")
    return _show_price(request, node, form)


def _show_list(request: HttpRequest, node: Node) -> HttpResponse:
    verification = selectors.verification(node, now=clock.now())
    ready = onboarding.is_ready(node)
    return _page(request, node, "list", {"verification": verification, "ready": ready})


def _take_list(request: HttpRequest, node: Node, principal: Principal) -> HttpResponse:
    listed = onboarding.want_listing(node_id=node.pk, actor=principal.actor(), now=clock.now())
    if listed.status == NodeStatus.AVAILABLE:
        messages.success(request, f"{node.huid} is on the market.")
    return _to(node, "list")


def _offer(node: Node, data: dict[str, Any], principal: Principal) -> None:
    onboarding.offer(
        node_id=node.pk,
        price_per_gpu_usd=data["price"],
        min_gpu_count=data["min_gpu_count"],
        notice_hours=data["notice_hours"],
        actor=principal.actor(),
        now=clock.now(),
    )


def _offering(node: Node) -> dict[str, Any]:
    return {
        "price": f"{node.price_per_gpu_usd.normalize():f}",
        "min_gpu_count": node.min_gpu_count,
        "notice_hours": node.notice_hours,
    }


def _page(
    request: HttpRequest, node: Node, step: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    template = f"provide/setup_{step.replace('-', '_')}.html"
    shared = {
        "node": node,
        "steps": setup_steps.steps_of(node, step),
        "standing": selectors.standing_of(node),
    }
    return render(request, template, {**shared, **context}, status=status)


def _install_line(node: Node) -> str:
    return install_command(
        user=node.ssh_user, public_key=node.provider.ssh_public_key, state_dir=node.state_dir
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'


def _to(node: Node, step: str) -> HttpResponse:
    return redirect("provider_setup", node.public_id, step)


_VIEWS: Final[dict[str, Callable[[HttpRequest, Node], HttpResponse]]] = {
    "address": _show_address,
    "host-key": _show_host_key,
    "access": _show_access,
    "checks": _show_checks,
    "price": _show_price,
    "list": _show_list,
}
_ACTS: Final[dict[str, Callable[[HttpRequest, Node, Principal], HttpResponse]]] = {
    "address": _take_address,
    "host-key": _take_host_key,
    "access": _take_access,
    "checks": _take_checks,
    "price": _take_price,
    "list": _take_list,
}
