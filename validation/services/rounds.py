"""When machines are proven: in rounds at one beacon block, when GPUs change hands, and again after a vain try."""

import random
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from billing.chain.port import ChainUnavailable
from core import leases
from marketplace.models import HandOver, Node, NodeGpu, NodeStatus, ProofVerdict
from validation import dispatch, terms
from validation.models import Proof, ProofStatus, Purpose, Round
from validation.services import beacons, wanting

log = structlog.get_logger(__name__)
BATCH: Final = 200
# A hand-over that nobody looked at for so long tells nothing any more.
FRESH: Final = timedelta(minutes=30)
PURPOSES: Final = {
    HandOver.Direction.TO_RENTER: Purpose.LOOK,
    HandOver.Direction.TO_MARKET: Purpose.RETURN,
}


def sweep(now: datetime) -> int:
    """Start what is due, and ring again for what nobody works on; give how many were rung for."""
    follow_hand_overs(now)
    look_at_rented(now)
    begin_round(now)
    return ring_due(now)


def begin_round(now: datetime) -> Round | None:
    """Have every idle machine get ready for one block to come, when a round is due."""
    latest = Round.objects.order_by("-id").first()
    if latest is not None and latest.next_at > now:
        return None
    nodes = list(_to_prove())
    if not nodes:
        return None
    try:
        begun = _round(nodes, now=now)
    except ChainUnavailable as error:
        log.warning("proof.no_beacon", error=str(error))
        return None
    return _begin(begun, nodes, now=now)


def follow_hand_overs(now: datetime) -> int:
    """Want a proof for each time that GPUs changed hands of late; give how many."""
    fresh = HandOver.objects.filter(occurred_at__gt=now - FRESH, proof=None, node__delisted_at=None)
    followed = 0
    for fact in fresh.select_related("node").order_by("pk")[:BATCH]:
        try:
            followed += _follow(fact, now=now)
        except Exception:
            # One that cannot be followed must not keep the others, nor rounds, from being begun.
            log.exception("proof.not_followed", hand_over=str(fact.public_id))
    return followed


def look_at_rented(now: datetime) -> int:
    """Want a look at each machine with GPUs that are rented for an interval, and had none for as long; give how many."""
    before, of_node = now - settings.MARKET_PROOF_INTERVAL, OuterRef("pk")
    recent = Proof.objects.filter(node=of_node, purpose=Purpose.LOOK, wanted_at__gt=before)
    given = HandOver.objects.filter(
        node=OuterRef("node"),
        holder=OuterRef("holder"),
        direction=HandOver.Direction.TO_RENTER,
        occurred_at__lte=before,
    )
    held = NodeGpu.objects.filter(Exists(given), node=of_node, holder__isnull=False)
    rented = Node.objects.filter(delisted_at=None, free_gpu_count__lt=F("gpu_count"))
    due = rented.filter(Exists(held), ~Exists(recent), ~Exists(_open_of_node()))
    ids = due.order_by("pk").values_list("pk", flat=True)[:BATCH]
    for node_id in ids:
        wanting.want(node_id=node_id, purpose=Purpose.LOOK, now=now)
    return len(ids)


def _open_of_node() -> QuerySet[Proof]:
    return Proof.objects.filter(node=OuterRef("pk")).exclude(status=ProofStatus.DONE)


def _follow(fact: HandOver, *, now: datetime) -> bool:
    purpose = PURPOSES[HandOver.Direction(fact.direction)]
    if purpose == Purpose.RETURN and wanting.is_near_a_round(fact.node, now=now):
        return False
    proof = wanting.want(node_id=fact.node_id, purpose=purpose, hand_over=fact, now=now)
    return proof.hand_over_id == fact.pk


def ring_due(now: datetime) -> int:
    """Nudge workers for the proofs whose time has come."""
    due = Proof.objects.filter(~Q(status=ProofStatus.DONE), leases.free(now), next_try_at__lte=now)
    with transaction.atomic():
        ids = list(due.order_by("next_try_at").values_list("pk", flat=True)[:BATCH])
        for proof_id in ids:
            dispatch.prove(proof_id)
    return len(ids)


def next_round_at(now: datetime) -> datetime:
    """Say when the next round is due: the interval, give or take a fifth."""
    return now + settings.MARKET_PROOF_INTERVAL * random.uniform(0.8, 1.2)  # noqa: S311  # jitter


def _round(nodes: list[Node], *, now: datetime) -> Round:
    """Name the blocks of a round's two sittings; nobody knows their hashes."""
    sittings = terms.sittings(simulated=all(node.simulated for node in nodes))
    return Round(
        chain=beacons.chain_name(),
        beacon_number=beacons.height_after(sittings.lead),
        second_number=beacons.height_after(sittings.lead + sittings.apart),
        machine_count=len(nodes),
        started_at=now,
        second_at=now + sittings.apart,
        next_at=next_round_at(now),
    )


def _begin(begun: Round, nodes: list[Node], *, now: datetime) -> Round | None:
    try:
        with transaction.atomic():
            begun.save()
    except IntegrityError:
        # Another worker has begun the round of this block.
        return None
    wanting.want_all(nodes, round=begun, now=now)
    return begun


def _to_prove() -> QuerySet[Node]:
    """Select the idle machines on the market, and those that only a failed proof keeps off it."""
    failed = Q(status=NodeStatus.VALIDATION_FAILED, proof_verdict=ProofVerdict.FAIL)
    kept_off = Node.objects.filter(failed, delisted_at=None, free_gpu_count=F("gpu_count"))
    return (Node.objects.idle() | kept_off).select_related("gpu_model").order_by("pk")
