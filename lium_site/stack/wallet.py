"""A wallet on the market's local chain, written as an outsider would from docs/money.md. Nothing of ours is imported."""

import time
from typing import Any, Final

from bittensor_core import Keypair

from lium_site.stack.console import StackError
from lium_site.stack.renter import Renter

TRANSFER_DOMAIN: Final = b"lium-localchain:transfer:v1"
BLOCK_PATIENCE_SECONDS: Final = 15.0
POLL_SECONDS: Final = 0.1


class Wallet:
    """A fresh key pair, and the market's chain as anyone reaches it over HTTP."""

    def __init__(self, market: Renter) -> None:
        self._market = market
        self._keypair = Keypair.create_from_mnemonic(Keypair.generate_mnemonic())

    @property
    def address(self) -> str:
        """Return where this wallet is paid."""
        return str(self._keypair.ss58_address)

    def fee_rao(self) -> int:
        """Ask what a transfer costs."""
        return int(self._get("head")["fee_rao"])

    def fill(self, rao: int) -> None:
        """Get test TAO from the faucet and wait until it is there.

        :raises StackError: it did not come.
        """
        self._post("faucet", {"address": self.address, "amount_rao": str(rao)})
        deadline = time.monotonic() + BLOCK_PATIENCE_SECONDS
        while int(self._account()["free_rao"]) < rao:
            if time.monotonic() > deadline:
                raise StackError(
                    f"the faucet's {rao} rao did not arrive within {BLOCK_PATIENCE_SECONDS:.0f} s"
                )
            time.sleep(POLL_SECONDS)

    def pay(self, *, to: str, rao: int) -> dict[str, Any]:
        """Send a signed transfer and return what the chain said: hash, block number, fee."""
        nonce = int(self._account()["nonce"])
        return self._post(
            "transfers",
            {
                "from": self.address,
                "to": to,
                "amount_rao": str(rao),
                "nonce": nonce,
                "signature": "0x" + self._signature(to=to, rao=rao, nonce=nonce),
            },
        )

    def _signature(self, *, to: str, rao: int, nonce: int) -> str:
        genesis = bytes.fromhex(self._get("head")["genesis"].removeprefix("0x"))
        destination = bytes(Keypair(ss58_address=to).public_key)
        message = TRANSFER_DOMAIN + genesis + _u64(nonce) + destination + _u64(rao)
        return bytes(self._keypair.sign(message)).hex()

    def _account(self) -> dict[str, Any]:
        return self._get(f"accounts/{self.address}")

    def _get(self, path: str) -> dict[str, Any]:
        return dict(self._market.call("GET", f"localchain/{path}"))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(self._market.call("POST", f"localchain/{path}", body=body))


def _u64(value: int) -> bytes:
    return value.to_bytes(8, "little")
