"""Judging what a machine answered: the same checks that anyone can repeat, sealed with our key."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from validation.models import CheckStatus
from validation.proof.bundle.records import Status, Transcript
from validation.proof.bundle.signing import seal
from validation.proof.seeds import machine_commitment
from validation.services.beacons import OurChain
from validation.services.validator_key import ValidatorKey, validator_key
from validation.verifier.judging import body_of, judge
from validation.verifier.report import Check, verdict_of
from validation.verifier.timing import phase_us
from validation.verifier.verifying import verify

# Other threads of this process time other machines: one that computes keeps them waiting for milliseconds
# (`./market bench verify` shows how many), several would for as many times more.
ONE_AT_A_TIME: Final = threading.Lock()
# What says when a card answered, and nothing about whether it computed.
OF_TIME: Final = frozenset({"times", "beacon"})
# What says that somebody's cards did the work: nobody shall move a band, or accuse another, with what was not computed.
SOUND: Final = (
    "parameters",
    "seeds",
    "order",
    "count",
    "identity",
    "memory",
    "commitment",
    "tiles",
    "sweeps",
)
STATUSES: Final = {
    Status.PASS: CheckStatus.PASS,
    Status.FAIL: CheckStatus.FAIL,
    Status.UNKNOWN: CheckStatus.UNKNOWN,
    Status.NOT_CHECKED: CheckStatus.NOT_CHECKED,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A sealed bundle with what it says."""

    transcript: Transcript
    data: bytes
    verdict: Status
    checks: Sequence[Check]

    @property
    def sha256(self) -> str:
        """Give the hash of the bundle's bytes, in hexadecimal."""
        return sha256(self.data).hexdigest()

    @property
    def commitment(self) -> str:
        """Give the hash over all cards' roots, in hexadecimal."""
        return machine_commitment(self.transcript.commitment.roots).hex()

    @property
    def fill_us(self) -> int:
        """Give what the fill took, without the round trip."""
        statement = self.transcript.statement
        received_at = self.transcript.commitment.received_at
        return phase_us(statement.sent_at, received_at, statement.round_trip_us)

    @property
    def sweep_us(self) -> int:
        """Give what all sweeps took, without the round trip."""
        residency, round_trip = (
            self.transcript.residency,
            self.transcript.statement.round_trip_us,
        )
        return phase_us(residency.sent_at, residency.answered_at, round_trip)

    @property
    def failed(self) -> list[str]:
        """List the ids of the checks that failed."""
        return [check.id for check in self.checks if check.status is Status.FAIL]

    @property
    def is_sound(self) -> bool:
        """Say whether the work was done, by as many cards, of as much memory; whatever time it took."""
        passed = {check.id for check in self.checks if check.status is Status.PASS}
        return passed.issuperset(SOUND)

    @property
    def is_untimely(self) -> bool:
        """Say whether nothing but times or blocks keeps it from passing."""
        statuses = {check.id: check.status for check in self.checks}
        wrong = bool(OF_TIME & set(self.failed)) or statuses["beacon"] is not Status.PASS
        return wrong and set(self.failed) <= OF_TIME


def judged(transcript: Transcript) -> Judged:
    """Judge a transcript and seal it; verifies what was sealed as a stranger would, with our chain at hand.

    :raises NoValidatorKey: there is no key to sign with.
    """
    with ONE_AT_A_TIME:
        return _judged(transcript, validator_key())


def _judged(transcript: Transcript, key: ValidatorKey) -> Judged:
    checks = judge(transcript)
    body = body_of(transcript, checks)
    data = seal(body, signer=key.ss58_address, sign=key.sign)
    judged = transcript, checks
    report = verify(data, signer=key.ss58_address, chain=OurChain(), judged=judged)
    found = verdict_of(check for check in report.checks if check.status is not Status.NOT_CHECKED)
    # What the body says stands for strangers; a beacon that does not fit may be the fault of this market.
    verdict = Status.UNKNOWN if body.verdict is not Status.FAIL and found is Status.FAIL else found
    return Judged(transcript, data, verdict, report.checks)
