"""Running a proof: one try under its lease; what comes of it is in `concluding`."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction

from core import clock, leases
from core.actors import PLATFORM
from core.clock import Clock
from core.errors import Unavailable
from marketplace.models import Node
from validation import terms
from validation.models import Proof, ProofStatus, Verdict
from validation.proof.bundle.records import Block, Status
from validation.services import beacons, concluding, judging, light, machine_lock, wanting
from validation.services.examining import Examination, Interrupted, NoAnswer, Refused, examine
from validation.services.provers import NotRunnable
from validation.transitions import Reason, move
from validation.verifier.report import Check

log = structlog.get_logger(__name__)
OURS: Final = "A mistake of this market kept it from running."
LATE: Final = "Its times were outside the band, or its blocks did not fit."
IN_TIME: Final = "an answer in time, of the right form"
ENTERED: Final = ["attempt", "started_at", "next_try_at", "gpu_model", "gpu_count", "hotkey"]


def prove(*, proof_id: int, now: Clock = clock.now) -> None:
    """Try a proof, and draw the consequences; harmless when somebody else does, or when it is done."""
    open_ones = Proof.objects.exclude(status=ProofStatus.DONE)
    with leases.held(open_ones, pk=proof_id, now=now) as token:
        if token is None:
            return
        node_id = Proof.objects.values_list("node", flat=True).get(pk=proof_id)
        with machine_lock.held(node_id) as alone:
            if alone and _begin(proof_id, token, now=now()):
                _try(proof_id, token, now)


def _begin(proof_id: int, token: UUID, *, now: datetime) -> bool:
    """Enter a try; end the proof instead where there were enough, or the machine is not idle."""
    with transaction.atomic():
        proof = concluding.locked(proof_id, token)
        if proof is None:
            return False
        if proof.attempt >= concluding.tries_of(proof):
            # A worker died over the last of them.
            concluding.end(proof, Verdict.UNKNOWN, Reason.GIVEN_UP, OURS, now=now)
            return False
        why_not = "" if proof.is_look else wanting.obstacle(proof.node)
        if why_not:
            concluding.end(proof, Verdict.NOT_RUN, Reason.NOT_POSSIBLE, why_not, now=now)
            return False
        _enter(proof, now=now)
    return True


def _enter(proof: Proof, *, now: datetime) -> None:
    """Begin a try: what the machine claims by now, and for whom, is what it is asked for and paid as."""
    proof.attempt += 1
    proof.started_at, proof.next_try_at = now, now + concluding.wait(proof.attempt)
    proof.gpu_model_id, proof.gpu_count = proof.node.gpu_model_id, proof.node.gpu_count
    proof.hotkey = proof.node.provider.hotkey or ""
    proof.save(update_fields=ENTERED)
    if proof.status == ProofStatus.WANTED:
        detail = f"Try {proof.attempt} of {concluding.tries_of(proof)}."
        move(
            proof,
            to=ProofStatus.RUNNING,
            reason=Reason.STARTED,
            actor=PLATFORM,
            now=now,
            detail=detail,
        )


def _try(proof_id: int, token: UUID, now: Clock) -> None:
    related = ("node__provider", "node__gpu_model", "gpu_model", "round")
    proof = Proof.objects.select_related(*related).get(pk=proof_id)
    go_on = _still_idle(proof.node_id)
    examination = Examination(proof, proof.node, partial(_beacon, proof, go_on), go_on)
    try:
        if proof.is_look:
            light.look(proof, token, now=now)
        else:
            _in_full(examination, token, now)
    except Exception:
        # What a hostile machine makes us stumble over costs it the try, and never the worker.
        log.exception("proof.stumbled", proof=str(proof.public_id))
        concluding.again(proof_id, token, OURS, record=examination.record, now=now())


def _in_full(examination: Examination, token: UUID, now: Clock) -> None:
    proof_id = examination.proof.pk
    try:
        found = judging.judged(examine(examination))
    except Interrupted as reason:
        concluding.not_run(proof_id, token, str(reason), record=examination.record, now=now())
    except NotRunnable as reason:
        concluding.not_run(proof_id, token, reason.message, record=examination.record, now=now())
    except Unavailable as reason:
        concluding.again(
            proof_id, token, OURS, private=reason.message, record=examination.record, now=now()
        )
    except NoAnswer as error:
        record, private = examination.record, error.detail
        concluding.again(proof_id, token, str(error), record=record, private=private, now=now())
    except Refused as error:
        _refused(proof_id, token, error, record=examination.record, now=now())
    else:
        _judged(examination.proof, token, found, now=now())


def _refused(proof_id: int, token: UUID, error: Refused, *, record: bytes, now: datetime) -> None:
    failed = Check(error.check_id, Status.FAIL, str(error), IN_TIME, error.remedy)
    if error.saw_the_coin:
        concluding.refused(proof_id, token, str(error), failed, record=record, now=now)
    else:
        concluding.again(proof_id, token, str(error), at_last=failed, record=record, now=now)


def _judged(proof: Proof, token: UUID, found: judging.Judged, *, now: datetime) -> None:
    if found.is_untimely and proof.attempt < concluding.tries_of(proof):
        concluding.again(proof.pk, token, LATE, record=found.data, now=now)
    else:
        concluding.keep(proof.pk, token, found, now=now)


def _beacon(proof: Proof, go_on: Callable[[], None]) -> Block:
    """Wait for the block of the round's sitting, the same for all machines that are ready; outside of rounds, the newest.

    :raises TooLate: the machine was not ready before that block.
    """
    begun = proof.round
    if begun is None:
        return beacons.record(beacons.newest())
    number = begun.beacon_number if proof.attempt == 1 else begun.second_number
    block = beacons.at(number, patience_seconds=terms.MOST_WAIT.total_seconds())
    # Somebody may have rented it while it waited.
    go_on()
    return block


def _still_idle(node_id: int) -> Callable[[], None]:
    def go_on() -> None:
        if why_not := wanting.obstacle(Node.objects.get(pk=node_id)):
            raise Interrupted(why_not)

    return go_on
