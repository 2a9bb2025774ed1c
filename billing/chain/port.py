"""The chain as billing needs it: read final blocks in order, look at heads, move funds. Amounts are integer rao.

Alpha, a subnet's own currency, is counted in rao of alpha: integers as well, never added to rao of TAO.

Every method may raise `ChainUnavailable`; none may be called inside a transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from core.errors import DomainError, Unavailable


class ChainUnavailable(Unavailable):
    """The chain does not answer; nothing is known, nothing was changed."""

    code = "chain_unavailable"


class NoPrice(ChainUnavailable):
    """The chain answers, and alpha of a subnet has no price there, or there is no such subnet."""

    code = "alpha_without_price"


class ChainReplaced(ChainUnavailable):
    """A block that was final is no longer there: another chain, or one that was rolled back. Nothing is read."""

    code = "chain_replaced"


class TransferRefused(DomainError):
    """The chain refused a signed transfer: for good, where the transfer never lapses.

    One that lapses may still be taken until its last block is final, whatever a node answered: only blocks tell.
    """

    code = "transfer_refused"
    status = 422


@dataclass(frozen=True, slots=True)
class Network:
    """Which chain this is; ``genesis`` tells two chains apart whatever they are called.

    ``first_block`` is where a new market begins to read.
    """

    name: str
    genesis: str
    simulated: bool
    block_seconds: int
    first_block: int


@dataclass(frozen=True, slots=True)
class Heads:
    """The newest block, and the newest one that can no longer be replaced."""

    best: int
    finalized: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer as its event tells it; ``event_index`` is its place in the block.

    ``extrinsic_hash`` names the signed transfer that caused it; empty where the chain itself did.
    """

    event_index: int
    sender: str
    destination: str
    rao: int
    extrinsic_hash: str = ""


@dataclass(frozen=True, slots=True)
class StakeTransfer:
    """Alpha of a subnet that a coldkey gave another one; it stays with the same ``hotkey``.

    It may have been swapped from another subnet's: ``alpha_rao`` is what arrived on ``netuid``, perhaps nothing.
    """

    event_index: int
    sender: str
    destination: str
    hotkey: str
    netuid: int
    alpha_rao: int
    extrinsic_hash: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a signed extrinsic in a block: its signer paid ``fee_rao`` even where it ``failed``.

    ``fee_rao`` is all that the chain took: its fee, and what it burnt where too little was left to keep the account.
    ``failed`` is the chain's own word for why, empty for a success. ``nonce`` is the one that it used up, None where
    the chain does not tell: whatever else was signed with it can never come.
    """

    extrinsic_hash: str
    signer: str
    fee_rao: int
    failed: str = ""
    nonce: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A block, the transfers in it and what became of its signed extrinsics."""

    number: int
    hash: str
    at: datetime
    transfers: Sequence[Transfer] = ()
    outcomes: Sequence[Outcome] = ()
    stake_transfers: Sequence[StakeTransfer] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """Blocks read in order up to ``until``; those in which nothing happened may be left out, ``until`` never is."""

    blocks: Sequence[Block]
    until: Block


@dataclass(frozen=True, slots=True)
class SignedTransfer:
    """A transfer that may be submitted any number of times: its nonce lets one through.

    ``hash`` is what `Transfer.extrinsic_hash` and `Outcome.extrinsic_hash` show once it is in a block. ``last_block``
    is the last block that can hold it: once that is final and no block up to it did, it is void for ever, and its
    nonce may be signed anew. None: it never lapses.
    """

    hash: str
    body: str
    nonce: int
    last_block: int | None = None


class WeightsRefused(DomainError):
    """The chain refused a vector of weights; its own words are the message."""

    code = "weights_refused"
    status = 422


@dataclass(frozen=True, slots=True)
class Neuron:
    """A hotkey's place on a subnet.

    ``stake_rao`` is the weight of its stake, ``active`` says whether it set weights lately, and
    ``last_update_block`` is when (0: never). What a chain does not keep is empty, zero or false.
    """

    uid: int
    hotkey: str
    coldkey: str = ""
    stake_rao: int = 0
    validator_permit: bool = False
    active: bool = False
    last_update_block: int = 0


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet as weights need it.

    ``tempo`` is in blocks; ``emission_rao`` is what its miners as a whole are given for a block, in rao.
    """

    netuid: int
    tempo: int
    emission_rao: int
    neurons: Sequence[Neuron]


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """What a subnet demands of weights.

    ``tempo``, ``weights_rate_limit`` are in blocks, ``max_weights_limit`` is the most that one place may get, a u16
    share of the vector's sum; ``reveal_period_epochs`` counts only where ``commit_reveal`` is on.
    """

    tempo: int
    weights_rate_limit: int
    commit_reveal: bool
    reveal_period_epochs: int
    min_allowed_weights: int
    max_weights_limit: int
    weights_version: int


@dataclass(frozen=True, slots=True)
class AlphaPrice:
    """What one alpha of a subnet is worth in TAO, as the chain said at a block."""

    netuid: int
    tao_per_alpha: Decimal
    block: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Stake:
    """Alpha that a coldkey has with a hotkey."""

    hotkey: str
    alpha_rao: int


class Signer(Protocol):
    """A key that can sign; the SDK's key pair is one."""

    @property
    def ss58_address(self) -> str: ...

    @property
    def public_key(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...


class ChainGateway(Protocol):
    """The one door to a chain."""

    def network(self) -> Network:
        """Say which chain this is."""

    def hold_to(self, *, number: int, hash: str) -> None:
        """Have the chain be the one with this final block, which was read before; whoever answers otherwise lies.

        :raises ChainReplaced: nobody has it any more.
        """

    def heads(self) -> Heads:
        """Give the heights."""

    def scan(self, *, after: int, upto: int) -> Scan:
        """Read blocks ``after`` < number <= ``upto``, as many as one bounded call may."""

    def block(self, number: int) -> Block:
        """Read one block of the present best chain."""

    def balance(self, address: str) -> int:
        """Give what an address can spend, in rao."""

    def transfer_fee(self) -> int:
        """Give what a plain transfer costs, in rao."""

    def next_nonce(self, address: str) -> int:
        """Give the nonce that the chain expects next of an address, what waits for a block counted."""

    def sign_transfer(
        self, *, signer: Signer, to: str, rao: int, nonce: int | None = None
    ) -> SignedTransfer:
        """Sign a transfer with a nonce, or the sender's next one; nothing is sent."""

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

    def submit(self, signed: SignedTransfer) -> None:
        """Send a signed transfer, of TAO or alpha; a repeat is harmless.

        A nonce that was used says nothing: whether it was by this transfer is told by blocks.

        :raises TransferRefused: the chain does not take it.
        """

    def subnet(self, netuid: int) -> Subnet:
        """Read a subnet and who is on it."""

    def hyperparameters(self, netuid: int) -> Hyperparameters:
        """Read what a subnet demands of weights."""

    def alpha_price(self, netuid: int) -> AlphaPrice:
        """Give what alpha is worth: never more than at the newest final block, always more than nothing.

        :raises NoPrice: the chain answers, and there is none. :raises ChainUnavailable: it does not answer.
        """

    def stake(self, coldkey: str, netuid: int) -> Sequence[Stake]:
        """Give the alpha that a coldkey has on a subnet, by hotkey; nothing is an empty sequence."""

    def set_weights(
        self, *, signer: Signer, netuid: int, uids: Sequence[int], weights: Sequence[int]
    ) -> str:
        """Set a validator's weights, u16 each, and give the hash of what was taken; the same again is harmless.

        :raises WeightsRefused: the chain does not take it, or not yet.
        """
