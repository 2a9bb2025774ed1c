"""The published client's `lium fund`, unmodified, with a wallet of its own and a chain that the test names."""

import os
import subprocess
from pathlib import Path

import bittensor
from bittensor_core import Keypair

from tests.lium import LIUM

# Every name of a network leads to the test's own node: nothing is ever sent to a real one.
POINTED = """
import bittensor.settings as settings
for name in settings.NETWORKS:
    settings.NETWORKS[name] = {url!r}
settings.FALLBACK_ENDPOINTS.clear()
"""


def make_wallet(home: Path) -> Keypair:
    """Write a wallet as btcli does, with no password; give its coldkey's public half."""
    made = bittensor.Wallet(path=str(home / ".bittensor/wallets"))
    made.create_new_coldkey(use_password=False, suppress=True)
    made.create_new_hotkey(use_password=False, suppress=True)
    return made.coldkeypub


def point_at(home: Path, url: str) -> None:
    """Lead the chain SDK to a node."""
    (home / "sitecustomize.py").write_text(POINTED.format(url=url))


def fund(home: Path, *arguments: str, api_url: str, secret: str) -> str:
    """Run `lium fund`, see it fail, and give all that it said on one line."""
    done = subprocess.run(
        [LIUM, "fund", "-w", "default", *arguments],
        env={
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(home),
            "LIUM_BASE_URL": api_url,
            "LIUM_API_KEY": secret,
            "NO_COLOR": "1",
            "COLUMNS": "500",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0, said
    return said
