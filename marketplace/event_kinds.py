"""The kinds of events that are sent, each in words; those of machines are the codes of their events."""

from collections.abc import Mapping
from typing import Final

from marketplace.models import Provider
from marketplace.models.webhook import Owner

TEST: Final = "test"
DISABLED: Final = "webhook.disabled"
DISABLED_WORDS: Final = "A webhook was switched off because it kept failing"

OF_PROVIDERS: Final[Mapping[str, str]] = {
    "machine.checks_passed": "A machine passed its checks and is on the market",
    "machine.checks_failed": "A check failed; the machine is off the market",
    "machine.proof_failed": "A proof of its GPUs failed; the machine is off the market",
    "machine.proof_passed": "Its GPUs are proven again",
    "machine.verification_expired": "A machine passed no checks for too long; it is off the market",
    "machine.not_answering": "A machine does not answer",
    "machine.answers_again": "A machine answers again",
    "machine.rebooted": "A machine was rebooted",
    "machine.gone_too_long": "A machine has been silent for too long",
    "machine.price_changed": "A price was changed",
    "machine.address_changed": "A machine is reached at another address",
    "machine.maintenance_notice": "A maintenance was announced",
    "machine.maintenance_cancelled": "A maintenance was taken back",
    "machine.maintenance_started": "A maintenance began",
    "machine.maintenance_over": "A maintenance is over",
    "machine.reclaim_notice": "A removal was announced",
    "machine.reclaimed_early": "A machine was taken back early",
    "machine.reclaim_cancelled": "A removal was taken back",
    "machine.reclaim_done": "A machine was removed as announced",
    "machine.frozen": "Operators hid a machine from new renters",
    "machine.unfrozen": "Operators show a machine again",
    "machine.delisted": "A machine was taken off the market",
    "rental.started": "A rental of a machine began",
    "rental.ended": "A rental of a machine ended",
    "payout.paid": "A payout arrived at your coldkey",
    "payout.failed": "A payout failed; the amount is back on your balance",
    DISABLED: DISABLED_WORDS,
    "machine_request": "Somebody asks for a GPU that you follow",
}
OF_RENTERS: Final[Mapping[str, str]] = {
    "balance.low": "The balance lasts 24 hours, or 2 hours",
    "balance.empty": "The balance is used up",
    "pod.running": "A pod is proven ready, or reachable again",
    "pod.unreachable": "A pod does not answer",
    "pod.stopped": "A pod was stopped; its files are kept",
    "pod.reboot_failed": "A restart of a pod failed",
    "pod.lost": "A pod was lost",
    "pod.failed": "A pod could not be started",
    "pod.ended": "A pod was removed",
    "deposit.credited": "A payment is on the balance",
    DISABLED: DISABLED_WORDS,
}
WORDS: Final = {**OF_PROVIDERS, **OF_RENTERS}
# What a mail is worth until the provider chooses: things that they did not do themselves.
MAILED_TO_PROVIDERS: Final = (
    "machine.checks_passed",
    "machine.checks_failed",
    "machine.proof_failed",
    "machine.verification_expired",
    "machine.not_answering",
    "machine.answers_again",
    "machine.gone_too_long",
    "machine.frozen",
    "machine.unfrozen",
    "machine.delisted",
    "rental.started",
    "rental.ended",
    "payout.paid",
    "payout.failed",
    DISABLED,
    "machine_request",
)
# What providers announce of a renter's machine is mailed by itself (rentals.services.notice_mail).
MAILED_TO_RENTERS: Final = ("balance.low", "balance.empty", DISABLED)


def kinds_of(owner: Owner) -> Mapping[str, str]:
    """Give the kinds of events that an owner can hear of."""
    return OF_PROVIDERS if isinstance(owner, Provider) else OF_RENTERS


def mailed_to(owner: Owner) -> list[str]:
    """Give the kinds that go to the mailbox of an owner who has chosen none."""
    return list(MAILED_TO_PROVIDERS if isinstance(owner, Provider) else MAILED_TO_RENTERS)
