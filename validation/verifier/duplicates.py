"""Cards that are listed by more than one machine: found from published bundles alone."""

from collections import defaultdict
from collections.abc import Iterable

from validation.proof.bundle.records import Bundle


def shared_uuids(bundles: Iterable[Bundle]) -> dict[str, set[str]]:
    """Return each UUID that was shown behind several host keys, with those keys."""
    seen: dict[str, set[str]] = defaultdict(set)
    for bundle in bundles:
        statement = bundle.body.transcript.statement
        for card in statement.cards:
            seen[card.uuid].add(statement.machine.host_key)
    return {uuid: keys for uuid, keys in seen.items() if len(keys) > 1}
