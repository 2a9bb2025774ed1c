"""SHA-256 with a domain in front of it, so that no hash of one step can be taken for a hash of another."""

import hashlib
import struct
from typing import Annotated, Final

HASH_BYTES: Final = 32
HEX_DIGITS: Final = frozenset("0123456789abcdef")
Hash = Annotated[bytes, HASH_BYTES]
DOMAIN: Final = "lium-proof/1/"


def is_hex_digest(text: str) -> bool:
    """Say whether a text is a SHA-256 in lower-case hexadecimal."""
    return len(text) == 2 * HASH_BYTES and set(text) <= HEX_DIGITS


def tagged_hash(tag: str, *parts: bytes) -> Hash:
    """Hash the parts, each behind its length (u32), under the tag; 32 bytes."""
    digest = hashlib.sha256(f"{DOMAIN}{tag}\0".encode())
    for part in parts:
        digest.update(struct.pack("<I", len(part)))
        digest.update(part)
    return digest.digest()
