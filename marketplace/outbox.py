"""What a provider is told, written down in the transaction of what happened; sending it is another's work."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from marketplace import dispatch
from marketplace.models import Node, Provider, Webhook, WebhookDelivery

# The channel that is the mailbox of the workspace's owner, whatever its address is by then.
OWNER_MAIL: Final = "mailto:owner"
TEST: Final = "test"
# Each kind of event in words; those of machines are the codes of their events.
KINDS: Final[Mapping[str, str]] = {
    "machine.checks_passed": "A machine passed its checks and is on the market",
    "machine.checks_failed": "A check failed; the machine is off the market",
    "machine.proof_failed": "A proof of its GPUs failed; the machine is off the market",
    "machine.proof_passed": "Its GPUs are proven again",
    "machine.verification_expired": "A machine passed no checks for too long; it is off the market",
    "machine.not_answering": "A machine does not answer",
    "machine.answers_again": "A machine answers again",
    "machine.rebooted": "A machine was rebooted",
    "machine.gone_too_long": "A machine has been silent for too long",
    "machine.price_changed": "A price was changed",
    "machine.address_changed": "A machine is reached at another address",
    "machine.maintenance_notice": "A maintenance was announced",
    "machine.maintenance_cancelled": "A maintenance was taken back",
    "machine.maintenance_started": "A maintenance began",
    "machine.maintenance_over": "A maintenance is over",
    "machine.reclaim_notice": "A removal was announced",
    "machine.reclaimed_early": "A machine was taken back early",
    "machine.reclaim_cancelled": "A removal was taken back",
    "machine.reclaim_done": "A machine was removed as announced",
    "machine.frozen": "Operators hid a machine from new renters",
    "machine.unfrozen": "Operators show a machine again",
    "machine.delisted": "A machine was taken off the market",
    "rental.started": "A rental of a machine began",
    "rental.ended": "A rental of a machine ended",
    "payout.paid": "A payout arrived at your coldkey",
    "payout.failed": "A payout failed; the amount is back on your balance",
    "webhook.disabled": "A webhook was switched off because it kept failing",
    "machine_request": "Somebody asks for a GPU that you follow",
}
# What a mail is worth until the provider chooses: things that they did not do themselves.
MAILED: Final = (
    "machine.checks_passed",
    "machine.checks_failed",
    "machine.verification_expired",
    "machine.not_answering",
    "machine.answers_again",
    "machine.gone_too_long",
    "machine.frozen",
    "machine.unfrozen",
    "machine.delisted",
    "rental.started",
    "rental.ended",
    "payout.paid",
    "payout.failed",
    "webhook.disabled",
    "machine_request",
)


def announce(
    node: Node | None,
    *,
    provider: Provider,
    kind: str,
    text: str,
    payload: Mapping[str, Any],
    now: datetime,
) -> None:
    """Tell a provider something on every channel that wants to hear of it, once this transaction commits."""
    told = [channel for channel in _open_channels(provider, now) if _wants(channel, kind)]
    event = {"text": text, "machine": _machine(node), **payload}
    write(told, kind=kind, event=event, now=now)


def write(
    channels: list[Webhook], *, kind: str, event: Mapping[str, Any], now: datetime
) -> list[WebhookDelivery]:
    """Write one event down for channels and ring for each; its id is the same for all of them."""
    event_id = uuid4()
    written = WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            webhook=channel,
            event_id=event_id,
            kind=kind,
            payload=dict(event),
            created_at=now,
            next_try_at=now,
        )
        for channel in channels
    )
    for delivery in written:
        dispatch.deliver_event(delivery.pk)
    return written


def mail_channel(provider: Provider, *, now: datetime) -> Webhook:
    """Give the provider's mailbox channel, made at its first use."""
    # The lock keeps two first uses from making two.
    Provider.objects.select_for_update(no_key=True).get(pk=provider.pk)
    fields = {"kinds": list(MAILED), "created_at": now, "secret_encrypted": ""}
    return Webhook.objects.get_or_create(provider=provider, url=OWNER_MAIL, defaults=fields)[0]


def _open_channels(provider: Provider, now: datetime) -> list[Webhook]:
    channels = list(Webhook.objects.filter(provider=provider))
    if provider.workspace_id and all(channel.url != OWNER_MAIL for channel in channels):
        channels.append(mail_channel(provider, now=now))
    return [channel for channel in channels if channel.disabled_at is None]


def _wants(channel: Webhook, kind: str) -> bool:
    return not channel.kinds or kind in channel.kinds


def _machine(node: Node | None) -> dict[str, Any] | None:
    if node is None:
        return None
    return {"id": str(node.public_id), "name": node.name or node.huid, "status": node.status}
