"""The local chain's alpha: a price that does not move, stake by hotkey, and transfers of it."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from billing.chain import keys
from billing.chain.local import node, wire
from billing.chain.port import AlphaPrice, SignedTransfer, Signer, Stake
from billing.models import LocalStake

TAO_PER_ALPHA: Final = Decimal("0.05")


def price(netuid: int) -> AlphaPrice:
    """Give what alpha is worth: the same on each subnet."""
    state = node.chain()
    number = node.finalized(state)
    return AlphaPrice(netuid, TAO_PER_ALPHA, block=number, at=node.time_of(state, number))


def stake(coldkey: str, netuid: int) -> Sequence[Stake]:
    """Give the alpha of a coldkey on a subnet, by hotkey.

    :raises Invalid: it is no address.
    """
    keys.public_key_of(coldkey)
    rows = LocalStake.objects.filter(coldkey=coldkey, netuid=netuid, alpha_rao__gt=0)
    return tuple(Stake(row.hotkey, row.alpha_rao) for row in rows.order_by("hotkey"))


def sign_transfer(
    *, signer: Signer, to: str, hotkey: str, netuid: int, alpha_rao: int, nonce: int
) -> SignedTransfer:
    """Sign the transfer of alpha to another coldkey; nothing is sent."""
    message = wire.stake_payload(
        node.chain().genesis,
        nonce=nonce,
        destination=keys.public_key_of(to),
        hotkey=keys.public_key_of(hotkey),
        netuid=netuid,
        rao=alpha_rao,
    )
    body = {
        "from": signer.ss58_address,
        "to": to,
        "hotkey": hotkey,
        "netuid": netuid,
        "amount_rao": alpha_rao,
        "nonce": nonce,
        "signature": "0x" + signer.sign(message).hex(),
    }
    return SignedTransfer(
        hash=wire.transfer_hash(signer.public_key, message), body=json.dumps(body), nonce=nonce
    )
