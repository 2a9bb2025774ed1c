"""What can go wrong between us and a machine, each a sentence that a person can act on."""


class MachineError(Exception):
    """Base of everything that this package raises."""


class MachineUnreachable(MachineError):
    """No SSH conversation was possible; says nothing about what runs on the machine."""

    def __init__(self, *, where: str, why: str) -> None:
        self.why = why
        super().__init__(
            f"Cannot reach {where}: {why}. Check that the machine is on and its SSH port is open."
        )


class HostKeyChanged(MachineError):
    """Another machine, or a reinstalled one, answers at the address; nothing was sent to it."""

    def __init__(self, *, where: str, expected: str, presented: str) -> None:
        self.expected = expected
        self.presented = presented
        super().__init__(
            f"{where} presented host key {presented}, but {expected} is on record. "
            "If the machine was reinstalled, enrol its new key; otherwise do not trust it."
        )


class AccessDenied(MachineError):
    """The machine refused our user or key."""

    def __init__(self, *, where: str, why: str) -> None:
        super().__init__(
            f"{where} refused our key: {why}. "
            "Check that our public key is in the user's authorized_keys."
        )


class OutcomeUnknown(MachineError):
    """A command was sent and its result never arrived: it may have run, look before repeating."""

    def __init__(self, *, where: str, command: str, why: str) -> None:
        super().__init__(
            f"{why} while {where} ran `{command}`; it may have taken effect. "
            "Look at the machine before trying again."
        )


class CommandTimeout(OutcomeUnknown):
    """A command outlived its deadline."""


class CommandFailed(MachineError):
    """A command ran to its end and reported failure."""

    def __init__(self, *, where: str, command: str, exit_status: int, stderr: str) -> None:
        self.exit_status = exit_status
        self.stderr = stderr
        super().__init__(f"`{command}` failed on {where} with status {exit_status}: {stderr}")


class NotUnderstood(MachineError):
    """A command's output is not what that command prints: a broken machine, or one that means to mislead."""

    def __init__(self, *, where: str, what: str) -> None:
        super().__init__(f"{where} gave {what} that cannot be right.")


class BadKey(MachineError):
    """A key is not what SSH expects."""
