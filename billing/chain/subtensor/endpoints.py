"""Several endpoints of one chain: the first healthy one is asked, and none is believed that contradicts what is known.

An endpoint is unhealthy while it is silent, answers otherwise than a node does, is of another chain, has another block
where a final one was read, or is behind. It is left alone for a while, longer each time, and then asked again.
"""

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import structlog

from billing.chain.port import ChainReplaced, ChainUnavailable
from billing.chain.subtensor import answers
from billing.chain.subtensor.errors import AnotherHistory, EndpointFailed, RpcRefused
from billing.chain.subtensor.rpc import Connection

log = structlog.get_logger(__name__)
T = TypeVar("T")
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Anchor:
    """A final block that was read before; every endpoint must have it."""

    number: int
    hash: str


@dataclass(slots=True)
class Endpoint:
    """One endpoint and what is known of it."""

    connection: Connection
    failures: int = 0
    paused_until: float = 0.0
    reason: str = ""
    replaced: bool = False
    held_to: list[Anchor] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Give the host and port; the rest of an address may be secret."""
        return self.connection.name

    def failed(self, error: Exception) -> None:
        """Leave it alone for a while, twice as long each time."""
        self.failures += 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.failures - 1, 10))
        self.paused_until = time.monotonic() + pause
        self.reason, self.replaced = str(error), isinstance(error, AnotherHistory)
        self.held_to = []
        self.connection.close()
        log.warning("chain.endpoint_failed", endpoint=self.name, error=self.reason, pause=pause)

    def recovered(self) -> None:
        """Trust it again."""
        self.failures, self.reason, self.replaced = 0, "", False


class Endpoints:
    """The endpoints of one chain, in order of preference."""

    def __init__(self, connections: Sequence[Connection], *, genesis: str) -> None:
        self._endpoints = [Endpoint(connection) for connection in connections]
        self._anchors = [Anchor(0, genesis)]

    def hold_to(self, anchor: Anchor) -> None:
        """Believe only endpoints that have this block, each asked anew; the one before is forgotten."""
        self._anchors = [self._anchors[0], anchor]
        for endpoint in self._endpoints:
            endpoint.held_to = [one for one in endpoint.held_to if one != anchor]

    def run(self, work: Callable[[Connection], T | None]) -> T:
        """Do something with the first endpoint that can; None means that one cannot, and is not held against it.

        :raises ChainUnavailable: none can. :raises ChainReplaced: those that answer have another history.
        """
        silent = True
        for _, result in self._everywhere(work):
            if result is not None:
                return result
            silent = False
        if silent:
            raise self._nobody()
        raise ChainUnavailable("No endpoint has it, or not yet.", hint="Try again in a while.")

    def agree(self, read: Callable[[Connection], T | None], *, on: Callable[[T], str]) -> T:
        """Read the same from all healthy endpoints, and believe what more than half of them say.

        None means that an endpoint has not got so far. One that contradicts the others is unhealthy; where there are
        too few to tell who lies, nobody is believed.

        :raises ChainUnavailable: none answers, or they do not agree.
        """
        votes: dict[str, list[tuple[Endpoint, T]]] = defaultdict(list)
        voters = 0
        for endpoint, answer in self._everywhere(read):
            voters += 1
            if answer is not None:
                votes[on(answer)].append((endpoint, answer))
        chosen = max(votes.values(), key=len, default=[])
        if not voters:
            raise self._nobody()
        if 2 * len(chosen) <= voters:
            raise ChainUnavailable(
                f"The endpoints do not agree: {len(chosen)} of {voters} say the same.",
                hint="Nothing was changed. Wait, or take out of MARKET_CHAIN_ENDPOINTS what is wrong.",
            )
        for endpoint, _ in itertools.chain.from_iterable(votes.values()):
            if all(endpoint is not one for one, _ in chosen):
                endpoint.failed(EndpointFailed("It contradicts the other endpoints."))
        return chosen[0][1]

    def tell_all(self, work: Callable[[Connection], T]) -> list[T]:
        """Do something with every healthy endpoint.

        :raises ChainUnavailable: there is none.
        """
        results = [result for _, result in self._everywhere(work)]
        if not results:
            raise self._nobody()
        return results

    def _everywhere(self, work: Callable[[Connection], T]) -> Iterator[tuple[Endpoint, T]]:
        for endpoint in self._healthy():
            try:
                self._check(endpoint)
                result = work(endpoint.connection)
            except (EndpointFailed, RpcRefused) as error:
                endpoint.failed(error)
            else:
                endpoint.recovered()
                yield endpoint, result

    def _healthy(self) -> list[Endpoint]:
        now = time.monotonic()
        return [endpoint for endpoint in self._endpoints if endpoint.paused_until <= now]

    def _check(self, endpoint: Endpoint) -> None:
        for anchor in self._anchors:
            if anchor in endpoint.held_to:
                continue
            found = endpoint.connection.ask("chain_getBlockHash", anchor.number)
            if found is None:
                raise EndpointFailed(f"It has no block {anchor.number}, which was read before.")
            if answers.block_hash(found) != anchor.hash:
                raise _another(anchor, found)
        endpoint.held_to = list(self._anchors)

    def _nobody(self) -> ChainUnavailable:
        why = "; ".join(f"{one.name}: {one.reason}" for one in self._endpoints)
        if all(one.replaced for one in self._endpoints):
            return ChainReplaced(f"A final block is gone. {why}"[:480])
        return ChainUnavailable(
            f"No endpoint of the chain can be believed. {why}"[:480],
            hint="Nothing was changed. Look at MARKET_CHAIN_ENDPOINTS and at the endpoints.",
        )


def _another(anchor: Anchor, found: str) -> EndpointFailed:
    if anchor.number == 0:
        return EndpointFailed(f"It is another chain: its genesis is {found}, not {anchor.hash}.")
    return AnotherHistory(f"Block {anchor.number} was {anchor.hash}, here it is {found}.")
