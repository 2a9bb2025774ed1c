"""What only several bundles show together: one card listed by two machines, and proofs of a round that one card could give in turn."""

from collections import defaultdict
from collections.abc import Iterable

from validation.proof.bundle.records import Bundle, Purpose, Transcript


def shared_uuids(bundles: Iterable[Bundle]) -> dict[str, set[str]]:
    """Return each UUID that several machines showed at one block, with those machines, by node.

    At another block a card may have moved, and a machine may be listed anew.
    """
    seen: dict[tuple[bytes, str], set[str]] = defaultdict(set)
    for bundle in bundles:
        statement = bundle.body.transcript.statement
        for card in statement.cards:
            seen[statement.beacon.hash, card.uuid].add(statement.machine.node_id)
    shared: dict[str, set[str]] = defaultdict(set)
    for (_, uuid), nodes in seen.items():
        if len(nodes) > 1:
            shared[uuid] |= nodes
    return dict(shared)


def in_turn(bundles: Iterable[Bundle]) -> set[str]:
    """Return the machines, by node, whose work in a round ended before another machine's in that round began.

    A card that is busy from the sending of a seed to the last sweep cannot be busy for another machine then. Outside of
    rounds nobody is asked at the same moment as others.
    """
    rounds: dict[bytes, list[Transcript]] = defaultdict(list)
    for bundle in bundles:
        transcript = bundle.body.transcript
        if transcript.statement.purpose is Purpose.ROUND:
            rounds[transcript.statement.beacon.hash].append(transcript)
    return {node for proofs in rounds.values() for node in _in_turn(proofs)}


def _in_turn(proofs: list[Transcript]) -> set[str]:
    last_start = max(proof.statement.sent_at for proof in proofs)
    return {
        proof.statement.machine.node_id
        for proof in proofs
        if proof.residency.answered_at < last_start
    }
