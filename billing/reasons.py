"""Why an invoice, a deposit or an outgoing transfer is as it is: one code and one sentence, the same for everyone."""

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
    TRANSFER_HELD = (
        "transfer_held",
        "A transfer is final and could not be credited by itself; it waits for a decision.",
    )
    TRANSFER_FINAL = "transfer_final", "A transfer became final and was credited."
    TIME_OVER = "time_over", "No transfer came before the end."

    # Deposits
    CREDITED_IN_TIME = "credited_in_time", "Final; credited at the invoice's rate."
    CREDITED_LATE = (
        "credited_late",
        "Final, in a block after the invoice's end; credited at the rate of its arrival.",
    )
    CREDITED_ON_ARRIVAL = "credited_on_arrival", "Final; credited at the rate of its arrival."
    NO_RATE = (
        "no_rate",
        "No rate of TAO could be had when it came; it is credited as soon as there is one.",
    )
    NO_PRICE = (
        "no_price",
        "The chain had no price of that alpha when it came; an administrator decides.",
    )
    RATE_IS_BACK = "rate_is_back", "There is a rate of TAO again; credited at that."
    DUST = "dust", "It is less than the smallest deposit; an administrator decides."
    WRONG_SUBNET = (
        "wrong_subnet",
        "This market does not take alpha of that subnet; an administrator sends it back.",
    )
    ALPHA_ASTRAY = (
        "alpha_astray",
        "Alpha came to an address that is for TAO; an administrator decides.",
    )
    AGAIN = (
        "again",
        "The same transfer was credited before, from a block that was replaced after it was final; "
        "an administrator decides.",
    )
    UNKNOWN_SENDER = (
        "unknown_sender",
        "It came to the treasury from a coldkey that nobody linked; an administrator decides.",
    )
    BLOCK_RETURNED = "block_returned", "The replaced block is part of the chain again."
    SETTLED_BY_ADMIN = "settled_by_admin", "An administrator credited it."
    REFUND_ASKED = "refund_asked", "An administrator asked to send it back."
    REFUND_WITHDRAWN = "refund_withdrawn", "The refund was withdrawn."

    # Outgoing transfers
    SIGNED = (
        "signed",
        "The transfer is signed and stored; from now on it is sent until it is final.",
    )
    LAPSED = "lapsed", "No block held the signature in time; it is signed anew with the same nonce."
    SENT = "sent", "The transfer is final."
    REFUSED_BY_CHAIN = (
        "refused_by_chain",
        "The chain carried it out as a failure, and took its fee.",
    )
    NONCE_TAKEN = (
        "nonce_taken",
        "Another transfer of the same key took its nonce; this one can never come.",
    )
    FUNDS_MISSING = "funds_missing", "The address does not hold amount and fee; nothing was signed."

    # Payouts and refunds
    BATCH_PROPOSED = "batch_proposed", "Proposed; another administrator decides."
    BATCH_APPROVED = "batch_approved", "A second administrator approved it."
    BATCH_REFUSED = "batch_refused", "An administrator refused the batch."
    BATCH_EXPIRED = "batch_expired", "Nobody approved the batch while its rate was fresh."
    BATCH_COMPLETED = "batch_completed", "Each payout of the batch is paid or failed."
    NO_LONGER_PAYABLE = "no_longer_payable", "It could not be paid any more when it was approved."
    PAID_OUT = "paid_out", "The transfer is final."
    TRANSFER_FAILED = "transfer_failed", "The transfer failed; the amount is back where it was."
    REFUND_FINAL = "refund_final", "It was sent back, and the transfer is final."


def words_of(code: str) -> str:
    """Give the sentence of a code; the code itself where it is not known any more."""
    return next((reason.words for reason in Reason if reason.code == code), code)
