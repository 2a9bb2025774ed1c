"""The way to a balance: a new account, an invoice in TAO, and a signed transfer that pays it."""

import time
from collections.abc import Callable
from decimal import ROUND_UP, Decimal
from typing import Any

from lium_site.stack.console import StackError
from lium_site.stack.demo_journey import Journey
from lium_site.stack.renter import Renter
from lium_site.stack.wallet import Wallet

CENT = Decimal("0.01")
LEAST_INVOICE_USD = Decimal(1)
PAYABLE = ("open", "seen")
PAID = "paid"
PAYMENT_SECONDS = 60.0
POLL_SECONDS = 0.2


def sign_up(journey: Journey) -> str:
    """Make an account without an address: a key to rent with, and a session to pay with."""
    url = journey.renter.url
    account = journey.renter.post("auth/signup", {})
    session = journey.renter.post("auth/login", {"fingerprint": account["fingerprint"]})
    journey.renter = Renter(url=url, api_key=account["api_key"])
    journey.person = Renter(url=url, token=session["token"])
    journey.balance_before = journey.balance()
    return f"{account['username']}, with ${journey.balance_before}"


def make_invoice(journey: Journey) -> str:
    """Ask to pay for the hour in TAO; only a person may, no key that rents."""
    usd = max(LEAST_INVOICE_USD, journey.quote["total_usd"]).quantize(CENT, ROUND_UP)
    journey.invoice = _person(journey).post("billing/invoices", {"amount_usd": str(usd)})
    invoice = journey.invoice
    return (
        f"${usd} = {invoice['amount_tao']} TAO at ${invoice['rate_usd_per_tao']}, "
        f"to {invoice['address']}"
    )


def pay(journey: Journey) -> str:
    """Fill a wallet at the faucet, and pay by a transfer that it signs."""
    wallet = Wallet(journey.renter)
    rao = int(journey.invoice["amount_rao"])
    wallet.fill(rao + wallet.fee_rao())
    sent = wallet.pay(to=journey.invoice["address"], rao=rao)
    return f"block {sent['block_number']}"


def await_seen(journey: Journey) -> str:
    """Wait until the market has seen the transfer."""
    _await_payment(journey, lambda invoice: bool(invoice["deposits"]), "seen")
    return f"from {journey.invoice['deposits'][0]['sender']}"


def await_final(journey: Journey) -> str:
    """Wait until the transfer's block is one that the chain cannot take back."""
    number = journey.invoice["deposits"][0]["block_number"]

    def is_final(_: dict[str, Any]) -> bool:
        return bool(journey.renter.call("GET", "localchain/head")["finalized_height"] >= number)

    _await_payment(journey, is_final, "final")
    return f"block {number}"


def await_credit(journey: Journey) -> str:
    """Wait for the credit, and check that the balance grew by what the invoice said."""
    _await_payment(journey, lambda invoice: invoice["status"] not in PAYABLE, "credited")
    invoice, grown = journey.invoice, journey.balance() - journey.balance_before
    # The asked amount is rounded up to a whole rao.
    rao_usd = invoice["rate_usd_per_tao"].scaleb(-9)
    if invoice["status"] != PAID or not 0 <= grown - invoice["amount_usd"] < rao_usd:
        raise StackError(
            f"the invoice over ${invoice['amount_usd']} is {invoice['status']}, "
            f"and the balance grew by ${grown}"
        )
    journey.paid_usd = grown
    return f"the balance grew by ${grown}"


def _await_payment(
    journey: Journey, condition: Callable[[dict[str, Any]], bool], word: str
) -> None:
    deadline = time.monotonic() + PAYMENT_SECONDS
    path = f"billing/invoices/{journey.invoice['id']}"
    while not condition(journey.invoice):
        if time.monotonic() > deadline:
            raise StackError(
                f"the payment was not {word} within {PAYMENT_SECONDS:.0f} s: the invoice is "
                f"{journey.invoice['status']}"
            )
        time.sleep(POLL_SECONDS)
        journey.invoice = _person(journey).get(path)


def _person(journey: Journey) -> Renter:
    if journey.person is None:
        raise StackError("nobody has signed up yet")
    return journey.person
