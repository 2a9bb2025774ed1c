"""What only several bundles show together: one card listed by two machines, and proofs of a round that one card could give in turn."""

from collections import defaultdict
from collections.abc import Iterable

from validation.proof.bundle.records import Bundle, Transcript


def shared_uuids(bundles: Iterable[Bundle]) -> dict[str, set[str]]:
    """Return each UUID that was shown behind several host keys, with those keys."""
    seen: dict[str, set[str]] = defaultdict(set)
    for bundle in bundles:
        statement = bundle.body.transcript.statement
        for card in statement.cards:
            seen[card.uuid].add(statement.machine.host_key)
    return {uuid: keys for uuid, keys in seen.items() if len(keys) > 1}


def in_turn(bundles: Iterable[Bundle]) -> set[str]:
    """Return the machines, by node, whose work at one block ended before another machine's at that block began.

    A card that is busy from the sending of a seed to the last sweep cannot be busy for another machine then.
    """
    rounds: dict[bytes, list[Transcript]] = defaultdict(list)
    for bundle in bundles:
        transcript = bundle.body.transcript
        rounds[transcript.statement.beacon.hash].append(transcript)
    return {node for proofs in rounds.values() for node in _in_turn(proofs)}


def _in_turn(proofs: list[Transcript]) -> set[str]:
    last_start = max(proof.statement.sent_at for proof in proofs)
    return {
        proof.statement.machine.node_id
        for proof in proofs
        if proof.residency.answered_at < last_start
    }
