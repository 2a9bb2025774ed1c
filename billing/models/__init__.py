"""The ledger, and the TAO that comes in through invoices."""

from billing.models.alarm import ChainAlarm
from billing.models.chain import ChainCursor
from billing.models.deposit import Deposit, DepositStatus, PaymentEvent
from billing.models.invoice import DepositKey, Invoice, InvoiceStatus
from billing.models.ledger import Account, AccountDay, AccountKind, Entry, Posting
from billing.models.localchain import (
    LocalAccount,
    LocalChain,
    LocalFork,
    LocalNeuron,
    LocalStake,
    LocalTransfer,
    LocalWeights,
)
from billing.models.outgoing import OPEN_TRANSFERS, OutgoingTransfer, TransferKind, TransferStatus
from billing.models.payout import (
    OPEN_PAYOUTS,
    BatchStatus,
    Payout,
    PayoutBatch,
    PayoutHold,
    PayoutStatus,
)
from billing.models.rate import (
    BreakerStatus,
    RateBreaker,
    RateEvent,
    RateObservation,
    RateSource,
    SourceKind,
)
from billing.models.reconciliation import (
    Reconciliation,
    ReconciliationLine,
    ReconciliationStatus,
)
from billing.models.standing import LinkedColdkey, StandingAddress

__all__ = [
    "OPEN_PAYOUTS",
    "OPEN_TRANSFERS",
    "Account",
    "AccountDay",
    "AccountKind",
    "BatchStatus",
    "BreakerStatus",
    "ChainAlarm",
    "ChainCursor",
    "Deposit",
    "DepositKey",
    "DepositStatus",
    "Entry",
    "Invoice",
    "InvoiceStatus",
    "LinkedColdkey",
    "LocalAccount",
    "LocalChain",
    "LocalFork",
    "LocalNeuron",
    "LocalStake",
    "LocalTransfer",
    "LocalWeights",
    "OutgoingTransfer",
    "PaymentEvent",
    "Payout",
    "PayoutBatch",
    "PayoutHold",
    "PayoutStatus",
    "Posting",
    "RateBreaker",
    "RateEvent",
    "RateObservation",
    "RateSource",
    "Reconciliation",
    "ReconciliationLine",
    "ReconciliationStatus",
    "SourceKind",
    "StandingAddress",
    "TransferKind",
    "TransferStatus",
]
