"""The ledger, and the TAO that comes in through invoices."""

from billing.models.ledger import Account, AccountKind, Entry, Posting

__all__ = ["Account", "AccountKind", "Entry", "Posting"]
