"""The checks of order and consistency: cheap, and each of them closes a way around the arithmetic."""

from itertools import pairwise
from typing import Final

from validation.proof.bundle.records import Bands, Statement, Transcript
from validation.proof.parameters import (
    FULL_N,
    FULL_OPENINGS,
    FULL_SWEEPS,
    RESERVED_BYTES,
    products_that_fill,
)
from validation.proof.seeds import earlier_nonce
from validation.verifier.report import Check, check

# Cards report up to 6.3 % less than their nominal memory, and a little more where error correction is off.
LEAST_MEMORY, MOST_MEMORY = 0.90, 1.05
GIB: Final = 1 << 30
MIB: Final = 1 << 20


def check_parameters(statement: Statement) -> Check:
    """Refuse a proof that is too small to mean anything, unless its cards are simulated."""
    weak = [
        index for index, card in enumerate(statement.cards) if not card.parameters.is_full_strength
    ]
    return check(
        "parameters",
        statement.machine.simulated or not weak,
        measured=_sizes(statement),
        required="any size: the cards are simulated and prove nothing about hardware"
        if statement.machine.simulated
        else f"n of {FULL_N:,}, {FULL_SWEEPS} sweeps, {FULL_OPENINGS} openings, or more",
        remedy="Ask for a proof of full size.",
    )


def check_seeds(transcript: Transcript) -> Check:
    """Refuse nonces that were chosen after the roots were known."""
    statement, residency, reveal = transcript.statement, transcript.residency, transcript.reveal
    chained = (
        earlier_nonce(reveal.nonce) == residency.nonce
        and earlier_nonce(residency.nonce) == statement.nonce
    )
    return check(
        "seeds",
        chained,
        measured="each nonce is the hash of the next" if chained else "the nonces are not a chain",
        required="all nonces fixed by the first",
        remedy="The validator must draw its nonces before it begins.",
    )


def check_order(transcript: Transcript) -> Check:
    """Refuse phases out of order, and a coin that was known before the roots were in."""
    statement, residency, reveal = transcript.statement, transcript.residency, transcript.reveal
    times = (
        statement.sent_at,
        transcript.commitment.received_at,
        residency.sent_at,
        residency.answered_at,
        reveal.drawn_at,
    )
    before, after = statement.beacon, reveal.beacon
    holds = (
        all(first <= second for first, second in pairwise(times))
        and before.chain == after.chain
        and before.number < after.number
    )
    seconds = ", ".join(f"{(time - times[0]) / 1e6:.3f}" for time in times)
    return check(
        "order",
        holds,
        measured=f"phases at {seconds} s; blocks {before.number} and {after.number}",
        required="each phase after the one before it; a later block of the same chain",
        remedy="The coin must be a block that came after the last root.",
    )


def check_count(statement: Statement) -> Check:
    """Compare the cards that took part with the machine's listing."""
    claimed = statement.machine.claimed_count
    return check(
        "count",
        len(statement.cards) == claimed,
        measured=f"{len(statement.cards)} cards took part",
        required=f"{claimed}, as listed",
        remedy="List as many cards as the machine has, and let all of them take part.",
    )


def check_identity(statement: Statement) -> Check:
    """Refuse a card that is listed twice, and one that driver and kernel module call by different UUIDs."""
    uuids = [_folded(card.uuid) for card in statement.cards]
    differing = [index for index, uuid in enumerate(uuids) if _by_kernel(statement, index) != uuid]
    return check(
        "identity",
        len(set(uuids)) == len(uuids) and all(uuids) and not differing,
        measured=f"{len(set(uuids))} distinct UUIDs of {len(uuids)} cards"
        + (f"; the kernel module names others for cards {differing}" if differing else ""),
        required="a UUID of its own for each card, the same from driver and kernel module",
        remedy="Each card of the machine must show its own UUID; remove what stands before the driver's files.",
    )


def check_memory(statement: Statement) -> Check:
    """Compare what must stay resident with the memory that is claimed and that the model has."""
    wrong = [index for index in range(len(statement.cards)) if not _fills(statement, index)]
    resident = sum(card.parameters.resident_bytes for card in statement.cards)
    claimed = sum(card.memory_bytes for card in statement.cards)
    return check(
        "memory",
        not wrong,
        measured=f"{_size(resident)} held of {_size(claimed)} claimed"
        + (f"; not so on cards {wrong}" if wrong else ""),
        required=("all memory" if statement.machine.simulated else "all memory but 3 GiB a card")
        + _nominal(statement.bands),
        remedy="Free the card's memory, and list the model that the machine has.",
    )


def check_commitment(transcript: Transcript) -> Check:
    """Refuse one answer given twice: by two cards, or in two sweeps."""
    tops = [top for card in transcript.residency.tops for top in card]
    answers = [*transcript.commitment.roots, *tops]
    repeated = len(answers) - len(set(answers))
    return check(
        "commitment",
        not repeated,
        measured=f"{len(answers)} roots" + (f", {repeated} of them repeated" if repeated else ""),
        required="all different",
        remedy="Each card must compute its own products, and each sweep must read them anew.",
    )


def _by_kernel(statement: Statement, index: int) -> str:
    """Return the UUID of a card by the kernel module's files; by the driver where those were not visible."""
    told = statement.facts.get(f"{index}.uuid_by_kernel")
    return _folded(statement.cards[index].uuid if told is None else told)


def _folded(uuid: str) -> str:
    return uuid.strip().casefold()


def _fills(statement: Statement, index: int) -> bool:
    card, bands = statement.cards[index], statement.bands
    reserved = 0 if statement.machine.simulated else RESERVED_BYTES
    sizes = card.parameters
    needed = products_that_fill(card.memory_bytes, n=sizes.n, reserved_bytes=reserved)
    share = card.memory_bytes / bands.memory_bytes if bands and bands.memory_bytes else 1.0
    holds_what_it_must = needed <= sizes.products and sizes.resident_bytes <= card.memory_bytes
    return holds_what_it_must and LEAST_MEMORY <= share <= MOST_MEMORY


def _nominal(bands: Bands | None) -> str:
    if bands is None:
        return ""
    least, most = (_size(share * bands.memory_bytes) for share in (LEAST_MEMORY, MOST_MEMORY))
    return f"; a card of {least} to {most} for {bands.model}"


def _size(count: float) -> str:
    return f"{count / GIB:,.3f} GiB" if count >= GIB else f"{count / MIB:,.3f} MiB"


def _sizes(statement: Statement) -> str:
    sizes = {
        (card.parameters.n, card.parameters.sweeps, card.parameters.openings)
        for card in statement.cards
    }
    return "; ".join(
        f"n of {n:,}, {sweeps} sweeps, {openings} openings" for n, sweeps, openings in sorted(sizes)
    )
