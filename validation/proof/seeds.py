"""From the statement of a proof to every key that its arithmetic uses."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from validation.proof.hashing import tagged_hash
from validation.proof.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Nonces:
    """The validator's three nonces, 32 bytes each; each is the hash of the one that is shown after it.

    So all are fixed when the first is sent, and none can be chosen to suit the roots that came back.
    """

    statement: bytes
    residency: bytes
    opening: bytes


def nonces_from(secret: bytes) -> Nonces:
    """Make the nonces of one proof from 32 secret bytes of the operating system."""
    opening = tagged_hash("nonce-secret", secret)
    residency = earlier_nonce(opening)
    return Nonces(earlier_nonce(residency), residency, opening)


def earlier_nonce(nonce: bytes) -> bytes:
    """Return the nonce that must have been shown before this one."""
    return tagged_hash("nonce", nonce)


def card_seed(statement: bytes, *, index: int, uuid: str, parameters: Parameters) -> bytes:
    """Return a card's seed, 32 bytes: it holds for this statement (its hash), place, card and size alone."""
    return tagged_hash(
        "card", statement, struct.pack("<I", index), uuid.encode(), parameters.encoded()
    )


def matrix_key(seed: bytes) -> bytes:
    """Return the key of the card's operands."""
    return tagged_hash("matrix", seed)


def digest_key(seed: bytes) -> bytes:
    """Return the key of the digests that the card commits to."""
    return tagged_hash("digest", seed)


def card_root(seed: bytes, top: bytes) -> bytes:
    """Return what a card commits to: the top of its tree, for its seed."""
    return tagged_hash("root", seed, top)


def machine_commitment(roots: Sequence[bytes]) -> bytes:
    """Return the one hash over all cards' roots, which the machine's next proof builds on."""
    return tagged_hash("commit", *roots)
