"""Write a proof's signed bundle into a file, for `./market verify`."""

from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from validation.models import Proof


class Command(BaseCommand):
    """Write a bundle into the state's folder of bundles and print its path."""

    help = "Write a proof's bundle into a file and print the path."

    def add_arguments(self, parser: CommandParser) -> None:
        """Ask which."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--latest", action="store_true", help="the newest bundle")
        which.add_argument("--proof", type=UUID, metavar="ID", help="the bundle of this proof")

    def handle(self, *args: Any, **options: Any) -> None:
        """Find and write it, whole or not at all."""
        kept = Proof.objects.exclude(bundle=None)
        if options["proof"]:
            kept = kept.filter(public_id=options["proof"])
        proof = kept.order_by("-finished_at", "-id").first()
        if proof is None:
            raise CommandError("There is no such bundle: no proof with one is done yet.")
        self.stdout.write(str(_write(proof)))


def _write(proof: Proof) -> Path:
    folder = Path(settings.STATE_DIR) / "bundles"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{proof.public_id}.bundle.json"
    draft = file.with_name(f"{file.name}.new")
    draft.write_bytes(bytes(proof.bundle or b""))
    draft.replace(file)
    return file
