"""How the market works on a machine: as which user, by which ports, in which folder; its holder may correct all of it."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from core.actors import Actor
from core.errors import Conflict, Invalid
from marketplace.checks.install_key import STATE_DIR, USER
from marketplace.models import Node, NodeStatus
from marketplace.services import reservations
from marketplace.transitions import Reason, note

FOLDER: Final = re.compile(r"/[\w./-]{1,99}")
ON_MARKET: Final = (NodeStatus.AVAILABLE, NodeStatus.RECLAIMING, NodeStatus.OFFLINE)


class InUse(Conflict):
    """Pods rest on what was to be changed."""

    code = "in_use"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """What a provider says of the way in and of what pods are given."""

    user: str = "lium"
    first_port: int = 40000
    last_port: int = 40999
    state_dir: str = STATE_DIR


def require_sane(reach: Reach) -> None:
    """Refuse what no machine can have.

    :raises Invalid: it says which value.
    """
    if not USER.fullmatch(reach.user):
        raise Invalid("The user is not the name of a Unix user.")
    if not 1024 <= reach.first_port <= reach.last_port <= 65535:
        raise Invalid("Ports for pods are a range between 1024 and 65535.")
    if not FOLDER.fullmatch(reach.state_dir):
        raise Invalid("The folder is an absolute path of at most 100 characters.")


def of(node: Node) -> Reach:
    """Give what is said of a node."""
    return Reach(
        user=node.ssh_user,
        first_port=node.first_port,
        last_port=node.last_port,
        state_dir=node.state_dir,
    )


def amend(*, node_id: int, reach: Reach, actor: Actor, now: datetime) -> bool:
    """Correct what was said of a machine; False where nothing differs. Its checks tell whether it is right.

    :raises Invalid: a value cannot be right. :raises InUse: pods hold a port outside the range, or files in the folder.
    """
    require_sane(reach)
    with transaction.atomic():
        node = Node.objects.select_for_update(no_key=True).get(pk=node_id)
        if reach == of(node):
            return False
        _require_free(node, reach)
        node.ssh_user, node.state_dir = reach.user, reach.state_dir
        node.first_port, node.last_port = reach.first_port, reach.last_port
        if node.last_seen_at is not None:
            # Renters may be given what nobody has tried yet: the sweep has it checked at once.
            node.next_checks_at = now
        changed = ["ssh_user", "state_dir", "first_port", "last_port", "next_checks_at"]
        node.save(update_fields=[*changed, "updated_at"])
        reservations.recount(node)
        detail = "The user, the ports or the folder for pods were named anew."
        note(node, reason=Reason.CLAIM_CHANGED, actor=actor, now=now, detail=detail)
    return True


def _require_free(node: Node, reach: Reach) -> None:
    held = node.port_reservations.order_by("port").values_list("port", flat=True)
    outside = [port for port in held if not reach.first_port <= port <= reach.last_port]
    if outside:
        raise InUse(
            f"Pods there are reached by ports outside of this range, {outside[0]} among them.",
            hint="Keep their ports in the range until they have ended.",
        )
    if reach.state_dir != node.state_dir and (held or node.status in ON_MARKET):
        raise InUse(
            "The folder for pods' files stays while the machine is on the market.",
            hint="Remove the machine and add it again to use another one.",
        )
