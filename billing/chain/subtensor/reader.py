"""Reading the chain through its endpoints: heads, blocks, and the state at a block."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from billing.chain.port import Block
from billing.chain.subtensor import answers, blocks, extrinsics
from billing.chain.subtensor.blocks import RawBlock
from billing.chain.subtensor.config import Config
from billing.chain.subtensor.endpoints import Anchor, Endpoints
from billing.chain.subtensor.errors import AnotherHistory, EndpointFailed
from billing.chain.subtensor.extrinsics import Moment
from billing.chain.subtensor.headers import Header
from billing.chain.subtensor.rpc import Connection
from billing.chain.subtensor.runtimes import Runtimes
from billing.chain.subtensor.state import State
from core import clock

T = TypeVar("T")
KEPT_BLOCKS: Final = 256


class Reader:
    """What the endpoints say, checked against what was read before; safe to share between threads."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._runtimes = Runtimes()
        self._anchor = Anchor(0, config.genesis)
        # By hash, which a block never changes under.
        self._blocks: OrderedDict[str, Block] = OrderedDict()
        self.endpoints = Endpoints(
            [Connection(url, timeout=config.timeout, rate=config.rate) for url in config.endpoints],
            genesis=config.genesis,
        )

    def hold_to(self, anchor: Anchor) -> None:
        """Believe only what follows a final block that was read before."""
        self._anchor = anchor
        self.endpoints.hold_to(anchor)
        self.endpoints.run(lambda connection: True)

    def heads(self, connection: Connection) -> blocks.Heads:
        """Read where the chain stands.

        :raises EndpointFailed: the endpoint is behind.
        """
        found = blocks.heads(connection)
        lag = self._config.lag
        if lag and clock.now() - found.final_at > lag:
            raise EndpointFailed(f"It is behind: its newest final block is of {found.final_at}.")
        if found.final.number < self._anchor.number:
            raise EndpointFailed(
                f"It went back to block {found.final.number}; {self._anchor.number} was final."
            )
        return found

    def state(self, connection: Connection, at: Header) -> State:
        """Give what is stored at a block."""
        return State(connection, self._runtimes.held_by(connection, at.hash), at)

    def at_final(self, read: Callable[[State], T]) -> T:
        """Read from what is stored at the newest final block."""
        return self.endpoints.run(
            lambda connection: read(self.state(connection, self.heads(connection).final))
        )

    def moment(self, connection: Connection) -> Moment:
        """Give what a signature made now is bound to."""
        head = self.heads(connection).final
        birth = answers.block_hash(connection.ask("chain_getBlockHash", extrinsics.birth_of(head)))
        runtime = self._runtimes.held_by(connection, head.hash)
        return Moment(self._config.genesis, runtime, head, birth)

    def final(self, *, after: int, upto: int) -> tuple[Block, ...]:
        """Read final blocks as the endpoints agree on them; they follow the ones read before."""
        anchor = self._anchor

        def read(connection: Connection) -> tuple[RawBlock, ...] | None:
            found = blocks.fetch(connection, after=after, upto=upto)
            if found and anchor.number == after and found[0].header.parent != anchor.hash:
                raise AnotherHistory(f"Its block {after + 1} does not follow {anchor.hash}.")
            return found

        fetched = self.endpoints.agree(read, on=blocks.fingerprint)
        found = self.endpoints.run(lambda connection: self._decoded(connection, fetched))
        self._anchor = Anchor(found[-1].number, found[-1].hash)
        return found

    def fetched(
        self, connection: Connection, numbers: Sequence[int]
    ) -> tuple[RawBlock, ...] | None:
        """Read single blocks of one endpoint, each proven by its hash; None where it has not got so far.

        :raises EndpointFailed: the endpoint is behind.
        """
        self.heads(connection)
        found = [blocks.fetch(connection, after=number - 1, upto=number) for number in numbers]
        known = tuple(one[0] for one in found if one)
        return known if len(known) == len(found) else None

    def newer(self, *, after: int, upto: int) -> tuple[Block, ...]:
        """Read blocks of the present best chain, final or not."""

        def read(connection: Connection) -> tuple[Block, ...] | None:
            hashes = blocks.hashes(connection, after=after, upto=upto)
            if hashes is None:
                return None
            if known := self._known(hashes):
                return known
            return self._decoded(connection, blocks.fetch_hashed(connection, hashes, after=after))

        return self.endpoints.run(read)

    def _decoded(self, connection: Connection, fetched: Sequence[RawBlock]) -> tuple[Block, ...]:
        found = blocks.decode(connection, self._runtimes, fetched)
        for block in found:
            self._blocks[block.hash] = block
        while len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return found

    def _known(self, hashes: Sequence[str]) -> tuple[Block, ...] | None:
        found = [self._blocks.get(one) for one in hashes]
        known = tuple(one for one in found if one is not None)
        return known if len(known) == len(found) else None
