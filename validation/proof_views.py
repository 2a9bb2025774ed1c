"""Public pages of proofs: each proof with its checks and its bundle, and the bands; and the button that asks for one."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import visitor
from core import clock
from marketplace.access import node_for_provider
from validation import access, pages, selectors
from validation.challenge.session import NOTHING_BEFORE
from validation.services import artifacts, validator_key, wanting

PAGE_SIZE = 50
# A bundle never changes once it is there.
FOR_EVER = "public, max-age=31536000, immutable"


@require_safe
def proofs(request: HttpRequest) -> HttpResponse:
    """List the proofs of all machines, newest first."""
    rows = Paginator(access.public_proofs().order_by("-id"), PAGE_SIZE)
    page = rows.get_page(request.GET.get("page"))
    context = {"page": page, "next_at": selectors.next_round_at()}
    return render(request, "validation/proofs.html", context)


@require_safe
def proof(request: HttpRequest, proof_id: UUID) -> HttpResponse:
    """Show one proof with every check."""
    found = access.proof_for_visitor(proof_id)
    context = {
        "proof": found,
        "checks": selectors.checks_of(found),
        "tries": selectors.tries_of(found),
        "seconds": selectors.proof_seconds(found),
        "next_at": selectors.next_round_at(),
        "nothing_before": NOTHING_BEFORE.hex(),
    }
    return render(request, "validation/proof.html", context)


@require_safe
def bundle(request: HttpRequest, proof_id: UUID) -> HttpResponse:
    """Give a proof's bundle, byte for byte as it was signed."""
    data = access.bundle_for_visitor(proof_id)
    response = HttpResponse(data, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{proof_id}.bundle.json"'
    response["Cache-Control"] = FOR_EVER
    return response


@require_safe
def prover(request: HttpRequest) -> HttpResponse:
    """Give the prover, the very file that machines are proven with."""
    response = HttpResponse(artifacts.prover(), content_type="application/zip")
    response["Content-Disposition"] = 'attachment; filename="prove.pyz"'
    return response


@require_safe
def bands(request: HttpRequest) -> HttpResponse:
    """Show the bands that times are held against, and what they rest on."""
    context = {
        "bands": selectors.newest_bands(),
        "min_machines": settings.MARKET_BAND_MIN_MACHINES,
        "min_samples": settings.MARKET_BAND_MIN_SAMPLES,
        "signer": validator_key.address(),
        "signer_is_local": settings.MARKET_CHAIN == "local",
    }
    return render(request, "validation/bands.html", context)


@login_required
@require_safe
def machine_proofs(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Give a provider the section of a machine's page alone, while a proof is under way."""
    node = node_for_provider(visitor(request), machine_id)
    return render(request, "validation/_console.html", pages.console(node))


@login_required
@require_POST
def prove_now(request: HttpRequest, machine_id: UUID) -> HttpResponse:
    """Ask for a proof of one's own machine."""
    asking = visitor(request)
    node = node_for_provider(asking, machine_id)
    person = str(asking.user.public_id)
    wanting.ask(node=node, actor=asking.actor(), person=person, now=clock.now())
    messages.success(request, "Its GPUs are being proven; the result appears below.")
    return redirect("provider_node", machine_id)
