"""What is hashed and signed on the local chain (docs/money.md, The local chain)."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

TRANSFER_DOMAIN: Final = b"lium-localchain:transfer:v1"
STAKE_DOMAIN: Final = b"lium-localchain:stake:v1"
WEIGHTS_DOMAIN: Final = b"lium-localchain:weights:v1"
BLOCK_DOMAIN: Final = b"lium-localchain:block:v1"
GENESIS_DOMAIN: Final = b"lium-localchain:genesis:v1"
U64_BYTES: Final = 8


def genesis_hash(instance: str) -> str:
    """Give the genesis of a market's own chain."""
    return _hash(GENESIS_DOMAIN, instance.encode())


def block_hash(genesis: str, *, number: int, fork: int, transfers: Sequence[str]) -> str:
    """Give a block's hash; it depends on the last reorganisation (``fork``) and on the transfers in it."""
    return _hash(
        BLOCK_DOMAIN, _bytes(genesis), _u64(number), _u64(fork), *(_bytes(one) for one in transfers)
    )


def payload(genesis: str, *, nonce: int, destination: bytes, rao: int) -> bytes:
    """Give the bytes that a sender signs."""
    return TRANSFER_DOMAIN + _bytes(genesis) + _u64(nonce) + destination + _u64(rao)


def stake_payload(
    genesis: str, *, nonce: int, destination: bytes, hotkey: bytes, netuid: int, rao: int
) -> bytes:
    """Give the bytes that a sender of alpha signs."""
    place = destination + hotkey + _u64(netuid)
    return STAKE_DOMAIN + _bytes(genesis) + _u64(nonce) + place + _u64(rao)


def weights_payload(
    genesis: str, *, netuid: int, block: int, uids: Sequence[int], weights: Sequence[int]
) -> bytes:
    """Give the bytes that a validator signs; ``block`` is the height it saw, so that no old vector comes back."""
    pairs = (number for pair in zip(uids, weights, strict=True) for number in pair)
    return WEIGHTS_DOMAIN + _bytes(genesis) + b"".join(map(_u64, (netuid, block, *pairs)))


def transfer_hash(sender: bytes, signed_payload: bytes) -> str:
    """Give a transfer's hash: the same for each signature over the same wish."""
    return _hash(sender, signed_payload)


def _hash(*parts: bytes) -> str:
    return "0x" + blake2b(b"".join(parts), digest_size=32).hexdigest()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _u64(value: int) -> bytes:
    return value.to_bytes(U64_BYTES, "little")
