"""Subtensor behind the port."""

import time
from collections.abc import Sequence
from typing import Any, Final

from bittensor_core import Keypair

from billing.chain.port import (
    AlphaPrice,
    Block,
    ChainUnavailable,
    Heads,
    Hyperparameters,
    Network,
    Outcome,
    Scan,
    SignedTransfer,
    Signer,
    Stake,
    Subnet,
    TransferRefused,
    WeightsRefused,
)
from billing.chain.subtensor import answers, extrinsics, subnets
from billing.chain.subtensor import weights as vectors
from billing.chain.subtensor.config import Config
from billing.chain.subtensor.endpoints import Anchor
from billing.chain.subtensor.reader import Reader
from billing.chain.subtensor.rpc import Connection
from billing.chain.subtensor.state import PALLET, State

SCAN_BLOCKS: Final = 32
MOST_RAO: Final = 2**64 - 1
MOST_NONCE: Final = 2**32 - 1
# Blocks before the newest at which alpha is priced as well: 20 minutes, which nodes that forget still know.
LOOKED_BACK: Final = (50, 100)
# How long weights may take into a block, and how often that is looked at.
PATIENCE_BLOCKS: Final = 5
POLL_SECONDS: Final = 1.0


class SubtensorGateway:
    """Reads and writes Subtensor through its endpoints; safe to share between threads."""

    def __init__(self, config: Config) -> None:
        self._genesis = config.genesis
        self._reader = Reader(config)
        self._endpoints = self._reader.endpoints

    def network(self) -> Network:
        """Say which chain this is; a new market begins to read at its newest final block."""

        def read(connection: Connection) -> Network:
            head = self._reader.heads(connection).final
            return Network(
                name=str(connection.ask("system_chain"))[:60],
                genesis=self._genesis,
                simulated=False,
                block_seconds=self._reader.state(connection, head).runtime.block_seconds,
                first_block=head.number,
            )

        return self._endpoints.run(read)

    def hold_to(self, *, number: int, hash: str) -> None:
        """Have the chain be the one with this final block."""
        self._reader.hold_to(Anchor(number, hash))

    def heads(self) -> Heads:
        """Give the heights."""
        found = self._endpoints.run(self._reader.heads)
        return Heads(best=found.best.number, finalized=found.final.number)

    def scan(self, *, after: int, upto: int) -> Scan:
        """Read blocks: final ones as the endpoints agree on them, newer ones as one of them has them."""
        upto = min(upto, after + SCAN_BLOCKS)
        if upto <= after:
            return Scan(blocks=(), until=self.block(after))
        read = self._reader.final if upto <= self.heads().finalized else self._reader.newer
        found = read(after=after, upto=upto)
        return Scan(blocks=found, until=found[-1])

    def block(self, number: int) -> Block:
        """Read one block of the present best chain."""
        return self._reader.newer(after=number - 1, upto=number)[0]

    def balance(self, address: str) -> int:
        """Give what an address can spend at the newest final block, in rao."""

        def read(state: State) -> int:
            data = answers.mapping(state.read("System", "Account", address))["data"]
            return max(0, answers.natural(data["free"]) - answers.natural(data["frozen"]))

        return self._reader.at_final(read)

    def transfer_fee(self) -> int:
        """Give what the largest transfer would cost at the newest final block, in rao."""
        nobody = Keypair.create_from_uri("//nobody")

        def read(connection: Connection) -> int:
            moment = self._reader.moment(connection)
            call = _transfer(nobody.ss58_address, MOST_RAO)
            signed = extrinsics.sign(moment, nobody, *call, nonce=MOST_NONCE)
            return extrinsics.fee(connection, moment, answers.octets(signed.body))

        return self._endpoints.run(read)

    def next_nonce(self, address: str) -> int:
        """Give the nonce that the chain expects next of an address, what waits for a block counted."""
        return self._endpoints.run(
            lambda connection: answers.natural(connection.ask("account_nextIndex", address))
        )

    def sign_transfer(
        self, *, signer: Signer, to: str, rao: int, nonce: int | None = None
    ) -> SignedTransfer:
        """Sign a transfer with a nonce, or the sender's next one; nothing is sent."""
        return self._signed(signer, *_transfer(to, rao), nonce=nonce)

    def sign_stake_transfer(
        self,
        *,
        signer: Signer,
        to: str,
        hotkey: str,
        netuid: int,
        alpha_rao: int,
        nonce: int | None = None,
    ) -> SignedTransfer:
        """Sign the transfer of alpha to another coldkey on the same subnet and hotkey; nothing is sent."""
        params = {
            "destination_coldkey": to,
            "hotkey": hotkey,
            "origin_netuid": netuid,
            "destination_netuid": netuid,
            "alpha_amount": alpha_rao,
        }
        return self._signed(signer, PALLET, "transfer_stake", params, nonce=nonce)

    def submit(self, signed: SignedTransfer) -> None:
        """Hand a signed transfer to every healthy endpoint: one alone might keep it to itself."""
        words = self._endpoints.tell_all(lambda one: extrinsics.send(one, signed.body))
        if all(words):
            raise TransferRefused(
                f"No endpoint takes the transfer: {words[0]}",
                hint="Blocks tell whether it was taken all the same.",
            )

    def subnet(self, netuid: int) -> Subnet:
        """Read a subnet and who is on it."""
        return self._reader.at_final(lambda state: subnets.subnet(state, netuid))

    def hyperparameters(self, netuid: int) -> Hyperparameters:
        """Read what a subnet demands of weights."""
        return self._reader.at_final(lambda state: subnets.hyperparameters(state, netuid))

    def alpha_price(self, netuid: int) -> AlphaPrice:
        """Give what alpha is worth: its lowest price at the newest final block and some before it.

        Balances are credited by it, so the endpoints must agree. Who moves a pool for a moment gains nothing.
        """
        newest = self.heads().finalized
        numbers = [newest, *(newest - back for back in LOOKED_BACK if newest > back)]

        def read(connection: Connection) -> AlphaPrice | None:
            blocks = self._reader.fetched(connection, numbers)
            if blocks is None:
                return None
            states = [self._reader.state(connection, one.header) for one in blocks]
            return subnets.alpha_price(states, netuid, at=blocks[0].at)

        return self._endpoints.agree(read, on=lambda price: f"{price.tao_per_alpha}")

    def stake(self, coldkey: str, netuid: int) -> Sequence[Stake]:
        """Give the alpha that a coldkey has on a subnet, by hotkey."""
        return self._reader.at_final(lambda state: subnets.stake(state, coldkey, netuid))

    def set_weights(
        self, *, signer: Signer, netuid: int, uids: Sequence[int], weights: Sequence[int]
    ) -> str:
        """Set a validator's weights, or commit them where the subnet hides them, and wait for the block.

        :raises ChainUnavailable: also where they were sent and no block has them after a while.
        """
        vector = vectors.Vector(signer.ss58_address, netuid, tuple(uids), tuple(weights))
        since = self.heads().finalized
        signed = self._endpoints.run(lambda one: self._signed_vector(one, signer, vector))
        try:
            self.submit(signed)
        except TransferRefused as error:
            raise WeightsRefused(error.message, hint="Nothing was set.") from error
        if failed := self._outcome(signed.hash, since=since).failed:
            raise WeightsRefused(failed, hint="Nothing was set; the vector before still counts.")
        return signed.hash

    def _signed_vector(
        self, connection: Connection, signer: Signer, vector: vectors.Vector
    ) -> SignedTransfer:
        state = self._reader.state(connection, self._reader.heads(connection).best)
        demands = subnets.hyperparameters(state, vector.netuid)
        vectors.require_acceptable(state, vector, demands)
        call, params = vectors.call(state, vector, demands)
        nonce = answers.natural(connection.ask("account_nextIndex", vector.hotkey))
        moment = self._reader.moment(connection)
        return extrinsics.sign(moment, signer, PALLET, call, params, nonce=nonce)

    def _outcome(self, extrinsic_hash: str, *, since: int) -> Outcome:
        """Wait for the block that has an extrinsic."""
        patience = PATIENCE_BLOCKS * self.network().block_seconds
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            for block in self.scan(after=since, upto=self.heads().best).blocks:
                for outcome in block.outcomes:
                    if outcome.extrinsic_hash == extrinsic_hash:
                        return outcome
            time.sleep(POLL_SECONDS)
        raise ChainUnavailable(
            f"{extrinsic_hash} was sent and no block has it after {patience} s.",
            hint="Later blocks tell whether it was taken.",
        )

    def _signed(
        self, signer: Signer, pallet: str, call: str, params: dict[str, Any], *, nonce: int | None
    ) -> SignedTransfer:
        nonce = self.next_nonce(signer.ss58_address) if nonce is None else nonce
        moment = self._endpoints.run(self._reader.moment)
        return extrinsics.sign(moment, signer, pallet, call, params, nonce=nonce)


def _transfer(to: str, rao: int) -> tuple[str, str, dict[str, Any]]:
    """Give the call that empties an account where it has to: what is left would otherwise keep it alive."""
    return "Balances", "transfer_allow_death", {"dest": to, "value": rao}
