"""Print the sum of all postings by currency: zero, or something is wrong."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing import ledger


class Command(BaseCommand):
    """Print the trial balance; exit 1 where a currency does not sum to zero."""

    help = "Print the sum of all postings by currency; exit 1 where it is not zero."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each currency."""
        sums = ledger.trial_balance()
        for currency, total in sorted(sums.items()):
            self.stdout.write(f"{currency} {total:f}")
        if any(sums.values()):
            raise CommandError("The ledger does not balance; run ledger_check for the accounts.")
