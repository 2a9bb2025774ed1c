"""SS58, the spelling of sr25519 public keys: base 58 of a format byte, the key, and two bytes of BLAKE2b."""

import hashlib
from typing import Final

ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
FORMAT: Final = b"\x2a"
KEY_BYTES: Final = 32
CHECKSUM_BYTES: Final = 2
# The format byte is never zero, so that all addresses of this form have the same number of letters.
LETTERS: Final = 48


def address_of(public_key: bytes) -> str:
    """Spell a public key of 32 bytes."""
    rest = int.from_bytes(FORMAT + public_key + _checksum(public_key))
    letters = ""
    while rest:
        rest, digit = divmod(rest, len(ALPHABET))
        letters = ALPHABET[digit] + letters
    return letters


def public_key_of(address: str) -> bytes:
    """Read an address.

    :raises ValueError: a letter is missing or wrong, or it is of another network's form.
    """
    if len(address) != LETTERS or not set(address) <= set(ALPHABET):
        raise ValueError(f"{address[:60]!r} is not an SS58 address")
    number = 0
    for letter in address:
        number = number * len(ALPHABET) + ALPHABET.index(letter)
    raw = number.to_bytes(LETTERS)[-(1 + KEY_BYTES + CHECKSUM_BYTES) :]
    public_key = raw[1:-CHECKSUM_BYTES]
    if address_of(public_key) != address:
        raise ValueError(f"{address} is not an SS58 address: a letter is wrong")
    return public_key


def _checksum(public_key: bytes) -> bytes:
    return hashlib.blake2b(b"SS58PRE" + FORMAT + public_key).digest()[:CHECKSUM_BYTES]
