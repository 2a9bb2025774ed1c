"""The published client as a provider runs it, with a real Bittensor wallet in a home of its own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.journeys.client import Client

MAKE_WALLET = """
import sys
import bittensor
wallet = bittensor.Wallet(name="ck", hotkey="hk", path=sys.argv[1])
wallet.create_new_hotkey(use_password=False, suppress=True)
print(bittensor.Wallet(name="ck", hotkey="hk", path=sys.argv[1]).hotkey.ss58_address)
"""


class ProviderClient(Client):
    """One provider's `lium`; ``hotkey`` is the wallet's address."""

    def __init__(self, home: Path, *, url: str) -> None:
        super().__init__(home, url=url)
        self.environment |= {
            "LIUM_PORTAL_URL": f"{url}/portal",
            "LIUM_SHARED_CONFIG_URL": f"{url}/portal/shared-config",
            "LIUM_PROVIDER_ACK": "1",
        }
        self.hotkey = _make_wallet(home)

    def signed(self, *arguments: str) -> dict:
        """Run a provider command with the wallet; give what it printed."""
        return self.ok("provider", "-w", "ck", "-k", "hk", "--json", *arguments).json["data"]


def _make_wallet(home: Path) -> str:
    wallets = home / ".bittensor" / "wallets"
    wallets.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", MAKE_WALLET, str(wallets)],
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]
