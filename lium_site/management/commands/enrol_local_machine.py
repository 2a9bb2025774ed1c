"""Put the machine described on standard input on the market: look, prepare for pods, admit."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import clock
from core.errors import DomainError
from marketplace.machine import MachineError
from marketplace.models import Node
from marketplace.services import enrolment, listing
from marketplace.services.enrolment import Description
from rentals.engine import EngineError, NodeUnfit
from rentals.runtime import PackagesUnavailable
from rentals.services import preparation

FIELDS = ("name", "host", "port", "user", "host_key", "private_key", "state_dir", "public_host")


class Command(BaseCommand):
    """Read one JSON object from standard input; repeat it whenever the machine was started anew."""

    help = "Enrol the machine that the JSON object on standard input describes."

    def handle(self, *args: Any, **options: Any) -> None:
        """Enrol, prepare and admit, or say what is wrong."""
        description = _description(sys.stdin.read())
        try:
            node = enrolment.enrol(description, now=clock.now())
        except DomainError as error:
            raise CommandError(f"{error.message} {error.hint}") from error
        except MachineError as error:
            raise CommandError(str(error)) from error
        _prepare(node)
        listing.admit(node_id=node.pk, now=clock.now())
        gpus = f"{node.gpu_count} x {node.gpu_model.short_name}"
        note = " (simulated)" if node.simulated else ""
        self.stdout.write(f"{node.huid} is on the market: {gpus}{note}")


def _description(text: str) -> Description:
    try:
        given = json.loads(text)
        first, last = given["port_range"]
        return Description(
            **{name: given[name] for name in FIELDS},
            port_range=(int(first), int(last)),
            gpus=int(given.get("gpus", 0)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(
            f"The description is not usable ({error!r}). Send one JSON object with "
            f"{', '.join(FIELDS)}, port_range and gpus."
        ) from error


def _prepare(node: Node) -> None:
    try:
        preparation.prepare(node_id=node.pk)
    except (NodeUnfit, EngineError, MachineError, PackagesUnavailable) as error:
        listing.reject(node_id=node.pk, why="It could not be prepared for pods.", now=clock.now())
        raise CommandError(f"{node.huid} cannot host pods: {error}") from error
