"""The rent page: one form that locks a price and rents."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4, uuid5

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from accounts.access import principal_of
from accounts.models import SshKey
from accounts.principal import Principal
from accounts.services import ssh_keys
from billing.selectors import balance_usd, runs_until, runway
from core import clock
from core.errors import DomainError
from marketplace.models import Node
from marketplace.offer_rows import in_rao, tao_rate
from marketplace.selectors import open_notice
from rentals import limits
from rentals.forms import RentForm, selectable
from rentals.models import Pod, Quote
from rentals.services import floors, quoting, renting
from rentals.services.equivalents import NodeTaken
from rentals.services.starts import listed_templates


@dataclass(slots=True)
class Screen:
    """What one rendering of the page knows."""

    node: Node
    form: RentForm
    keys: list[SshKey]
    principal: Principal | None
    quote: Quote | None = None
    refusal: DomainError | None = None
    status: int = 200
    equivalents: list[dict[str, Any]] = field(default_factory=list)


@method_decorator(never_cache, name="dispatch")
class RentView(View):
    """Show the form to everyone; lock a price and rent for who is signed in."""

    def get(self, request: HttpRequest, node_id: UUID) -> HttpResponse:
        """Show the form, with a price locked at once for who is signed in."""
        screen = _screen(request, node_id, data=None)
        if screen.principal and screen.node.free_gpu_count:
            _lock_price(screen, _wanted(request, screen.node))
        return _render(request, screen)

    @method_decorator(login_required)
    def post(self, request: HttpRequest, node_id: UUID) -> HttpResponse:
        """Price again, hold the price longer, or rent."""
        screen = _screen(request, node_id, data=request.POST)
        action = request.POST.get("action", "rent")
        try:
            if action == "quote":
                _lock_price(screen, _wanted(request, screen.node))
            elif action == "extend":
                screen.quote = quoting.extend(
                    quote_id=_uuid(request.POST.get("quote")),
                    workspace=_of(screen).workspace,
                    now=clock.now(),
                )
            elif screen.form.is_valid():
                return redirect("pod", _rent(request, screen).public_id)
            else:
                screen.status, screen.quote = 422, _held_quote(request, screen)
        except DomainError as refusal:
            _refuse(request, screen, refusal)
        return _render(request, screen)


def _screen(request: HttpRequest, node_id: UUID, *, data: Any) -> Screen:
    node = quoting.listed_node(node_id)
    principal = principal_of(request.user) if request.user.is_authenticated else None
    keys = list(SshKey.objects.filter(workspace=principal.workspace)) if principal else []
    initial = {
        "gpu_count": _wanted(request, node),
        "pod_name": request.GET.get("name")
        or f"{node.gpu_model.short_name.lower()}-{uuid4().hex[:4]}",
        "template": request.GET.get("template"),
        "image": request.GET.get("image"),
        "idempotency_key": uuid4(),
    }
    form = RentForm(data, node=node, keys=keys, initial=initial)
    return Screen(node=node, form=form, keys=keys, principal=principal)


def _rent(request: HttpRequest, screen: Screen) -> Pod:
    """Rent once however often the form is sent: its key decides the pod's id."""
    principal = _of(screen)
    limits.rent(principal.workspace)
    pod_id = uuid5(principal.workspace.public_id, str(screen.form.cleaned_data["idempotency_key"]))
    made = Pod.objects.filter(workspace=principal.workspace, public_id=pod_id)
    if pod := made.first():
        return pod
    quote = request.POST.get("quote")
    wish = screen.form.request(
        node=screen.node, quote_id=_uuid(quote) if quote else None, pod_id=pod_id
    )
    try:
        pod = renting.rent(principal=principal, request=wish, now=clock.now())
    except IntegrityError:
        # The same form, sent twice at once: the other one has rented.
        return made.get()
    _keep_new_key(request, screen)
    return pod


def _keep_new_key(request: HttpRequest, screen: Screen) -> None:
    """Keep the key for the next time; the pod has it in any case."""
    if new := screen.form.cleaned_data["new_ssh_key"]:
        try:
            ssh_keys.add(principal=_of(screen), name="", public_key=new, now=clock.now())
        except DomainError as refusal:
            messages.warning(request, f"The new SSH key was not kept: {refusal.message}")


def _lock_price(screen: Screen, gpu_count: int) -> None:
    workspace = _of(screen).workspace
    limits.quote(workspace)
    hours = screen.form.data.get("termination_hours") or "1"
    priced = quoting.quote(
        node_id=screen.node.public_id,
        gpu_count=gpu_count,
        hours=Decimal(hours if hours.isdecimal() else "1"),
        workspace=workspace,
        now=clock.now(),
    )
    screen.quote = priced.quote


def _refuse(request: HttpRequest, screen: Screen, refusal: DomainError) -> None:
    screen.refusal, screen.status = refusal, refusal.status
    if isinstance(refusal, NodeTaken):
        count = _wanted(request, screen.node)
        screen.equivalents = [_offer(node, count) for node in refusal.nodes]
    screen.quote = _held_quote(request, screen)


def _held_quote(request: HttpRequest, screen: Screen) -> Quote | None:
    """Give the price that the form holds, while it is held."""
    held = Quote.objects.filter(workspace=_of(screen).workspace, expires_at__gt=clock.now())
    return held.filter(public_id=_uuid(request.POST.get("quote"))).first()


def _render(request: HttpRequest, screen: Screen) -> HttpResponse:
    part = "#priced" if request.headers.get("HX-Request") else ""
    template = f"rentals/rent.html{part}"
    return render(request, template, _context(screen), status=screen.status)


def _context(screen: Screen) -> dict[str, Any]:
    workspace = screen.principal.workspace if screen.principal else None
    chosen = screen.form["template"].value()
    wanted = _ticked(screen)
    for key in screen.keys:
        key.selected = str(key.public_id) in wanted  # type: ignore[attr-defined]
    templates = selectable(
        list(listed_templates(workspace)), screen.node, _uuid(chosen) if chosen else None
    )
    context = {
        "node": screen.node,
        "form": screen.form,
        "templates": templates,
        "ssh_keys": screen.keys,
        "idempotency_key": screen.form["idempotency_key"].value(),
        "refusal": screen.refusal,
        "equivalents": screen.equivalents,
        "announced": open_notice(screen.node),
        "data_grace": settings.MARKET_DATA_GRACE,
        "quote": screen.quote,
    }
    return context | (_priced(screen, screen.quote) if screen.quote else {})


def _ticked(screen: Screen) -> set[str]:
    """Give the SSH keys that are chosen: all at first, then what the renter left ticked."""
    if screen.form.is_bound:
        return set(screen.form["ssh_keys"].value() or [])
    return {str(key.public_id) for key in screen.keys}


def _priced(screen: Screen, quote: Quote) -> dict[str, Any]:
    workspace, hourly = _of(screen).workspace, quote.hourly_price_usd
    balance = balance_usd(workspace)
    required = floors.required_usd(workspace, hourly_price_usd=hourly)
    missing = required - balance if balance <= required else None
    now = clock.now()
    back = reverse("rent", args=[screen.node.public_id])
    amounts = (Decimal(line["amount_usd"]) for line in quote.lines if line["amount_usd"])
    return {
        "quote_total_usd": sum(amounts, Decimal(0)),
        "quote_total_label": f"For {quote.hours.normalize():f} h",
        "hourly_price_rao": in_rao(hourly, tao_rate(now)),
        "price_per_day_usd": hourly * 24,
        "price_per_month_usd": hourly * 720,
        "runs_until": runs_until(runway(balance, hourly), now=now),
        "can_extend": quote.extended_at is None,
        "missing_usd": missing,
        "missing_text": f"Add more than ${missing:.4f}: the balance has to exceed ${required:.4f}."
        if missing is not None
        else "",
        "checkout_url": f"{reverse('checkout')}?{urlencode({'next': back})}",
    }


def _offer(node: Node, gpu_count: int) -> dict[str, Any]:
    return {
        "node": node,
        "gpu_count": gpu_count,
        "hourly_price_usd": node.price_per_gpu_usd * gpu_count,
        "url": f"{reverse('rent', args=[node.public_id])}?gpus={gpu_count}",
    }


def _wanted(request: HttpRequest, node: Node) -> int:
    sent = request.POST.get("gpu_count") or request.GET.get("gpus") or ""
    counts = node.gpu_counts() or [node.min_gpu_count]
    count = int(sent) if sent.isascii() and sent.isdigit() else counts[0]
    return count if count in counts else counts[0]


def _of(screen: Screen) -> Principal:
    assert screen.principal  # noqa: S101  # login_required says so
    return screen.principal


def _uuid(text: Any) -> UUID:
    try:
        return UUID(str(text))
    except ValueError:
        return UUID(int=0)
