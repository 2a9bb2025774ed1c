"""All checks that anyone can repeat from a transcript alone, in the order of their cost."""

from validation.proof.bundle.records import Body, Status, Transcript
from validation.verifier import claims
from validation.verifier.arithmetic import check_openings
from validation.verifier.report import Check, verdict_of
from validation.verifier.timing import check_times


def judge(transcript: Transcript) -> list[Check]:
    """Run every check that needs nothing but the transcript."""
    statement = transcript.statement
    return [
        claims.check_parameters(statement),
        claims.check_seeds(transcript),
        claims.check_order(transcript),
        claims.check_count(statement),
        claims.check_identity(statement),
        claims.check_memory(statement),
        claims.check_commitment(transcript),
        *check_openings(transcript),
        check_times(transcript),
    ]


def body_of(transcript: Transcript, checks: list[Check]) -> Body:
    """Return what a validator signs after it has judged."""
    return Body(transcript=transcript, checks=statuses(checks), verdict=verdict_of(checks))


def statuses(checks: list[Check]) -> dict[str, Status]:
    """Return the status of each check by its id."""
    return {check.id: check.status for check in checks}
