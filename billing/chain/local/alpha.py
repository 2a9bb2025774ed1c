"""The local chain's alpha: a price that the operator sets, and no stake yet."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NoReturn

from billing.chain import keys
from billing.chain.local import node
from billing.chain.port import AlphaPrice, Signer, Stake, TransferRefused

TAO_PER_ALPHA: Final = Decimal("0.05")


def price(netuid: int) -> AlphaPrice:
    """Give what alpha is worth: the same on each subnet."""
    state = node.chain()
    number = node.finalized(state)
    return AlphaPrice(netuid, TAO_PER_ALPHA, block=number, at=node.time_of(state, number))


def stake(coldkey: str, netuid: int) -> Sequence[Stake]:
    """Give the alpha of a coldkey: nobody has any on this chain.

    :raises Invalid: it is no address.
    """
    keys.public_key_of(coldkey)
    return ()


def sign_transfer(
    *, signer: Signer, to: str, hotkey: str, netuid: int, alpha_rao: int, nonce: int
) -> NoReturn:
    """Refuse: there is no alpha to move.

    :raises TransferRefused: always.
    """
    raise TransferRefused("The local chain has no alpha to move.", hint="Send TAO.")
