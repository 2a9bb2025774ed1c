"""What a verifier found: one line a check, and what they come to."""

from collections.abc import Iterable
from dataclasses import dataclass

from validation.proof.bundle.records import Bundle, Status


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was measured against what is required, and what helps where it does not hold."""

    id: str
    status: Status
    measured: str
    required: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one bundle, in the order in which they build on each other."""

    bundle: Bundle
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Say whether no check failed; the verdict of a bundle that holds may still be unknown."""
        return all(check.status is not Status.FAIL for check in self.checks)


def check(name: str, holds: bool, *, measured: str, required: str, remedy: str = "") -> Check:
    """Make a check that either holds or not."""
    status = Status.PASS if holds else Status.FAIL
    return Check(name, status, measured, required, "" if holds else remedy)


def verdict_of(checks: Iterable[Check]) -> Status:
    """Return what the checks come to: one failure fails, and what is unknown is never taken for good."""
    found = {check.status for check in checks}
    for status in (Status.FAIL, Status.UNKNOWN):
        if status in found:
            return status
    return Status.PASS
