"""The chart of accounts: one function an account, made at first use and safe in parallel (docs/money.md)."""

from uuid import UUID

from accounts.models import Workspace
from billing.models import Account, AccountKind
from core.money import TAO, USD


def renter_account(workspace: Workspace) -> Account:
    """Give the account of what a workspace can spend, in USD."""
    return _account(
        f"renter:{workspace.public_id}:{USD}",
        AccountKind.RENTER,
        USD,
        workspace=workspace,
        owner_id=workspace.public_id,
    )


def provider_account(provider_public_id: UUID) -> Account:
    """Give the account of what a provider has earned and was not paid yet, in USD."""
    code = f"provider:{provider_public_id}:{USD}"
    return _account(code, AccountKind.PROVIDER, USD, owner_id=provider_public_id)


def fee_account() -> Account:
    """Give the platform's own earnings, in USD."""
    return _account(f"fee:platform:{USD}", AccountKind.FEE, USD)


def grants_account() -> Account:
    """Give the account that pays for credits we gave away, in USD."""
    return _account(f"grants:platform:{USD}", AccountKind.GRANTS, USD)


def trading_account(currency: str) -> Account:
    """Give one side of the desk through which every conversion goes."""
    return _account(f"trading:platform:{currency}", AccountKind.TRADING, currency)


def suspense_account(currency: str = TAO) -> Account:
    """Give the TAO, or alpha, that arrived and belongs to nobody yet."""
    return _account(f"suspense:deposits:{currency}", AccountKind.SUSPENSE, currency)


def alpha_currency(netuid: int) -> str:
    """Give the ledger's name of a subnet's alpha; each subnet's is a currency of its own."""
    return f"SN{netuid}"


def alpha_account(netuid: int, place: str) -> Account:
    """Give the alpha that lies on the treasury, or astray on deposit addresses: ``treasury`` or ``deposits``."""
    currency = alpha_currency(netuid)
    return _account(f"chain:{place}:{currency}", AccountKind.CHAIN, currency)


def deposits_account() -> Account:
    """Give the TAO that lies on deposit addresses."""
    return _account(f"chain:deposits:{TAO}", AccountKind.CHAIN, TAO)


def treasury_account() -> Account:
    """Give the TAO that lies on the treasury address."""
    return _account(f"chain:treasury:{TAO}", AccountKind.CHAIN, TAO)


def network_fees_account() -> Account:
    """Give the TAO that the chain took for our own transfers."""
    return _account(f"chain:fees:{TAO}", AccountKind.CHAIN, TAO)


def _account(
    code: str,
    kind: AccountKind,
    currency: str,
    *,
    workspace: Workspace | None = None,
    owner_id: UUID | None = None,
) -> Account:
    fields = {"kind": kind, "currency": currency, "workspace": workspace, "owner_id": owner_id}
    return Account.objects.get_or_create(code=code, defaults=fields)[0]
