"""Looks the beacon's blocks up on a public chain: whether they exist, and lie before and after what they must."""

import json
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final, Protocol

from validation.proof.bundle.records import Block, Status, Transcript
from validation.verifier.report import Check, check

TIMEOUT_SECONDS: Final = 15
MOST_ANSWER_BYTES: Final = 1 << 20
# Where every Substrate chain keeps a block's time, in milliseconds: twox128("Timestamp") ++ twox128("Now").
TIMESTAMP_KEY: Final = "0xf0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb"
# The challenge of a round is sent four blocks of twelve seconds after its beacon, which is final then. Later, a card could
# have been busy with another machine's proof of the same round.
OLDEST_BEACON_US: Final = 60_000_000


class ChainError(Exception):
    """The chain does not answer, or not as a chain does."""


@dataclass(frozen=True, slots=True)
class FoundBlock:
    """A block as the chain has it; microseconds since 1970 UTC."""

    hash: bytes
    time_us: int


class Chain(Protocol):
    """Whoever knows a chain's blocks."""

    def block(self, number: int) -> FoundBlock | None:
        """Find a block by its number.

        :raises ChainError: there is no answer.
        """


class RpcChain:
    """A Substrate node's JSON-RPC over HTTP."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise ChainError(f"{url!r} is not an http or https address of a node")
        self._url = url

    def block(self, number: int) -> FoundBlock | None:
        """Find a block by its number."""
        found = self._call("chain_getBlockHash", number)
        if found is None:
            return None
        stored = self._call("state_getStorage", TIMESTAMP_KEY, found)
        try:
            milliseconds = int.from_bytes(bytes.fromhex(stored[2:]), "little")
            return FoundBlock(bytes.fromhex(found[2:]), milliseconds * 1000)
        except (TypeError, ValueError) as error:
            raise ChainError(f"{self._url} does not answer as a Substrate node does") from error

    def _call(self, method: str, *parameters: Any) -> Any:
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
            self._url, json.dumps(question).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return json.loads(answer.read(MOST_ANSWER_BYTES))["result"]
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            raise ChainError(f"{self._url} does not answer {method}: {error}") from error


def check_beacons(transcript: Transcript, chain: Chain | None) -> Check:
    """Look up both blocks, and whether they lie as close before and as surely after as they must."""
    before, after = transcript.statement.beacon, transcript.reveal.beacon
    stated = f"blocks {before.number} and {after.number} of {before.chain}"
    required = (
        "both on the chain; the first just before the challenge, the second after the last root"
    )
    if chain is None:
        return Check("beacon", Status.NOT_CHECKED, stated, required, "Name a node: --chain URL.")
    try:
        wrong = _wrong(transcript, chain)
    except ChainError as error:
        return Check("beacon", Status.UNKNOWN, str(error), required, "Try another node.")
    return check(
        "beacon",
        not wrong,
        measured=wrong or f"{stated} found",
        required=required,
        remedy="Somebody invented a beacon, or waited with the challenge.",
    )


def _wrong(transcript: Transcript, chain: Chain) -> str:
    """Say what does not fit, or nothing."""
    first = _find(transcript.statement.beacon, chain)
    second = _find(transcript.reveal.beacon, chain)
    if first is None or second is None:
        return "a block has another hash, or does not exist"
    age = transcript.statement.sent_at - first.time_us
    if not 0 <= age <= OLDEST_BEACON_US:
        return f"the challenge was sent {age / 1e6:.1f} s after its beacon"
    if second.time_us < transcript.residency.answered_at:
        return "the coin's block is older than the last root"
    return ""


def _find(block: Block, chain: Chain) -> FoundBlock | None:
    found = chain.block(block.number)
    return found if found and found.hash == block.hash else None
