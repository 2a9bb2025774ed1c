"""The local chain's node: heights by the clock, transfers into the next block, reorganisations on demand.

Everything that writes takes the chain's row lock first and reads the clock after it, so a transfer can never land
in a block that a reader has already seen.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction

from billing.chain import keys
from billing.chain.local import funds, wire
from billing.chain.port import TransferRefused
from billing.models import LocalAccount, LocalChain, LocalFork, LocalTransfer
from core import clock
from core.errors import Invalid

FEE_RAO: Final = 125_000
EXISTENTIAL_RAO: Final = 500
FAUCET_ADDRESS: Final = keys.address_of(bytes(32))
FAUCET_LIMIT_RAO: Final = 1_000 * 10**9
# Subtensor counts subnets in 16 bits.
MAX_NETUID: Final = 2**16 - 1


@dataclass(frozen=True, slots=True)
class SignedWish:
    """A transfer as its sender sends it; of alpha, which stays with ``hotkey``, where ``netuid`` is given."""

    sender: str
    destination: str
    rao: int
    nonce: int
    signature: bytes
    netuid: int | None = None
    hotkey: str = ""


def chain() -> LocalChain:
    """Give the chain with its present head; makes it at first use.

    No lock is needed while no block is due: what is written meanwhile goes into a block above this head.
    """
    state = LocalChain.objects.filter(pk=1).first()
    if state is not None and _due(state) <= state.head:
        return state
    with transaction.atomic():
        return _advanced()


def finalized(state: LocalChain) -> int:
    """Give the newest height that can no longer be replaced."""
    return max(0, state.head - settings.LOCALCHAIN_FINALITY_BLOCKS)


def time_of(state: LocalChain, number: int) -> datetime:
    """Give the time of a block; by hand they count as a second each."""
    return state.genesis_at + timedelta(seconds=number * (state.block_seconds or 1))


def submit(wish: SignedWish) -> LocalTransfer:
    """Put a signed transfer into the next block; a repeat gives the first one.

    :raises Invalid: an address, the subnet or the signature is wrong; :raises TransferRefused: nonce or funds forbid it.
    """
    sender = keys.public_key_of(wish.sender)
    with transaction.atomic():
        state = _advanced()
        message = _signed_text(state, wish)
        if not keys.verifies(sender, message, wish.signature):
            raise Invalid(
                "The signature is not the sender's over this transfer.",
                hint="Sign the payload of docs/money.md with this chain's genesis and the sender's key.",
            )
        transfer = LocalTransfer(
            hash=wire.transfer_hash(sender, message),
            sender=wish.sender,
            destination=wish.destination,
            amount_rao=wish.rao,
            netuid=wish.netuid,
            hotkey=wish.hotkey,
            fee_rao=FEE_RAO,
            nonce=wish.nonce,
        )
        known = LocalTransfer.objects.filter(hash=transfer.hash, block_number__isnull=False).first()
        return known or _include(state, transfer)


def mint(*, address: str, rao: int) -> LocalTransfer:
    """Give test TAO to an address, in the next block.

    :raises Invalid: no address, or more than the faucet gives at once.
    """
    keys.public_key_of(address)
    if not EXISTENTIAL_RAO <= rao <= FAUCET_LIMIT_RAO:
        raise Invalid(
            f"The faucet gives between {EXISTENTIAL_RAO} and {FAUCET_LIMIT_RAO} rao at once.",
            hint="Ask for less, or more than once.",
        )
    with transaction.atomic():
        transfer = LocalTransfer(
            hash="0x" + secrets.token_hex(32),
            sender=FAUCET_ADDRESS,
            destination=address,
            amount_rao=rao,
            fee_rao=0,
        )
        return _include(_advanced(), transfer)


def mint_alpha(*, coldkey: str, hotkey: str, netuid: int, rao: int) -> LocalTransfer:
    """Give test alpha to a coldkey, in the next block.

    :raises Invalid: no address, no subnet, or more than the faucet gives at once.
    """
    keys.public_key_of(coldkey)
    keys.public_key_of(hotkey)
    require_netuid(netuid)
    if not 0 < rao <= FAUCET_LIMIT_RAO:
        raise Invalid(
            f"The faucet gives up to {FAUCET_LIMIT_RAO} rao of alpha at once.",
            hint="Ask for less, or more than once.",
        )
    with transaction.atomic():
        transfer = LocalTransfer(
            hash="0x" + secrets.token_hex(32),
            sender=FAUCET_ADDRESS,
            destination=coldkey,
            amount_rao=rao,
            netuid=netuid,
            hotkey=hotkey,
            fee_rao=0,
        )
        return _include(_advanced(), transfer)


def produce(count: int = 1) -> LocalChain:
    """Make blocks by hand."""
    with transaction.atomic():
        state = _advanced()
        state.head += count
        state.save(update_fields=["head"])
        return state


def reorganise(*, depth: int, drop: bool = False) -> None:
    """Replace the newest ``depth`` blocks; their transfers go into the next block, or nowhere.

    :raises Invalid: that deep a block is final.
    """
    with transaction.atomic():
        state = _advanced()
        if not 0 < depth <= state.head - finalized(state):
            raise Invalid(
                f"Only the newest {state.head - finalized(state)} blocks can be replaced."
            )
        first = state.head - depth + 1
        LocalFork.objects.create(from_number=first, made_at=time_of(state, state.head))
        replaced = funds.unwind(first=first)
        for transfer in () if drop else replaced:
            _include_if_possible(state, transfer)


def account(address: str) -> LocalAccount:
    """Give an address with its funds and nonce; an unknown one has nothing.

    :raises Invalid: it is no address.
    """
    keys.public_key_of(address)
    return LocalAccount.objects.filter(address=address).first() or LocalAccount(address=address)


def require_netuid(netuid: int) -> None:
    """Refuse what numbers no subnet.

    :raises Invalid: it is below zero, or more than the chain counts.
    """
    if not 0 <= netuid <= MAX_NETUID:
        raise Invalid(f"{netuid} is no subnet.", hint=f"Subnets are 0 to {MAX_NETUID}.")


def _signed_text(state: LocalChain, wish: SignedWish) -> bytes:
    destination = keys.public_key_of(wish.destination)
    if wish.netuid is None:
        return wire.payload(state.genesis, nonce=wish.nonce, destination=destination, rao=wish.rao)
    require_netuid(wish.netuid)
    return wire.stake_payload(
        state.genesis,
        nonce=wish.nonce,
        destination=destination,
        hotkey=keys.public_key_of(wish.hotkey),
        netuid=wish.netuid,
        rao=wish.rao,
    )


def _advanced() -> LocalChain:
    state = _locked()
    if state is None:
        LocalChain.objects.bulk_create([_new_chain()], ignore_conflicts=True)
        return _advanced()
    if (due := _due(state)) > state.head:
        state.head = due
        state.save(update_fields=["head"])
    return state


def _due(state: LocalChain) -> int:
    """Give the height that the clock asks for; by hand, the present one."""
    if not state.block_seconds:
        return state.head
    return int((clock.now() - state.genesis_at).total_seconds() // state.block_seconds)


def _locked() -> LocalChain | None:
    return LocalChain.objects.select_for_update().filter(pk=1).first()


def _new_chain() -> LocalChain:
    return LocalChain(
        pk=1,
        genesis=wire.genesis_hash(settings.MARKET_INSTANCE),
        genesis_at=clock.now(),
        block_seconds=settings.LOCALCHAIN_BLOCK_SECONDS,
    )


def _include(state: LocalChain, transfer: LocalTransfer) -> LocalTransfer:
    funds.apply(transfer, existential=EXISTENTIAL_RAO)
    transfer.block_number = state.head + 1
    transfer.event_index = LocalTransfer.objects.filter(block_number=state.head + 1).count()
    LocalTransfer.objects.filter(hash=transfer.hash, block_number=None).delete()
    transfer.pk = None
    transfer.save(force_insert=True)
    return transfer


def _include_if_possible(state: LocalChain, transfer: LocalTransfer) -> None:
    try:
        _include(state, transfer)
    except TransferRefused:
        return
