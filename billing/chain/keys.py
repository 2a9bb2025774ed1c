"""Addresses and sr25519 keys, without the SDK: the web process derives deposit addresses and can sign nothing."""

from typing import Final

import sr25519
from bittensor_core import Keypair

from core.errors import Invalid

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
CHAIN_CODE_BYTES: Final = 32


def address_of(public_key: bytes) -> str:
    """Write a public key as an SS58 address."""
    return str(Keypair(public_key=public_key).ss58_address)


def public_key_of(address: str) -> bytes:
    """Read an SS58 address.

    :raises Invalid: it is no address, or one of another network's form.
    """
    try:
        public_key = bytes(Keypair(ss58_address=address).public_key)
    except ValueError as error:
        raise Invalid(
            f"{address[:60]!r} is not an SS58 address: a letter is missing or wrong.",
            hint="Copy the whole address; on Bittensor it begins with 5.",
        ) from error
    if address_of(public_key) != address:
        raise Invalid(
            f"{address} belongs to another network's address form.",
            hint=f"On Bittensor the same key is {address_of(public_key)}.",
        )
    return public_key


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


def verifies(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether the signature is the key's over the message."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    return bool(Keypair(public_key=public_key).verify(message, signature))
