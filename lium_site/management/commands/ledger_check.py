"""Prove the ledger again: every balance from its postings and, with --chain, the TAO accounts from the chain."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import reconciliation
from billing.chain.gateway import gateway


class Command(BaseCommand):
    """Name each difference between the ledger and what it must equal; exit 1 where there is one."""

    help = "Recompute every balance; exit 1 where one differs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer the comparison with the chain."""
        parser.add_argument(
            "--chain", action="store_true", help="compare deposit addresses with the chain too"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the differences."""
        found = reconciliation.differences()
        if options["chain"]:
            found += reconciliation.chain_differences(gateway=gateway())
        for difference in found:
            self.stdout.write(str(difference))
        if found:
            raise CommandError(f"{len(found)} differences.")
        self.stdout.write("Every balance equals its postings.")
