"""A provider takes a machine away that nobody uses; where somebody does, notice is given first."""

from datetime import datetime

from django.db import transaction

from core.actors import Actor
from core.errors import Conflict
from marketplace.models import Node, PortReservation
from marketplace.services import listing


class InUse(Conflict):
    """Pods are on the machine."""

    code = "node_in_use"


def remove(*, node_id: int, actor: Actor, now: datetime) -> Node:
    """Take a machine off the market for good, at once; its record stays.

    :raises InUse: pods are on it.
    """
    with transaction.atomic():
        # The lock that renting takes too: nobody gets onto it meanwhile.
        node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
        held = node.gpus.filter(holder__isnull=False).exists()
        if held or PortReservation.objects.filter(node=node).exists():
            raise InUse(
                f"{node.huid} is rented.",
                hint="Give notice of its removal: renters are told at least 48 h before.",
            )
        why = "Taken away by its provider."
        return listing.delist(node_id=node_id, why=why, actor=actor, now=now)
