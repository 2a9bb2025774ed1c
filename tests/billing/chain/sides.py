"""The sides of the chain port as the contract suite uses them: a gateway, a key with funds, and blocks on demand."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import TypeAlias

from bittensor_core import Keypair

from billing.chain.local import node, subnet
from billing.chain.local.gateway import LocalChainGateway
from billing.chain.port import ChainGateway
from billing.chain.subtensor import extrinsics
from billing.chain.subtensor.config import Config
from billing.chain.subtensor.gateway import SubtensorGateway
from billing.chain.subtensor.reader import Reader
from billing.chain.subtensor.rpc import Connection
from billing.chain.subtensor.state import PALLET
from tests.billing.chain.runtime import Runtime

TAO = 10**9
NETUID = 1
ALICE = Keypair.create_from_uri("//Alice")
FUNDS = 1000 * TAO
RATE_LIMIT = 3


class Local:
    """The local chain, by hand."""

    simulated = True
    has_stake_transfers = True

    def __init__(self) -> None:
        self.gateway: ChainGateway = LocalChainGateway()
        node.mint(address=ALICE.ss58_address, rao=FUNDS)
        node.produce(3)

    def another(self) -> ChainGateway:
        """Give a gateway that has seen nothing yet."""
        return LocalChainGateway()

    def produce(self, count: int = 1) -> None:
        """Make blocks."""
        node.produce(count)

    def finalize(self) -> None:
        """Make what was sent final."""
        node.produce(3)

    def join(self, hotkey: str) -> None:
        """Give a hotkey a place on the subnet."""
        subnet.register(netuid=NETUID, hotkey=hotkey)

    def stake(self, hotkey: Keypair, *, rao: int) -> None:
        """Give the funded key alpha with a hotkey."""
        node.mint_alpha(
            coldkey=ALICE.ss58_address, hotkey=hotkey.ss58_address, netuid=NETUID, rao=rao
        )
        self.finalize()

    @contextmanager
    def making_blocks(self) -> Iterator[None]:
        """Let time pass: this chain takes what it is given at once."""
        yield


class Subtensor:
    """A Subtensor node: one of our own that makes blocks on demand, or one that makes them by itself."""

    simulated = False
    has_stake_transfers = False

    def __init__(self, url: str, runtime: Runtime | None) -> None:
        self._runtime = runtime
        genesis = str(Connection(url, timeout=60, rate=1000).ask("chain_getBlockHash", 0))
        self.config = Config((url,), genesis, timeout=60, rate=1000, lag=timedelta(0))
        self.gateway: ChainGateway = SubtensorGateway(self.config)
        if runtime is not None:
            runtime.fund(ALICE.ss58_address, FUNDS)
            # The hundred blocks that this chain asks for between two vectors would take a minute to make.
            runtime.store({"SubtensorModule": {"WeightsSetRateLimit": [[[NETUID], RATE_LIMIT]]}})
            runtime.produce()

    def another(self) -> ChainGateway:
        """Give a gateway that has seen nothing yet."""
        return SubtensorGateway(self.config)

    def produce(self, count: int = 1) -> None:
        """Make blocks, or wait for them."""
        if self._runtime is not None:
            self._runtime.produce(count)
            return
        upto = self.gateway.heads().best + count
        while self.gateway.heads().best < upto:
            time.sleep(0.5)

    def finalize(self) -> None:
        """Make what was sent final."""
        upto = self.gateway.heads().best + 1
        self.produce()
        while self.gateway.heads().finalized < upto:
            time.sleep(0.5)

    def join(self, hotkey: str) -> None:
        """Give a hotkey a place on the subnet, for what the chain burns for it."""
        self.call(PALLET, "burned_register", netuid=NETUID, hotkey=hotkey)
        self.finalize()

    def call(self, pallet: str, name: str, **params: object) -> None:
        """Have the funded key sign and send a call."""
        reader = Reader(self.config)
        signed = extrinsics.sign(
            reader.endpoints.run(reader.moment),
            ALICE,
            pallet,
            name,
            params,
            nonce=self.gateway.next_nonce(ALICE.ss58_address),
        )
        self.gateway.submit(signed)

    @contextmanager
    def making_blocks(self) -> Iterator[None]:
        """Make a block again and again meanwhile, where none are made by themselves."""
        done = Event()

        def work() -> None:
            while not done.wait(0.3):
                self.produce()

        thread = Thread(target=work)
        if self._runtime is not None:
            thread.start()
        try:
            yield
        finally:
            done.set()
            if self._runtime is not None:
                thread.join()


Side: TypeAlias = Local | Subtensor
