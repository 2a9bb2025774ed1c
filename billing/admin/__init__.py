"""The operator's view of the money: everything is read, only held deposits are decided, by services, with a reason."""

from billing.admin import chain, ledger, payments

__all__ = ["chain", "ledger", "payments"]
