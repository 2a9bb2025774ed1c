"""The webhooks of providers and renters, and what providers want by mail."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction

from accounts.models import Workspace
from accounts.principal import Principal
from accounts.services import audit
from core import crypto, outbound, ratelimit
from core.errors import Conflict, Invalid
from marketplace import limits, outbox
from marketplace.event_kinds import TEST, kinds_of, mailed_to
from marketplace.models import Provider, Webhook
from marketplace.models.webhook import OWNER_MAIL, Owner, WebhookQuerySet
from marketplace.services.deliveries import SECRET_PREFIX, in_trial

MOST: Final = 5
TESTS: Final = "20/hour"


def add(
    *, principal: Principal, owner: Owner, url: str, kinds: Sequence[str], now: datetime
) -> tuple[Webhook, str]:
    """Register a webhook and give it with its secret, which is shown this once; no ``kinds`` means all.

    :raises Invalid: the URL may not be called, or there is no such kind. :raises Conflict: there are enough.
    :raises RateLimited: another name of theirs is being looked up.
    """
    _require_callable(url, owner)
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    with transaction.atomic():
        _lock(owner)
        if webhooks_of(owner).count() >= MOST:
            raise Conflict(f"You have {MOST} webhooks.", hint="Delete one that you do not need.")
        webhook = Webhook(url=url, kinds=_known(kinds, owner), created_at=now)
        if isinstance(owner, Provider):
            webhook.provider = owner
        else:
            webhook.workspace = owner
        webhook.secret_encrypted = crypto.encrypt(
            secret, binding=str(webhook.public_id), keys=settings.FIELD_KEYS
        )
        webhook.save()
        _record(principal, webhook, "webhook.add", now=now)
    return webhook, secret


def set_enabled(*, principal: Principal, webhook: Webhook, enabled: bool, now: datetime) -> None:
    """Send to a webhook, or stop; what happens while it is off is not sent later."""
    with transaction.atomic():
        webhook.disabled_at = None if enabled else now
        webhook.disabled_why, webhook.failing_since = "", None
        webhook.save(update_fields=["disabled_at", "disabled_why", "failing_since"])
        _record(principal, webhook, "webhook.enable" if enabled else "webhook.disable", now=now)


def delete(*, principal: Principal, webhook: Webhook, now: datetime) -> None:
    """Forget a webhook with its log, once nobody is about to write an event for it."""
    with transaction.atomic():
        Webhook.objects.select_for_update().filter(pk=webhook.pk).first()
        _record(principal, webhook, "webhook.delete", now=now)
        webhook.delete()


def send_test(*, webhook: Webhook, now: datetime) -> None:
    """Send an event that means nothing, so that the receiver can be tried.

    :raises Conflict: the webhook is off. :raises RateLimited: too many tests.
    """
    if webhook.disabled_at:
        raise Conflict("This webhook is off.", hint="Enable it, then send the test.")
    ratelimit.check("webhook-test", f"{_side(webhook)}:{webhook.owner.pk}", TESTS)
    event = {"text": "A test: nothing has happened."}
    with transaction.atomic():
        outbox.write([webhook], kind=TEST, event=event, now=now)


def choose_mail(
    *, principal: Principal, provider: Provider, kinds: Sequence[str], now: datetime
) -> Webhook:
    """Send these kinds of event to the owner by mail; none of them means no mail.

    :raises Invalid: there is no such kind.
    """
    chosen = _known(kinds, provider)
    with transaction.atomic():
        channel = outbox.mail_channel(provider, now=now)
        channel.kinds, channel.disabled_at = chosen, None if chosen else now
        channel.save(update_fields=["kinds", "disabled_at"])
        _record(principal, channel, "mail", now=now)
    return channel


def mail_kinds(provider: Provider) -> list[str]:
    """Give the kinds of event that go to the owner by mail."""
    channel = Webhook.objects.filter(provider=provider, url=OWNER_MAIL).first()
    if channel is None:
        return mailed_to(provider)
    return [] if channel.disabled_at else channel.kinds


def webhooks_of(owner: Owner) -> WebhookQuerySet:
    """Select an owner's webhooks, the mailbox left out."""
    return Webhook.objects.of(owner).addresses().order_by("pk")


def _lock(owner: Owner) -> None:
    """Let one change at a time count an owner's webhooks."""
    rows = Provider.objects if isinstance(owner, Provider) else Workspace.objects
    rows.select_for_update(no_key=True).get(pk=owner.pk)


def _side(webhook: Webhook) -> str:
    return "provider" if webhook.provider_id else "workspace"


def _require_callable(url: str, owner: Owner) -> None:
    try:
        where = outbound.target(url, trial=in_trial())
        with limits.looking_up(where.host, asking=owner):
            outbound.resolve(where, trial=in_trial())
    except (outbound.AddressRefused, outbound.NoAnswer) as error:
        raise Invalid(
            f"Events cannot be sent there. {error}",
            hint="Give the https address of a program of yours that the internet can reach.",
        ) from error


def _known(kinds: Sequence[str], owner: Owner) -> list[str]:
    known = kinds_of(owner)
    if unknown := set(kinds) - set(known):
        raise Invalid(f"There is no kind of event called {min(unknown)[:60]!r}.")
    return [kind for kind in known if kind in kinds]


def _record(principal: Principal, webhook: Webhook, action: str, *, now: datetime) -> None:
    audit.record(
        action=f"{_side(webhook)}.{action}",
        actor=principal.actor(),
        workspace_id=principal.workspace.pk,
        resource=("webhook", webhook.public_id),
        result={"url": webhook.url, "kinds": webhook.kinds},
        now=now,
    )
