"""Sending what providers and renters are told: webhooks signed as the Standard Webhooks specification says, and mail.

A delivery is claimed by moving its next try away, sent with no transaction open, and then noted. It may arrive
twice; its id tells the receiver so.
"""

import base64
import binascii
import hashlib
import hmac
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Final

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from core import clock, crypto, outbound
from marketplace import dispatch
from marketplace.event_kinds import WORDS
from marketplace.models import Webhook, WebhookDelivery
from marketplace.models.webhook import OWNER_MAIL
from marketplace.services import webhook_health

log = structlog.get_logger(__name__)

# A sender that died keeps a delivery so long.
LEASE: Final = timedelta(minutes=2)
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(hours=6)
# About eleven hours in all, with the pauses above.
TRIES: Final = 12
BROKEN_OFF: Final = "Its last try broke off on this market's side; there is no other."
SWEEP_AT_ONCE: Final = 200
KEPT: Final = timedelta(days=30)
OF_BALANCES: Final = ("balance.low", "balance.empty")
SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # a prefix, no secret


@dataclass(frozen=True, slots=True)
class Sent:
    """How a try went; ``over`` means that no other try can go better."""

    status_code: int | None = None
    error: str = ""
    over: bool = False


def deliver(*, delivery_id: int, now: datetime) -> bool:
    """Try one delivery that is due; False where it is not, or did not arrive."""
    delivery = _claim(delivery_id, now)
    if delivery is None:
        return False
    sent = _mail(delivery) if delivery.webhook.is_mailbox else _post(delivery, now)
    _note(delivery, sent, now=clock.now())
    return not sent.error


def sweep(now: datetime) -> int:
    """Ring for deliveries that are due and whose nudge was lost, of each webhook in turn; give how many."""
    due = WebhookDelivery.objects.filter(delivered_at=None, next_try_at__lte=now)
    due.filter(attempts__gte=TRIES).update(next_try_at=None, error=BROKEN_OFF)
    turn = Window(RowNumber(), partition_by="webhook", order_by="next_try_at")
    rows = due.annotate(turn=turn).order_by("turn", "next_try_at")
    found = list(rows.values_list("pk", "webhook__url")[:SWEEP_AT_ONCE])
    for pk, url in found:
        dispatch.deliver_event(pk, by_mail=url == OWNER_MAIL)
    return len(found)


def forget_old(now: datetime) -> int:
    """Delete deliveries that nobody looks up any more."""
    old = WebhookDelivery.objects.filter(created_at__lt=now - KEPT, next_try_at=None)
    return old.delete()[0]


def sign(*, secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Give the value of ``webhook-signature``: a version and an HMAC-SHA256 over id, time and body."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def verify(*, secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Check a delivery as its receiver does: the signature fits, and it is at most five minutes old."""
    try:
        at, event_id = int(headers["webhook-timestamp"]), headers["webhook-id"]
        wanted = sign(secret=secret, event_id=event_id, timestamp=at, body=body)
    except (KeyError, ValueError, binascii.Error):
        return False
    given = headers.get("webhook-signature", "").split()
    fresh = abs(now.timestamp() - at) <= 300
    return fresh and any(hmac.compare_digest(wanted, one) for one in given)


def _claim(delivery_id: int, now: datetime) -> WebhookDelivery | None:
    due = WebhookDelivery.objects.filter(
        pk=delivery_id, delivered_at=None, next_try_at__lte=now, attempts__lt=TRIES
    )
    if not due.update(next_try_at=now + LEASE, attempts=F("attempts") + 1):
        return None
    rows = WebhookDelivery.objects.select_related(
        "webhook__provider__workspace__owner", "webhook__workspace__owner"
    )
    delivery = rows.get(pk=delivery_id)
    if delivery.webhook.disabled_at is None:
        return delivery
    _note(delivery, Sent(error="The webhook was disabled.", over=True), now=now)
    return None


def _post(delivery: WebhookDelivery, now: datetime) -> Sent:
    webhook, event_id = delivery.webhook, f"evt_{delivery.event_id}"
    body = _body(delivery)
    timestamp = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "lium_site-webhooks",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(
            secret=open_secret(webhook), event_id=event_id, timestamp=timestamp, body=body
        ),
    }
    try:
        status = outbound.post(webhook.url, body=body, headers=headers, trial=in_trial())
    except (outbound.AddressRefused, outbound.NoAnswer) as error:
        return Sent(error=str(error), over=isinstance(error, outbound.AddressRefused))
    return Sent(status_code=status, error="" if 200 <= status < 300 else _refusal(status))


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"The receiver answered {status}; redirects are not followed."
    return f"The receiver answered {status}; any 2xx means that it took the event."


def _body(delivery: WebhookDelivery) -> bytes:
    event = {
        "id": f"evt_{delivery.event_id}",
        "type": delivery.kind,
        "timestamp": clock.iso(delivery.created_at),
        "data": delivery.payload,
    }
    return json.dumps(event, separators=(",", ":")).encode()


def _mail(delivery: WebhookDelivery) -> Sent:
    workspace = delivery.webhook.home
    address = workspace.owner.email if workspace else ""
    if not address:
        return Sent(error="The workspace's owner has no e-mail address.", over=True)
    event, machine = delivery.payload, delivery.payload.get("machine")
    title = event.get("title") or WORDS.get(delivery.kind, delivery.kind)
    subject = f"{machine['name']}: {title}" if machine else title
    text = f"{title}.\n\n{event['text']}\n\n{settings.PUBLIC_URL}{_page(delivery, machine)}\n"
    try:
        send_mail(_line(subject), text, settings.DEFAULT_FROM_EMAIL, [address])
    except (SMTPException, OSError) as error:
        return Sent(error=f"The mail server did not take it: {error}"[:300])
    return Sent()


def _page(delivery: WebhookDelivery, machine: Mapping[str, str] | None) -> str:
    if machine:
        return reverse("provider_node", args=[machine["id"]])
    if delivery.kind in OF_BALANCES:
        return reverse("billing")
    return reverse("provider" if delivery.webhook.provider_id else "workspace_webhooks")


def _line(subject: str) -> str:
    return " ".join(subject.split())[:200]


def _note(delivery: WebhookDelivery, sent: Sent, *, now: datetime) -> None:
    delivery.status_code, delivery.error = sent.status_code, sent.error[:300]
    delivery.delivered_at = None if sent.error else now
    over = not sent.error or sent.over or delivery.attempts >= TRIES
    delivery.next_try_at = None if over else now + pause(delivery.attempts)
    with transaction.atomic():
        delivery.save(update_fields=["status_code", "error", "delivered_at", "next_try_at"])
        if sent.error:
            webhook_health.missed(delivery.webhook_id, error=sent.error, given_up=over, now=now)
        else:
            webhook_health.took(delivery.webhook_id)
    if sent.error:
        log.info("delivery.failed", delivery=delivery.pk, error=sent.error, over=over)


def pause(attempts: int) -> timedelta:
    """Give how long to wait after so many tries: ever longer, and never in step with others."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * (1 << (attempts - 1)))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, guards nothing


def open_secret(webhook: Webhook) -> str:
    """Decrypt what a webhook's deliveries are signed with."""
    binding, keys = str(webhook.public_id), settings.FIELD_KEYS
    return crypto.decrypt(webhook.secret_encrypted, binding=binding, keys=keys)


def in_trial() -> bool:
    """Say whether this is a trial market, whose providers may sit on its own machine."""
    return settings.MARKET_CHAIN == "local"
