"""Nudges to workers, on commit and by name."""

from typing import Final

from core import doorbell

PROBE: Final = "marketplace.tasks.probe_node"
ANSWER: Final = "marketplace.tasks.mail_answer"
CHECK: Final = "marketplace.tasks.check_node"
SIGHT: Final = "marketplace.tasks.look_at_host_key"
DELIVER: Final = "marketplace.tasks.deliver_event"
LISTED: Final = "heartbeat"
UNLISTED: Final = "checks"
MAILS: Final = "mail"
WEBHOOKS: Final = "webhooks"


def probe_node(node_id: int, *, listed: bool = True) -> None:
    """Have a worker look whether a node answers; what is not on the market holds up only what is not."""
    doorbell.ring(PROBE, queue=LISTED if listed else UNLISTED, node_id=node_id, listed=listed)


def check_node(run_id: int) -> None:
    """Have a worker go through a run's checks: they take minutes, so neither probes nor starts wait for them."""
    doorbell.ring(CHECK, queue=UNLISTED, run_id=run_id)


def look_at_host_key(node_id: int) -> None:
    """Have a worker look at a host key that somebody waits to compare."""
    doorbell.ring(SIGHT, queue=UNLISTED, node_id=node_id)


def deliver_event(delivery_id: int, *, by_mail: bool) -> None:
    """Have a worker try a delivery; no mail waits for receivers that strangers chose."""
    queue = MAILS if by_mail else WEBHOOKS
    doorbell.ring(DELIVER, queue=queue, delivery_id=delivery_id, by_mail=by_mail)


def mail_answer(*, request_id: int, node_id: int) -> None:
    """Have a worker mail somebody that the machine they asked for is there."""
    doorbell.ring(ANSWER, queue=MAILS, expires=86_400, request_id=request_id, node_id=node_id)
