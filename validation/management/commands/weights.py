"""Weigh the market and set the weights, or only show what would be set; `./market weights` runs this."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core import clock
from core.errors import DomainError
from validation.scoring.report import lines
from validation.services import weighing
from validation.services.weighing import Preview


class Command(BaseCommand):
    """Weigh once, by hand."""

    help = "Weigh the market, and set the weights where a tempo has passed."

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer to send nothing."""
        parser.add_argument(
            "--dry-run", action="store_true", help="print the vector; keep and send nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was, or would be, set."""
        try:
            if options["dry_run"]:
                self._show(weighing.preview(now=clock.now()))
            else:
                self._set()
        except DomainError as error:
            raise CommandError(f"{error.message} {error.hint}") from error

    def _show(self, preview: Preview) -> None:
        for line in lines(preview.data, preview.result):
            self.stdout.write(line)
        if preview.vector is None:
            raise CommandError(f"No vector would be sent. {preview.unfit}")
        self.stdout.write("would be sent, place: weight")
        for uid, weight in zip(preview.vector.uids, preview.vector.weights, strict=True):
            self.stdout.write(f"{uid}: {weight}")

    def _set(self) -> None:
        made = weighing.weigh_if_due(now=clock.now())
        if made is None:
            self.stdout.write("Nothing is due: a vector is set once a tempo.")
            return
        submission = made.submissions.order_by("-pk").first()
        answer = f"{submission.get_status_display()}: {submission.answer}" if submission else ""
        self.stdout.write(f"Block {made.block}. {answer}")
