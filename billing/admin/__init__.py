"""The operator's view of the money: everything is read, only held deposits are decided, by services, with a reason."""

from billing.admin import alarms, chain, ledger, payments, payouts, rates, reconciliation

__all__ = ["alarms", "chain", "ledger", "payments", "payouts", "rates", "reconciliation"]
