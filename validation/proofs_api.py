"""Proofs over the API: public reads, and asking for one."""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from accounts.auth import ApiKeyAuth, caller
from accounts.models import Scope
from core import clock
from core.clock import iso
from marketplace.access import node_for_visitor
from validation import access, selectors
from validation.proof_schemas import (
    BandOut,
    BeaconOut,
    ProofDetail,
    ProofOut,
    band_out,
    check_out,
    proof_out,
    try_out,
)
from validation.services import beacons, wanting

router = Router(tags=["proofs"])
Limit = Annotated[int, Field(ge=1, le=200)]


@router.get("/proofs", response=list[ProofOut])
def proofs(
    request: HttpRequest, node_id: UUID | None = None, limit: Limit = 50
) -> list[dict[str, Any]]:
    """List proofs of GPUs, newest first, of one machine or of all."""
    rows = access.public_proofs().order_by("-id")
    if node_id is not None:
        rows = rows.filter(node__public_id=node_id)
    return [proof_out(proof) for proof in rows[:limit]]


@router.get("/proofs/bands", response=list[BandOut])
def bands(request: HttpRequest) -> list[dict[str, Any]]:
    """List what each GPU model takes for a proof: the figures that times are held against."""
    return [band_out(band) for band in selectors.newest_bands()]


@router.get("/proofs/beacon", response=BeaconOut)
def beacon(request: HttpRequest) -> dict[str, Any]:
    """Give the newest finalized block of this market's chain, for a proof that you ask for yourself."""
    found = beacons.newest_known()
    block = beacons.record(found)
    return {
        "chain": block.chain,
        "number": block.number,
        "hash": block.hash.hex(),
        "made_at_us": beacons.time_us(found),
    }


@router.get("/proofs/{uuid:proof_id}", response=ProofDetail)
def proof(request: HttpRequest, proof_id: UUID) -> dict[str, Any]:
    """Give one proof with every check."""
    found = access.proof_for_visitor(proof_id)
    return proof_out(found) | {
        "checks": [check_out(check) for check in selectors.checks_of(found)],
        "tries": [try_out(one) for one in selectors.tries_of(found)],
        "next_round_at": iso(selectors.next_round_at()),
    }


@router.get("/proofs/{uuid:proof_id}/bundle", response=dict[str, Any])
def bundle(request: HttpRequest, proof_id: UUID) -> HttpResponse:
    """Give a proof's signed bundle, byte for byte; `./market verify` checks it without an account or a GPU."""
    data = access.bundle_for_visitor(proof_id)
    return HttpResponse(data, content_type="application/json")


@router.get("/bundles/{digest}", response=dict[str, Any])
def bundle_by_digest(request: HttpRequest, digest: str) -> HttpResponse:
    """Give a signed bundle by the SHA-256 of its bytes, as published scores name it."""
    return HttpResponse(access.bundle_by_digest(digest), content_type="application/json")


@router.get("/proofs/{uuid:proof_id}/tries/{int:number}", response=dict[str, Any])
def record_of_try(request: HttpRequest, proof_id: UUID, number: int) -> HttpResponse:
    """Give what was exchanged in a try that did not end its proof, as canonical JSON."""
    data = access.try_for_visitor(proof_id, number)
    return HttpResponse(data, content_type="application/json")


@router.post("/executors/{uuid:node_id}/proofs", auth=ApiKeyAuth(), response=ProofOut)
def ask(request: HttpRequest, node_id: UUID) -> dict[str, Any]:
    """Have an idle machine on the market proven now; the proof that is under way, if there is one.

    At most six an hour are run of one machine, whoever asks; three of them for one account. None begins when a round of
    all machines is near, in which it is proven anyhow.
    """
    principal = caller(request)
    principal.require(Scope.RENT)
    node = node_for_visitor(node_id)
    actor, person = principal.actor(), str(principal.user.public_id)
    return proof_out(wanting.ask(node=node, actor=actor, person=person, now=clock.now()))
