"""A webhook that keeps failing is switched off and its owner told; turning it on again begins anew."""

from datetime import datetime, timedelta
from typing import Final

from marketplace import outbox
from marketplace.event_kinds import DISABLED
from marketplace.models import Webhook

# Longer than a weekend's outage at the receiver.
PATIENCE: Final = timedelta(days=3)


def took(webhook_id: int) -> None:
    """Note that an event was taken."""
    Webhook.objects.filter(pk=webhook_id, failing_since__isnull=False).update(failing_since=None)


def missed(webhook_id: int, *, error: str, given_up: bool, now: datetime) -> None:
    """Note that an event was not taken; where one was given up and none was taken for days, send no more.

    Joins the caller's transaction. Mail is ours to deliver: it is never switched off.
    """
    ours = Webhook.objects.addresses().select_for_update(no_key=True)
    webhook = ours.filter(pk=webhook_id, disabled_at=None).first()
    if webhook is None:
        return
    webhook.failing_since = webhook.failing_since or now
    hopeless = given_up and now - webhook.failing_since >= PATIENCE
    if hopeless:
        webhook.disabled_at = now
        webhook.disabled_why = f"Nothing was taken since {webhook.failing_since:%Y-%m-%d %H:%M} UTC. {error}"[:500]  # fmt: skip
    webhook.save(update_fields=["failing_since", "disabled_at", "disabled_why"])
    if hopeless:
        _tell(webhook, now=now)


def _tell(webhook: Webhook, *, now: datetime) -> None:
    text = f"Events are no longer sent to {webhook.url}. {webhook.disabled_why} Mend it, and turn it on again."
    event = {"text": text, "webhook": str(webhook.public_id), "url": webhook.url}
    outbox.tell(webhook.owner, kind=DISABLED, event=event, now=now)
