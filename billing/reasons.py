"""Why an invoice, a deposit or a sweep is as it is: one code and one sentence, the same for everyone."""

from enum import StrEnum


class Reason(StrEnum):
    """A cause of a change; ``code`` is stable, ``words`` are shown."""

    words: str

    def __new__(cls, code: str, words: str) -> "Reason":
        """Make a member from its code and its sentence."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.words = words
        return member

    @property
    def code(self) -> str:
        """The stable code."""
        return str(self.value)

    # Invoices
    TRANSFER_SEEN = "transfer_seen", "A transfer is in a block that is not final yet."
    BLOCK_REPLACED = "block_replaced", "The block was replaced before it was final."
    TRANSFER_FINAL = "transfer_final", "A transfer became final and was credited."
    TIME_OVER = "time_over", "No transfer came before the end."

    # Deposits
    CREDITED_IN_TIME = "credited_in_time", "Final; credited at the invoice's rate."
    CREDITED_LATE = (
        "credited_late",
        "Final, in a block after the invoice's end; credited at the rate of its arrival.",
    )
    NO_RATE = (
        "no_rate",
        "It came after the invoice's end and no rate could be had; an administrator credits it.",
    )
    DUST = "dust", "It is not more than it costs to collect it; an administrator decides."
    UNKNOWN_SENDER = (
        "unknown_sender",
        "It came to the treasury from an unknown sender; an administrator decides.",
    )
    BLOCK_RETURNED = "block_returned", "The replaced block is part of the chain again."
    SETTLED_BY_ADMIN = "settled_by_admin", "An administrator credited it."
    REFUND_ASKED = "refund_asked", "An administrator asked to send it back."
    REFUND_WITHDRAWN = "refund_withdrawn", "The refund was withdrawn."

    # Sweeps
    SIGNED = "signed", "The transfer to the treasury is signed and stored."
    SWEPT = "swept", "The transfer to the treasury is final."
    REFUSED_BY_CHAIN = "refused_by_chain", "The chain refused the transfer for good."
