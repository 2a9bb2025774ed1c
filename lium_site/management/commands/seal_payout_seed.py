"""Lock the treasury's seed with a passphrase, for MARKET_PAYOUT_SEED_FILE (docs/security.md)."""

import getpass
import os
import sys
from typing import Any

from bittensor_core import Keypair
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from billing import signing


class Command(BaseCommand):
    """Read a seed from standard input, or ask for it, and print it sealed."""

    help = "Seal the treasury's seed (standard input, or asked for) with MARKET_PAYOUT_PASSPHRASE."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what the file should hold; the seed itself is never printed."""
        seed = getpass.getpass("Seed: ") if sys.stdin.isatty() else sys.stdin.readline()
        passphrase = os.environ.get("MARKET_PAYOUT_PASSPHRASE", "")
        if not seed.strip() or not passphrase:
            raise CommandError("Give the seed, and the passphrase as MARKET_PAYOUT_PASSPHRASE.")
        address = Keypair.create_from_uri(seed.strip()).ss58_address
        if settings.TREASURY_ADDRESS and address != settings.TREASURY_ADDRESS:
            raise CommandError(f"The seed is {address}'s, not the treasury's.")
        self.stdout.write(signing.seal(seed.strip(), passphrase=passphrase))
