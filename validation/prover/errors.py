"""What the prover says when it cannot go on."""

from typing import Final

FAULTY: Final = "Look into the kernel's log for errors of the card (dmesg), then try again"


class ProverError(Exception):
    """Say what could not be done, why, and what to do about it; it ends the dialogue."""

    def __init__(self, what: str, *, why: str, remedy: str) -> None:
        super().__init__(f"{what}: {why}. {remedy}")
        self.what, self.why, self.remedy = what, why, remedy


def unexpected(what: str, failure: Exception, *, remedy: str) -> ProverError:
    """Turn any failure into one that a validator can be told."""
    return ProverError(what, why=f"{type(failure).__name__}: {failure}", remedy=remedy)
