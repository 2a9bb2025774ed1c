"""Headers of blocks, proven by their own hash."""

from dataclasses import dataclass
from typing import Any

from billing.chain.subtensor import answers
from billing.chain.subtensor.errors import EndpointFailed


@dataclass(frozen=True, slots=True)
class Header:
    """A block's number and its parent, which its hash is made of."""

    number: int
    hash: str
    parent: str


def header(answer: Any) -> Header:
    """Read a header and compute its hash from all that it holds."""
    fields = answers.mapping(answer)
    number, parent = (
        answers.natural(fields.get("number")),
        answers.block_hash(fields.get("parentHash")),
    )
    logs = answers.sequence(answers.mapping(fields.get("digest")).get("logs"))
    encoded = b"".join(
        (
            answers.octets(parent),
            compact(number),
            answers.octets(fields.get("stateRoot")),
            answers.octets(fields.get("extrinsicsRoot")),
            compact(len(logs)),
            *(answers.octets(log) for log in logs),
        )
    )
    return Header(number, answers.blake2(encoded), parent)


def proven(answer: Any, *, block_hash: str) -> Header:
    """Read the header of a block whose hash is known.

    :raises EndpointFailed: it is the header of another one.
    """
    found = header(answer)
    if found.hash != block_hash:
        raise EndpointFailed(f"The header given for {block_hash} is that of {found.hash}.")
    return found


def compact(number: int) -> bytes:
    """Encode a number as SCALE does where most numbers are small."""
    if number < 1 << 6:
        return (number << 2).to_bytes(1, "little")
    if number < 1 << 14:
        return (number << 2 | 1).to_bytes(2, "little")
    if number < 1 << 30:
        return (number << 2 | 2).to_bytes(4, "little")
    width = (number.bit_length() + 7) // 8
    return bytes([(width - 4) << 2 | 3]) + number.to_bytes(width, "little")
