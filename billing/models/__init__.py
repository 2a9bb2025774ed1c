"""The ledger, and the TAO that comes in through invoices."""

from billing.models.chain import ChainCursor, Sweep, SweepStatus
from billing.models.invoice import (
    Deposit,
    DepositKey,
    DepositStatus,
    Invoice,
    InvoiceStatus,
    PaymentEvent,
)
from billing.models.ledger import Account, AccountKind, Entry, Posting
from billing.models.localchain import (
    LocalAccount,
    LocalChain,
    LocalFork,
    LocalNeuron,
    LocalTransfer,
    LocalWeights,
)

__all__ = [
    "Account",
    "AccountKind",
    "ChainCursor",
    "Deposit",
    "DepositKey",
    "DepositStatus",
    "Entry",
    "Invoice",
    "InvoiceStatus",
    "LocalAccount",
    "LocalChain",
    "LocalFork",
    "LocalNeuron",
    "LocalTransfer",
    "LocalWeights",
    "PaymentEvent",
    "Posting",
    "Sweep",
    "SweepStatus",
]
