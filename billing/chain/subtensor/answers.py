"""Reading answers: each has one form, and an endpoint that answers otherwise is not believed."""

import re
from hashlib import blake2b
from typing import Any, Final

from billing.chain.subtensor.errors import EndpointFailed

HASH: Final = re.compile(r"0x[0-9a-f]{64}")
HEX: Final = re.compile(r"0x(?:[0-9a-f]{2})*")


def block_hash(answer: Any) -> str:
    """Read a hash: 0x and 64 digits."""
    if not isinstance(answer, str) or not HASH.fullmatch(answer):
        raise EndpointFailed(f"{_shown(answer)} is no hash.")
    return answer


def octets(answer: Any) -> bytes:
    """Read bytes, as 0x and digits."""
    if not isinstance(answer, str) or not HEX.fullmatch(answer):
        raise EndpointFailed(f"{_shown(answer)} is not hexadecimal.")
    return bytes.fromhex(answer[2:])


def mapping(answer: Any) -> dict[str, Any]:
    """Read an object."""
    if not isinstance(answer, dict):
        raise EndpointFailed(f"{_shown(answer)} is no object.")
    return answer


def sequence(answer: Any) -> list[Any]:
    """Read a list."""
    if not isinstance(answer, list):
        raise EndpointFailed(f"{_shown(answer)} is no list.")
    return answer


def pair(answer: Any) -> tuple[Any, Any]:
    """Read a list of two."""
    found = sequence(answer)
    if len(found) != 2:
        raise EndpointFailed(f"{_shown(answer)} is no pair.")
    return found[0], found[1]


def natural(answer: Any) -> int:
    """Read a whole number that is not negative; a block's number comes as 0x digits."""
    if isinstance(answer, str) and answer.startswith("0x"):
        try:
            answer = int(answer, 16)
        except ValueError:
            raise EndpointFailed(f"{_shown(answer)} is no number.") from None
    if not isinstance(answer, int) or isinstance(answer, bool) or answer < 0:
        raise EndpointFailed(f"{_shown(answer)} is no number.")
    return answer


def blake2(data: bytes) -> str:
    """Give the hash by which the chain names blocks and extrinsics."""
    return "0x" + blake2b(data, digest_size=32).hexdigest()


def _shown(answer: Any) -> str:
    return repr(answer)[:80]
