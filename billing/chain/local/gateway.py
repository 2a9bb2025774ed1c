"""The local chain behind the port."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from django.conf import settings

from billing.chain import keys
from billing.chain.local import alpha, node, subnet, wire
from billing.chain.port import (
    AlphaPrice,
    Block,
    ChainReplaced,
    Heads,
    Hyperparameters,
    Network,
    Outcome,
    Scan,
    SignedTransfer,
    Signer,
    Stake,
    StakeTransfer,
    Subnet,
    Transfer,
)
from billing.models import LocalChain, LocalFork, LocalTransfer

SCAN_BLOCKS: Final = 200
MAX_INTEGER: Final = 2**63 - 1


class LocalChainGateway:
    """Reads and writes the chain in this database."""

    def network(self) -> Network:
        """Say which chain this is."""
        state = node.chain()
        return Network(
            name="local chain",
            genesis=state.genesis,
            simulated=True,
            block_seconds=state.block_seconds or 1,
            first_block=0,
        )

    def hold_to(self, *, number: int, hash: str) -> None:
        """Have the chain be the one with this final block."""
        if (found := self.block(number).hash) != hash:
            raise ChainReplaced(f"Block {number} was {hash} and is {found}.")

    def heads(self) -> Heads:
        """Give the heights."""
        state = node.chain()
        return Heads(best=state.head, finalized=node.finalized(state))

    def scan(self, *, after: int, upto: int) -> Scan:
        """Read the blocks that hold transfers, a bounded number at once."""
        state = node.chain()
        upto = min(upto, state.head)
        found = LocalTransfer.objects.filter(block_number__gt=after, block_number__lte=upto)
        numbers = list(
            found.order_by("block_number")
            .values_list("block_number", flat=True)
            .distinct()[:SCAN_BLOCKS]
        )
        if len(numbers) == SCAN_BLOCKS:
            upto = max(number for number in numbers if number is not None)
        return Scan(
            blocks=tuple(_block(state, number) for number in numbers if number is not None),
            until=_block(state, upto),
        )

    def block(self, number: int) -> Block:
        """Read one block of the present best chain."""
        return _block(node.chain(), number)

    def balance(self, address: str) -> int:
        """Give what an address can spend, in rao."""
        return node.account(address).free_rao

    def usd_per_tao(self) -> Decimal:
        """Give the price that the operator set: this chain's TAO has no value elsewhere."""
        return settings.LOCALCHAIN_USD_PER_TAO

    def transfer_fee(self) -> int:
        """Give what a plain transfer costs, in rao."""
        return node.FEE_RAO

    def next_nonce(self, address: str) -> int:
        """Give the nonce that the chain expects next of an address."""
        return node.account(address).nonce

    def sign_transfer(
        self, *, signer: Signer, to: str, rao: int, nonce: int | None = None
    ) -> SignedTransfer:
        """Sign a transfer with a nonce, or the sender's next one; nothing is sent."""
        state = node.chain()
        nonce = self.next_nonce(signer.ss58_address) if nonce is None else nonce
        message = wire.payload(
            state.genesis, nonce=nonce, destination=keys.public_key_of(to), rao=rao
        )
        body = {
            "from": signer.ss58_address,
            "to": to,
            "amount_rao": rao,
            "nonce": nonce,
            "signature": "0x" + signer.sign(message).hex(),
        }
        return SignedTransfer(
            hash=wire.transfer_hash(signer.public_key, message), body=json.dumps(body), nonce=nonce
        )

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
        return alpha.sign_transfer(
            signer=signer,
            to=to,
            hotkey=hotkey,
            netuid=netuid,
            alpha_rao=alpha_rao,
            nonce=self.next_nonce(signer.ss58_address) if nonce is None else nonce,
        )

    def submit(self, signed: SignedTransfer) -> None:
        """Send a signed transfer; a repeat is harmless."""
        node.submit(wish_from(json.loads(signed.body)))

    def subnet(self, netuid: int) -> Subnet:
        """Read a subnet and who is on it."""
        return subnet.subnet(netuid)

    def hyperparameters(self, netuid: int) -> Hyperparameters:
        """Read what a subnet demands of weights."""
        return subnet.hyperparameters(netuid)

    def alpha_price(self, netuid: int) -> AlphaPrice:
        """Give what alpha is worth at the newest final block."""
        return alpha.price(netuid)

    def stake(self, coldkey: str, netuid: int) -> Sequence[Stake]:
        """Give the alpha that a coldkey has on a subnet, by hotkey."""
        return alpha.stake(coldkey, netuid)

    def set_weights(
        self, *, signer: Signer, netuid: int, uids: Sequence[int], weights: Sequence[int]
    ) -> str:
        """Set a validator's weights, u16 each, and give the hash of what was taken."""
        state = node.chain()
        message = wire.weights_payload(
            state.genesis, netuid=netuid, block=state.head, uids=uids, weights=weights
        )
        taken = subnet.submit(
            subnet.SignedWeights(
                hotkey=signer.ss58_address,
                netuid=netuid,
                block=state.head,
                uids=tuple(uids),
                weights=tuple(weights),
                signature=signer.sign(message),
            )
        )
        return taken.hash


def wish_from(body: dict[str, object]) -> node.SignedWish:
    """Read a signed transfer as it travels over HTTP.

    :raises KeyError, ValueError: a field is missing or of the wrong form.
    """
    return node.SignedWish(
        sender=str(body["from"]),
        destination=str(body["to"]),
        rao=_natural(body["amount_rao"]),
        nonce=_natural(body["nonce"]),
        signature=bytes.fromhex(str(body["signature"]).removeprefix("0x")),
        netuid=None if body.get("netuid") is None else _natural(body["netuid"]),
        hotkey=str(body.get("hotkey", "")),
    )


def _natural(value: object) -> int:
    number = int(str(value))
    if not 0 <= number <= MAX_INTEGER:
        raise ValueError(f"{number} is negative, or more than the chain can count.")
    return number


def _block(state: LocalChain, number: int) -> Block:
    rows = list(LocalTransfer.objects.filter(block_number=number).order_by("event_index"))
    fork = LocalFork.objects.filter(from_number__lte=number).order_by("-pk").first()
    return Block(
        number=number,
        hash=wire.block_hash(
            state.genesis,
            number=number,
            fork=fork.pk if fork else 0,
            transfers=[row.hash for row in rows],
        ),
        at=node.time_of(state, number),
        transfers=tuple(
            Transfer(place, row.sender, row.destination, row.amount_rao, row.hash)
            for place, row in enumerate(rows)
            if row.netuid is None
        ),
        stake_transfers=tuple(
            StakeTransfer(
                event_index=place,
                sender=row.sender,
                destination=row.destination,
                hotkey=row.hotkey,
                netuid=row.netuid,
                alpha_rao=row.amount_rao,
                extrinsic_hash=row.hash,
            )
            for place, row in enumerate(rows)
            if row.netuid is not None
        ),
        outcomes=tuple(Outcome(row.hash, row.sender, row.fee_rao, nonce=row.nonce) for row in rows),
    )
