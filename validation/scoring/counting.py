"""Counting a machine's passed rounds from its bundles, verified one by one: published scores claim no more than they show."""

from collections.abc import Callable, Iterator
from hashlib import sha256

from validation.proof.bundle.errors import Malformed
from validation.proof.bundle.records import Bundle, Purpose, Status
from validation.scoring.data import Data, Machine
from validation.verifier.several import in_turn, shared_uuids
from validation.verifier.verifying import verify

Fetch = Callable[[str], bytes]


def wrong_bundles(data: Data, fetch: Fetch) -> Iterator[str]:
    """Say of each bundle that does not show what the data count it for; ``fetch`` gives the bytes of a SHA-256."""
    bundles: list[Bundle] = []
    for machine in data.machines:
        blocks: set[int] = set()
        for digest in machine.bundles:
            bundle, why = _read(fetch(digest), digest)
            if bundle is not None:
                why = _why_not(bundle, machine, data, blocks)
                bundles.append(bundle)
            if why:
                yield f"{machine.node}: bundle {digest} {why}"
    for uuid in sorted(shared_uuids(bundles)):
        yield f"{uuid} is shown by several machines"
    for node in sorted(in_turn(bundles)):
        yield f"{node}: it was done before another machine of the same round began"


def _read(raw: bytes, digest: str) -> tuple[Bundle | None, str]:
    if sha256(raw).hexdigest() != digest:
        return None, "has other bytes"
    try:
        report = verify(raw)
    except Malformed as error:
        return None, f"is none: {error}"
    if not report.holds:
        return None, "does not hold"
    return report.bundle, ""


def _why_not(bundle: Bundle, machine: Machine, data: Data, blocks: set[int]) -> str:
    """Say why a bundle that holds shows no other passed round of this machine; nothing if it does."""
    statement = bundle.body.transcript.statement
    of = statement.machine
    block = statement.beacon.number
    if block in blocks or block not in data.rounds:
        return f"is of block {block}, which is no round of the window, or counted already"
    blocks.add(block)
    if bundle.body.verdict is not Status.PASS or statement.purpose is not Purpose.SWEEP:
        return "is no passed proof of a round"
    if (of.node_id, of.hotkey) != (machine.node, machine.hotkey):
        return "is of another machine"
    return ""
