"""Funds, alpha and nonces of the local chain's accounts; the caller holds the chain's row lock."""

from django.db.models import F

from billing.chain.port import TransferRefused
from billing.models import LocalAccount, LocalStake, LocalTransfer


def apply(transfer: LocalTransfer, *, existential: int) -> None:
    """Move the funds of a transfer.

    :raises TransferRefused: nonce, funds or the existential deposit forbid it.
    """
    if transfer.amount_rao <= 0:
        raise TransferRefused("The amount must be above zero.", hint="Amounts are whole rao.")
    if transfer.netuid is None:
        _move_tao(transfer, existential=existential)
    else:
        _move_alpha(transfer, existential=existential)


def unwind(*, first: int) -> list[LocalTransfer]:
    """Undo all transfers from block ``first`` on, newest first; give them in their old order."""
    replaced = list(
        LocalTransfer.objects.filter(block_number__gte=first).order_by(
            "block_number", "event_index"
        )
    )
    for transfer in reversed(replaced):
        _undo(transfer)
    LocalTransfer.objects.filter(block_number__gte=first).update(
        block_number=None, event_index=None
    )
    return replaced


def _move_tao(transfer: LocalTransfer, *, existential: int) -> None:
    receiver = _account(transfer.destination)
    if receiver.free_rao + transfer.amount_rao < existential:
        raise TransferRefused(
            f"The receiver would hold less than the existential deposit of {existential} rao.",
            hint="Send more.",
        )
    if transfer.nonce is not None:
        _spend(transfer, transfer.amount_rao + transfer.fee_rao, existential=existential)
    LocalAccount.objects.filter(pk=receiver.pk).update(free_rao=F("free_rao") + transfer.amount_rao)


def _move_alpha(transfer: LocalTransfer, *, existential: int) -> None:
    if transfer.nonce is not None:
        held = _stake(transfer, transfer.sender)
        if held.alpha_rao < transfer.amount_rao:
            raise TransferRefused(
                f"{transfer.sender} has {held.alpha_rao} rao of alpha {transfer.netuid} with this hotkey.",
                hint="Send less, or fund the coldkey: POST /localchain/faucet with netuid and hotkey.",
                data={"alpha_rao": held.alpha_rao},
            )
        _spend(transfer, transfer.fee_rao, existential=existential)
        _add_stake(transfer, transfer.sender, -transfer.amount_rao)
    _add_stake(transfer, transfer.destination, transfer.amount_rao)


def _spend(transfer: LocalTransfer, cost_rao: int, *, existential: int) -> None:
    sender = _account(transfer.sender)
    if transfer.nonce != sender.nonce:
        raise TransferRefused(
            f"The nonce is {transfer.nonce}, the account's next one is {sender.nonce}.",
            hint="Read the account's nonce and sign again.",
            data={"nonce": sender.nonce},
        )
    left = sender.free_rao - cost_rao
    cost_words = "amount and fee are" if transfer.netuid is None else "the fee is"
    if left < 0:
        raise TransferRefused(
            f"{transfer.sender} has {sender.free_rao} rao; {cost_words} {cost_rao}.",
            hint="Send less, or fund the account: POST /localchain/faucet.",
            data={"free_rao": sender.free_rao, "fee_rao": transfer.fee_rao},
        )
    if 0 < left < existential:
        raise TransferRefused(
            f"The sender would keep {left} rao, less than the existential deposit of {existential}.",
            hint=f"Send {left} rao more, or leave at least {existential}.",
        )
    LocalAccount.objects.filter(pk=sender.pk).update(free_rao=left, nonce=F("nonce") + 1)


def _undo(transfer: LocalTransfer) -> None:
    back = 0
    if transfer.netuid is None:
        back = transfer.amount_rao
        LocalAccount.objects.filter(address=transfer.destination).update(
            free_rao=F("free_rao") - back
        )
    else:
        _add_stake(transfer, transfer.destination, -transfer.amount_rao)
    if transfer.nonce is not None:
        if transfer.netuid is not None:
            _add_stake(transfer, transfer.sender, transfer.amount_rao)
        LocalAccount.objects.filter(address=transfer.sender).update(
            free_rao=F("free_rao") + back + transfer.fee_rao, nonce=F("nonce") - 1
        )


def _stake(transfer: LocalTransfer, coldkey: str) -> LocalStake:
    if transfer.netuid is None:
        raise ValueError(f"{transfer} is not of alpha.")
    return LocalStake.objects.get_or_create(
        coldkey=coldkey, hotkey=transfer.hotkey, netuid=transfer.netuid
    )[0]


def _add_stake(transfer: LocalTransfer, coldkey: str, alpha_rao: int) -> None:
    row = _stake(transfer, coldkey)
    LocalStake.objects.filter(pk=row.pk).update(alpha_rao=F("alpha_rao") + alpha_rao)


def _account(address: str) -> LocalAccount:
    return LocalAccount.objects.get_or_create(address=address)[0]
