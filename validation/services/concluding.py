"""What comes of a try: another one, or a verdict on the proof's row and on the machine's.

Locks are taken in one order: the machine's row, then the proof's.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from core.actors import PLATFORM
from marketplace.models import Node
from marketplace.services import gpu_proofs
from validation import terms
from validation.challenge.bands import shape_of
from validation.models import (
    CardSample,
    CheckStatus,
    Proof,
    ProofCheck,
    ProofStatus,
    ProofTry,
    Verdict,
)
from validation.proof.bundle.records import Status
from validation.services import identity
from validation.services.judging import STATUSES, Judged
from validation.transitions import Reason, move
from validation.verifier.report import Check, verdict_of

VERDICTS: Final = {
    Status.PASS: Verdict.PASS,
    Status.FAIL: Verdict.FAIL,
    Status.UNKNOWN: Verdict.UNKNOWN,
}
TEXT: Final = 500


def locked(proof_id: int, token: UUID) -> Proof | None:
    """Lock a proof that is still open and ours, behind its machine; the caller's transaction holds both."""
    node_id = Proof.objects.values_list("node", flat=True).get(pk=proof_id)
    node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
    mine = Proof.objects.filter(pk=proof_id, lease_token=token).exclude(status=ProofStatus.DONE)
    proof = mine.select_for_update(no_key=True).first()
    if proof is not None:
        proof.node = node
    return proof


def again(
    proof_id: int,
    token: UUID,
    said: str,
    *,
    now: datetime,
    record: bytes = b"",
    private: str = "",
    at_last: Check | None = None,
) -> None:
    """Wait for another try. After the last one nothing could be told, or ``at_last`` has failed."""
    with transaction.atomic():
        proof = locked(proof_id, token)
        if proof is None:
            return
        if proof.attempt >= tries_of(proof):
            _give_up(proof, said, failed=at_last, record=record, now=now, private=private)
            return
        _write_try(proof, said, record=record, now=now)
        soon = now + wait(proof.attempt)
        proof.next_try_at = max(soon, proof.round.second_at) if proof.round else soon
        move(
            proof,
            to=ProofStatus.WANTED,
            reason=Reason.TRY_AGAIN,
            actor=PLATFORM,
            now=now,
            detail=said,
            private=private,
        )


def refused(
    proof_id: int, token: UUID, said: str, failed: Check, *, now: datetime, record: bytes
) -> None:
    """Fail a proof whose prover knew its coin and did not answer as it must."""
    with transaction.atomic():
        if proof := locked(proof_id, token):
            _give_up(proof, said, failed=failed, record=record, now=now)


def not_run(proof_id: int, token: UUID, why: str, *, now: datetime, record: bytes = b"") -> None:
    """End a proof that cannot be run."""
    with transaction.atomic():
        if proof := locked(proof_id, token):
            _write_try(proof, why, record=record, now=now)
            end(proof, Verdict.NOT_RUN, Reason.NOT_POSSIBLE, why, now=now)


def keep(proof_id: int, token: UUID, found: Judged, *, now: datetime) -> None:
    """Store a bundle and what it says, and let the machine stand accordingly."""
    with transaction.atomic():
        proof = locked(proof_id, token)
        if proof is None:
            return
        statement, reveal = found.transcript.statement, found.transcript.reveal
        proof.beacon_number = statement.beacon.number
        proof.beacon_hash = statement.beacon.hash.hex()
        proof.coin_number = reveal.beacon.number
        proof.previous, proof.commitment = statement.previous.hex(), found.commitment
        proof.fill_us, proof.sweep_us = found.fill_us, found.sweep_us
        proof.bundle, proof.bundle_sha256 = found.data, found.sha256
        ours = _of_market(proof, found, now=now)
        checks = [*found.checks, *ours]
        foreign = verdict_of(ours) is Status.FAIL
        _write_checks(proof, checks)
        if found.is_sound and not foreign:
            _write_samples(proof, found, now=now)
        verdict = Verdict.FAIL if foreign else VERDICTS[found.verdict]
        end(proof, verdict, Reason.JUDGED, said_of(verdict, checks), now=now)


def keep_light(proof_id: int, token: UUID, checks: Sequence[Check], *, now: datetime) -> None:
    """Store what a light look found; it leaves the machine where it stands."""
    with transaction.atomic():
        if proof := locked(proof_id, token):
            _write_checks(proof, checks)
            verdict = VERDICTS[verdict_of(checks)]
            end(proof, verdict, Reason.JUDGED, said_of(verdict, checks), now=now)


def end(
    proof: Proof, verdict: Verdict, reason: Reason, said: str, *, now: datetime, private: str = ""
) -> None:
    """Give a proof its verdict and let the machine stand accordingly; the caller holds both locks."""
    move(
        proof,
        to=ProofStatus.DONE,
        reason=reason,
        actor=PLATFORM,
        now=now,
        detail=said,
        private=private,
        verdict=verdict,
    )
    if verdict == Verdict.PASS and proof.bundle is not None:
        gpu_proofs.passed(node_id=proof.node_id, proof_id=proof.public_id, now=now)
    elif verdict == Verdict.FAIL:
        why = f"Its GPUs could not be proven. {said}"
        gpu_proofs.failed(node_id=proof.node_id, proof_id=proof.public_id, why=why, now=now)


def tries_of(proof: Proof) -> int:
    """Say how often a machine is asked: in a round once a sitting, so that it is never asked alone."""
    most: int = settings.MARKET_PROOF_TRIES
    return min(most, terms.TRIES_IN_A_ROUND) if proof.round_id else most


def said_of(verdict: Verdict, checks: Sequence[Check]) -> str:
    """Say in a sentence what a bundle's checks come to."""
    if verdict == Verdict.PASS:
        return "Every check held."
    wanted = {Status.FAIL} if verdict == Verdict.FAIL else {Status.FAIL, Status.UNKNOWN}
    ids = ", ".join(dict.fromkeys(check.id for check in checks if check.status in wanted))
    return f"{'Failed' if verdict == Verdict.FAIL else 'Could not be told'}: {ids}."


def wait(attempt: int) -> timedelta:
    """Give the time until the next try: longer each time, and not the same for all."""
    doubled: timedelta = terms.AGAIN_AFTER * (1 << (attempt - 1))
    return min(doubled, terms.MOST_WAIT) * random.uniform(0.8, 1.2)  # noqa: S311  # jitter


def _give_up(
    proof: Proof,
    said: str,
    *,
    failed: Check | None,
    record: bytes,
    now: datetime,
    private: str = "",
) -> None:
    _write_try(proof, said, record=record, now=now)
    _write_checks(proof, [failed] if failed else [])
    verdict = Verdict.FAIL if failed else Verdict.UNKNOWN
    end(proof, verdict, Reason.GIVEN_UP, said, now=now, private=private)


def _write_try(proof: Proof, said: str, *, record: bytes, now: datetime) -> None:
    """Keep what was exchanged in a try that did not end the proof with a bundle."""
    if record:
        ProofTry.objects.create(
            proof=proof,
            number=proof.attempt,
            ended_at=now,
            reason=said[:300],
            record=record,
            record_sha256=sha256(record).hexdigest(),
        )


def _write_checks(proof: Proof, checks: Sequence[Check]) -> None:
    proof.checks.all().delete()
    ProofCheck.objects.bulk_create(
        ProofCheck(
            proof=proof,
            position=position,
            check_id=check.id,
            status=STATUSES.get(check.status, CheckStatus.UNKNOWN),
            measured=check.measured[:TEXT],
            required=check.required[:TEXT],
            remedy=check.remedy[:TEXT],
        )
        for position, check in enumerate(checks)
    )


def _of_market(proof: Proof, found: Judged, *, now: datetime) -> list[Check]:
    """Check what a bundle alone cannot tell. Whose card it is can only be asked of somebody who has one."""
    cards = found.transcript.statement.cards
    listed = identity.check_listed(proof.node, cards)
    if not found.is_sound or listed.status is Status.FAIL:
        return [listed]
    return [listed, identity.check_alone(proof, [card.uuid for card in cards], now=now)]


def _write_samples(proof: Proof, found: Judged, *, now: datetime) -> None:
    cards = found.transcript.statement.cards
    shape = shape_of(cards[0].parameters, cards=len(cards))
    CardSample.objects.bulk_create(
        CardSample(
            proof=proof,
            node_id=proof.node_id,
            gpu_model_id=proof.gpu_model_id,
            uuid=card.uuid[:64],
            shape=shape,
            simulated=proof.simulated,
            fill_us=found.fill_us,
            sweep_us=found.sweep_us,
            taken_at=now,
        )
        for card in cards
    )
