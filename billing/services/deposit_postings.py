"""What a deposit posts: its worth to a renter, and the TAO or alpha itself to where it lies (docs/money.md, Facts)."""

from collections.abc import Sequence
from decimal import Decimal

from accounts.models import Workspace
from billing import ledger
from billing.accounts import (
    alpha_account,
    alpha_currency,
    deposits_account,
    renter_account,
    suspense_account,
    trading_account,
    treasury_account,
)
from billing.ledger import Leg
from billing.models import Account, Deposit
from core.errors import Invalid
from core.money import TAO, USD, rao_to_tao


def post_credit(deposit: Deposit, workspace: Workspace) -> None:
    """Credit a deposit that has just become final."""
    amount, currency = rao_to_tao(deposit.amount_rao), currency_of(deposit)
    memo = f"Deposit of {amount:f} {asset_of(deposit)}, block {deposit.block_number}"
    # The renter's side first: the platform's accounts are shared, so they are locked last (docs/money.md).
    _post_worth(deposit, workspace, "usd", memo=memo)
    legs = [Leg(home_of(deposit), -amount), Leg(trading_account(currency), amount)]
    _post(deposit, "tao" if deposit.netuid is None else "alpha", legs, memo=memo)


def post_held(deposit: Deposit, *, memo: str) -> None:
    """Put a deposit that cannot be credited into suspense."""
    amount, currency = rao_to_tao(deposit.amount_rao), currency_of(deposit)
    legs = [Leg(home_of(deposit), -amount), Leg(suspense_account(currency), amount)]
    _post(deposit, "held", legs, memo=memo)


def post_settled(deposit: Deposit, workspace: Workspace, *, memo: str) -> None:
    """Credit a deposit out of suspense.

    :raises Invalid: it is worth nothing at its rate.
    """
    if not deposit.credited_usd:
        raise Invalid("It is worth nothing at this rate.", hint="Leave it where it is.")
    amount, currency = rao_to_tao(deposit.amount_rao), currency_of(deposit)
    _post_worth(deposit, workspace, "settled:usd", memo=memo)
    legs = [Leg(suspense_account(currency), -amount), Leg(trading_account(currency), amount)]
    _post(deposit, "settled:tao" if deposit.netuid is None else "settled:alpha", legs, memo=memo)


def home_of(deposit: Deposit) -> Account:
    """Give the account of where a deposit came to lie."""
    at_deposit_address = deposit.invoice is not None or deposit.standing_address is not None
    if deposit.netuid is not None:
        return alpha_account(deposit.netuid, "deposits" if at_deposit_address else "treasury")
    return deposits_account() if at_deposit_address else treasury_account()


def currency_of(deposit: Deposit) -> str:
    """Give the ledger's currency of what came."""
    return TAO if deposit.netuid is None else alpha_currency(deposit.netuid)


def asset_of(deposit: Deposit) -> str:
    """Name what came, for people."""
    return TAO if deposit.netuid is None else f"alpha of subnet {deposit.netuid}"


def _post_worth(deposit: Deposit, workspace: Workspace, suffix: str, *, memo: str) -> None:
    usd = deposit.credited_usd or Decimal(0)
    legs = [Leg(trading_account(USD), -usd), Leg(renter_account(workspace), usd)]
    _post(deposit, suffix, legs, memo=memo)


def _post(deposit: Deposit, suffix: str, legs: Sequence[Leg], *, memo: str) -> None:
    ledger.post(
        key=f"deposit:{deposit.block_hash}:{deposit.event_index}:{suffix}",
        kind="deposit",
        legs=legs,
        occurred_at=deposit.block_at,
        subject=("deposit", deposit.public_id),
        memo=memo,
    )
