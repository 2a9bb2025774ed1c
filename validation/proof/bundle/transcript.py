"""What the validator sends in each phase: a hash of everything before it, so that nothing can be changed afterwards."""

import struct

from validation.proof.bundle.codec import to_json
from validation.proof.bundle.encoding import encode
from validation.proof.bundle.records import Block, Commitment, Residency, Statement
from validation.proof.hashing import Hash, tagged_hash
from validation.proof.seeds import card_seed


def card_seeds(statement: Statement) -> list[Hash]:
    """Return each card's seed."""
    hashed = _statement_hash(statement)
    return [
        card_seed(hashed, index=index, uuid=card.uuid, parameters=card.parameters)
        for index, card in enumerate(statement.cards)
    ]


def sweep_nonce(statement: Statement, commitment: Commitment, *, nonce: Hash, sent_at: int) -> Hash:
    """Return the nonce that the cards get for their sweeps; it fixes the roots and their time of arrival."""
    answered = encode(to_json(commitment))
    sent = struct.pack("<Q", sent_at)
    return tagged_hash("sweep-nonce", _statement_hash(statement), answered, nonce, sent)


def coins(
    nonce_of_sweeps: Hash, residency: Residency, *, nonce: Hash, beacon: Block, drawn_at: int
) -> list[Hash]:
    """Return each card's coin; it fixes all sweeps of all cards, their time, and a block that came later."""
    answered, block = encode(to_json(residency)), encode(to_json(beacon))
    drawn = struct.pack("<Q", drawn_at)
    return [
        tagged_hash(
            "openings", nonce_of_sweeps, answered, nonce, block, drawn, struct.pack("<I", index)
        )
        for index in range(len(residency.tops))
    ]


def _statement_hash(statement: Statement) -> Hash:
    return tagged_hash("statement", encode(to_json(statement)))
