"""Blocks as they come over the wire: fetched by number, linked to each other, proven by their hashes, then decoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from billing.chain.port import Block
from billing.chain.subtensor import answers, events, headers
from billing.chain.subtensor.errors import EndpointFailed
from billing.chain.subtensor.headers import Header
from billing.chain.subtensor.rpc import Connection
from billing.chain.subtensor.runtimes import Runtime, Runtimes

# Where every runtime keeps them: twox128 of the pallet and of the item.
EVENTS_KEY: Final = "0x26aa394eea5630e07c48ae0c9558cef780d41e5e16056765bc8461851072c9d7"
TIME_KEY: Final = "0xf0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb"
TIME_BYTES: Final = 8
NO_EVENTS: Final = b"\0"


@dataclass(frozen=True, slots=True)
class RawBlock:
    """A block whose header is proven and whose content is not decoded yet."""

    header: Header
    at: datetime
    extrinsics: tuple[bytes, ...]
    events: bytes


@dataclass(frozen=True, slots=True)
class Heads:
    """The newest block and the newest final one, with its time."""

    best: Header
    final: Header
    final_at: datetime


def heads(connection: Connection) -> Heads:
    """Read where the chain stands."""
    best_answer, final_hash = connection.ask_all(
        [("chain_getHeader", ()), ("chain_getFinalizedHead", ())]
    )
    final_hash = answers.block_hash(final_hash)
    final_answer, time = connection.ask_all(
        [("chain_getHeader", (final_hash,)), ("state_getStorage", (TIME_KEY, final_hash))]
    )
    best, final = headers.header(best_answer), _header(final_answer, final_hash)
    if best.number < final.number:
        raise EndpointFailed(
            f"Its head {best.number} is older than its final block {final.number}."
        )
    return Heads(best, final, _time(time))


def fetch(connection: Connection, *, after: int, upto: int) -> tuple[RawBlock, ...] | None:
    """Fetch the blocks ``after`` < number <= ``upto``; None where the endpoint has not got so far."""
    found = hashes(connection, after=after, upto=upto)
    return None if found is None else fetch_hashed(connection, found, after=after)


def hashes(connection: Connection, *, after: int, upto: int) -> list[str] | None:
    """Ask for the hashes of the blocks ``after`` < number <= ``upto``; None where there are fewer blocks."""
    found = connection.ask_all(
        [("chain_getBlockHash", (number,)) for number in range(after + 1, upto + 1)]
    )
    return None if None in found else [answers.block_hash(one) for one in found]


def fetch_hashed(
    connection: Connection, found: Sequence[str], *, after: int
) -> tuple[RawBlock, ...]:
    """Fetch the blocks that follow number ``after``, whose hashes are known, and demand that each follows the last."""
    fetched = _fetched(connection, found)
    for number, block in enumerate(fetched, start=after + 1):
        if block.header.number != number:
            raise EndpointFailed(f"It gave block {block.header.number} as block {number}.")
    for parent, block in pairwise(fetched):
        if block.header.parent != parent.header.hash:
            raise EndpointFailed(f"Its block {block.header.number} does not follow the one before.")
    return tuple(fetched)


def _fetched(connection: Connection, found: Sequence[str]) -> list[RawBlock]:
    calls = [
        call
        for block_hash in found
        for call in (
            ("chain_getBlock", (block_hash,)),
            ("state_getStorage", (EVENTS_KEY, block_hash)),
            ("state_getStorage", (TIME_KEY, block_hash)),
        )
    ]
    told = connection.ask_all(calls)
    triples = zip(told[::3], told[1::3], told[2::3], strict=True)
    return [_raw(one, *triple) for one, triple in zip(found, triples, strict=True)]


def fingerprint(blocks: Sequence[RawBlock]) -> str:
    """Give what two endpoints must agree on: the blocks and all that happened in them."""
    return answers.blake2(
        b"".join(
            bytes.fromhex(digest[2:])
            for block in blocks
            for digest in (block.header.hash, answers.blake2(block.events))
        )
    )


def decode(
    connection: Connection, runtimes: Runtimes, blocks: Sequence[RawBlock]
) -> tuple[Block, ...]:
    """Decode blocks that follow each other, each with the runtime that wrote it."""
    if not blocks:
        return ()
    first, last = (_written_by(connection, runtimes, one) for one in (blocks[0], blocks[-1]))
    if first is last:
        return tuple(_decoded(one, first) for one in blocks)
    return tuple(_decoded(one, _written_by(connection, runtimes, one)) for one in blocks)


def _written_by(connection: Connection, runtimes: Runtimes, block: RawBlock) -> Runtime:
    parent = block.header.parent if block.header.number else block.header.hash
    return runtimes.held_by(connection, parent)


def _decoded(raw: RawBlock, runtime: Runtime) -> Block:
    found = events.read(runtime, events=raw.events, extrinsics=raw.extrinsics)
    return Block(
        number=raw.header.number,
        hash=raw.header.hash,
        at=raw.at,
        transfers=found.transfers,
        outcomes=found.outcomes,
        stake_transfers=found.stake_transfers,
    )


def _raw(block_hash: str, block: Any, happened: Any, time: Any) -> RawBlock:
    body = answers.mapping(answers.mapping(block).get("block"))
    header = _header(body.get("header"), block_hash)
    written = b"" if happened is None else answers.octets(happened)
    if header.number and not written:
        raise EndpointFailed(
            f"It has no events of block {header.number}; it may have dropped them."
        )
    return RawBlock(
        header=header,
        at=_time(time) if header.number else datetime.fromtimestamp(0, UTC),
        extrinsics=tuple(answers.octets(one) for one in answers.sequence(body.get("extrinsics"))),
        events=written or NO_EVENTS,
    )


def _header(answer: Any, block_hash: str) -> Header:
    """Prove a header by its hash; that of the first block is known from the settings instead."""
    found = headers.header(answer)
    if found.number == 0:
        return Header(0, block_hash, found.parent)
    return headers.proven(answer, block_hash=block_hash)


def _time(answer: Any) -> datetime:
    stored = answers.octets(answer)
    if len(stored) != TIME_BYTES:
        raise EndpointFailed("It has no time of a block.")
    milliseconds = int.from_bytes(stored, "little")
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        raise EndpointFailed(f"{milliseconds} ms is no time of a block.") from None
