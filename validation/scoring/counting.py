"""Counting a machine's passed rounds from its bundles, verified one by one: published scores claim no more than they show."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from validation.proof.bundle.errors import Malformed
from validation.proof.bundle.records import Bundle, Purpose, Status, claim_of
from validation.scoring.data import Data, Machine
from validation.verifier.chain import Chain
from validation.verifier.several import in_turn, shared_uuids
from validation.verifier.verifying import verify

Fetch = Callable[[str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """Where bundles are had by SHA-256, and what they are held against.

    ``signer`` is the validator that set the vector, where that is known; ``chain`` has the beacons, where one is at
    hand; simulated cards count where the chain is ``simulated``.
    """

    fetch: Fetch
    signer: str | None = None
    chain: Chain | None = None
    simulated: bool = False


def wrong_bundles(data: Data, counting: Counting) -> Iterator[str]:
    """Say of each bundle that does not show what the data count it for."""
    bundles: list[Bundle] = []
    for machine in data.machines:
        blocks: set[int] = set()
        for digest in machine.bundles:
            bundle, why = _read(digest, counting)
            if bundle is not None:
                why = _why_not(bundle, machine, data, blocks, simulated=counting.simulated)
                bundles.append(bundle)
            if why:
                yield f"{machine.node}: bundle {digest} {why}"
    for uuid in sorted(shared_uuids(bundles)):
        yield f"{uuid} is shown by several machines at one block"
    for node in sorted(in_turn(bundles)):
        yield f"{node}: it was done before another machine of the same round began"


def _read(digest: str, counting: Counting) -> tuple[Bundle | None, str]:
    raw = counting.fetch(digest)
    if sha256(raw).hexdigest() != digest:
        return None, "has other bytes"
    try:
        report = verify(raw, signer=counting.signer, chain=counting.chain)
    except Malformed as error:
        return None, f"is none: {error}"
    if wrong := [check for check in report.checks if check.status in (Status.FAIL, Status.UNKNOWN)]:
        told = "; ".join(f"{check.id}: {check.measured}" for check in wrong)
        return None, f"does not hold, or cannot be told ({told})"
    return report.bundle, ""


def _why_not(
    bundle: Bundle, machine: Machine, data: Data, blocks: set[int], *, simulated: bool
) -> str:
    """Say why a bundle that holds shows no other passed round of this machine; nothing if it does."""
    statement = bundle.body.transcript.statement
    of = statement.machine
    block = statement.beacon.number
    if block in blocks or block not in data.rounds:
        return f"is of block {block}, which is no round of the window, or counted already"
    blocks.add(block)
    if statement.purpose is not Purpose.ROUND:
        return "is no proof of a round"
    if (of.node_id, of.hotkey) != (machine.node, machine.hotkey):
        return "is of another machine"
    if of.simulated and not simulated:
        return "is of simulated cards, and the chain is none"
    claim = claim_of(machine.gpu_model, simulated=of.simulated)
    if (of.claimed_model, of.claimed_count) != (claim, machine.gpu_count):
        return f"is of {of.claimed_count} x {of.claimed_model}"
    return ""
