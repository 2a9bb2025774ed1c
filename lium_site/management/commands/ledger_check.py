"""Prove the ledger again, from its own rows and from the chain; `./market ledger check` runs this."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import ledger
from billing.chain.gateway import gateway
from billing.models import ReconciliationStatus
from billing.services import proving, reconciling
from core import clock


class Command(BaseCommand):
    """Name everything that an operator must look at; exit 1 where there is anything."""

    help = "Prove every balance, entry and key; exit 1 where there is anything to look at."

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer to leave the chain out."""
        parser.add_argument("--no-chain", action="store_true", help="ask nothing of the chain")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the proofs."""
        for currency, total in sorted(ledger.trial_balance().items()):
            self.stdout.write(f"{currency}: all postings sum to {total:f}")
        found = [str(one) for one in (*proving.findings(), *proving.to_settle())]
        if not options["no_chain"]:
            found += self._of_the_chain()
        for line in found:
            self.stdout.write(line)
        if found:
            raise CommandError(f"{len(found)} things to look at.")
        self.stdout.write("Nothing to look at.")

    def _of_the_chain(self) -> list[str]:
        done = reconciling.reconcile(gateway=gateway(), now=clock.now())
        for line in done.lines.order_by("pk"):
            self.stdout.write(f"{reconciling.words(line)} ({line.currency})")
            for entry in line.between:
                used = "explains" if entry["explains"] else "does not explain"
                self.stdout.write(f"  {entry['rao']:+} rao {used}: {entry['what']}, {entry['id']}")
        self.stdout.write(f"{done.keys} keys compared with the chain: {done.status}. {done.note}")
        if done.status == ReconciliationStatus.CLEAN:
            return []
        return [f"chain: {done.status}. {done.note}"]
