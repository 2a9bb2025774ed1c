"""What providers and renters are told, written down in the transaction of what happened; sending it is another's work."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from marketplace import dispatch
from marketplace.event_kinds import mailed_to
from marketplace.models import Node, Provider, Webhook, WebhookDelivery
from marketplace.models.webhook import OWNER_MAIL, Owner

# A webhook that is being deleted is waited for; one that is read stays until the event is committed.
CHANNELS: Final = (
    "SELECT * FROM marketplace_webhook WHERE {owner}_id = %s ORDER BY id FOR KEY SHARE"
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
    """Tell a provider something of a machine, or of none."""
    event = {"text": text, "machine": _machine(node), **payload}
    tell(provider, kind=kind, event=event, now=now)


def tell(owner: Owner, *, kind: str, event: Mapping[str, Any], now: datetime) -> None:
    """Tell an owner something on every channel that wants to hear of it, once this transaction commits."""
    told = [channel for channel in _open_channels(owner, kind, now) if _wants(channel, kind)]
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
        dispatch.deliver_event(delivery.pk, by_mail=delivery.webhook.is_mailbox)
    return written


def mail_channel(owner: Owner, *, now: datetime) -> Webhook:
    """Give an owner's mailbox channel, made at its first use."""
    fields = {"kinds": mailed_to(owner), "created_at": now, "secret_encrypted": ""}
    mine = {"provider" if isinstance(owner, Provider) else "workspace": owner}
    return Webhook.objects.get_or_create(**mine, url=OWNER_MAIL, defaults=fields)[0]


def _open_channels(owner: Owner, kind: str, now: datetime) -> list[Webhook]:
    column = "provider" if isinstance(owner, Provider) else "workspace"
    channels = list(Webhook.objects.raw(CHANNELS.format(owner=column), [owner.pk]))
    has_mailbox = any(channel.is_mailbox for channel in channels)
    if not has_mailbox and _is_somebodys(owner) and kind in mailed_to(owner):
        channels.append(mail_channel(owner, now=now))
    return [channel for channel in channels if channel.disabled_at is None]


def _is_somebodys(owner: Owner) -> bool:
    return not isinstance(owner, Provider) or owner.workspace_id is not None


def _wants(channel: Webhook, kind: str) -> bool:
    return not channel.kinds or kind in channel.kinds


def _machine(node: Node | None) -> dict[str, Any] | None:
    if node is None:
        return None
    return {"id": str(node.public_id), "name": node.name or node.huid, "status": node.status}
