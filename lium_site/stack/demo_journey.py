"""Someone on the way through the market, and what they know by now."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lium_site.stack.renter import Renter, SshIdentity, make_identity


@dataclass
class Journey:
    """What the renter has learnt so far: nobody yet, then a new account."""

    renter: Renter
    person: Renter | None = None
    identity: SshIdentity = field(default_factory=lambda: make_identity("demo"))
    executor: dict[str, Any] = field(default_factory=dict)
    quote: dict[str, Any] = field(default_factory=dict)
    balance_before: Decimal = Decimal(0)
    invoice: dict[str, Any] = field(default_factory=dict)
    paid_usd: Decimal = Decimal(0)
    pod_id: str = ""
    pod: dict[str, Any] = field(default_factory=dict)
    ssh_output: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    receipt: dict[str, Any] = field(default_factory=dict)
    trial_balance: dict[str, Decimal] = field(default_factory=dict)
    proof: dict[str, Any] = field(default_factory=dict)
    bundle: str = ""

    def balance(self) -> Decimal:
        """Ask what the account can spend."""
        return Decimal(self.renter.get("users/me")["balance"])
