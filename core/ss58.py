"""SS58 addresses and the sr25519 signatures of their keys, without the SDK."""

from typing import Final

from bittensor_core import Keypair

from core.errors import Invalid

SIGNATURE_BYTES: Final = 64


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


def verifies(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether the signature is the key's over the message."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    return bool(Keypair(public_key=public_key).verify(message, signature))
