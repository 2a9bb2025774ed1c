"""Addresses and sr25519 keys, without the SDK: the web process derives deposit addresses and can sign nothing."""

from typing import Final

import sr25519
from bittensor_core import Keypair

from core.errors import Invalid
from core.ss58 import address_of, public_key_of, verifies

__all__ = [
    "address_of",
    "child_keypair",
    "derive_public_key",
    "parse_public_key",
    "public_key_of",
    "verifies",
]

KEY_BYTES: Final = 32
CHAIN_CODE_BYTES: Final = 32


def parse_public_key(text: str) -> bytes:
    """Read a public key, as 0x hex or as an SS58 address.

    :raises Invalid: it is neither.
    """
    if not text.startswith("0x"):
        return public_key_of(text)
    try:
        public_key = bytes.fromhex(text[2:])
    except ValueError as error:
        raise Invalid("The public key is not hexadecimal.") from error
    if len(public_key) != KEY_BYTES:
        raise Invalid(f"A public key has {KEY_BYTES} bytes, this one {len(public_key)}.")
    return public_key


def derive_public_key(parent: bytes, index: int) -> bytes:
    """Give the public key of the soft child ``parent/index``; no secret is needed."""
    chain_code = index.to_bytes(8, "little").ljust(CHAIN_CODE_BYTES, b"\0")
    return bytes(sr25519.derive_pubkey((chain_code, parent), b"")[1])


def child_keypair(seed: str, index: int) -> Keypair:
    """Give the signing key of the soft child, from a secret URI or a mnemonic: ``<seed>/index``."""
    return Keypair.create_from_uri(f"{seed}/{index}")
