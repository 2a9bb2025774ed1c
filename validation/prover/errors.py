"""What the prover says when it cannot go on."""


class ProverError(Exception):
    """Say what could not be done, why, and what to do about it; it ends the dialogue."""

    def __init__(self, what: str, *, why: str, remedy: str) -> None:
        super().__init__(f"{what}: {why}. {remedy}")
        self.what, self.why, self.remedy = what, why, remedy
