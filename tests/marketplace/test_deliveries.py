"""What providers are told: written with what happened, sent signed, repeated until it is taken."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.conf import settings as market
from django.core import mail
from django.db import transaction
from pytest_django import Settings

from core import clock
from core.actors import PLATFORM
from core.errors import Conflict, Invalid, RateLimited
from marketplace import limits, outbox
from marketplace.event_kinds import TEST
from marketplace.models import NodeStatus, Provider, Webhook, WebhookDelivery
from marketplace.services import deliveries, webhook_health, webhooks
from marketplace.transitions import Reason, move, note
from tests.factories.accounts import Person
from tests.factories.marketplace import (
    NOON,
    make_delivery,
    make_node,
    make_provider,
    make_webhook,
)
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def hook(bob: Person, provider: Provider, receiver: Receiver) -> tuple[Webhook, str]:
    return webhooks.add(
        principal=bob.principal, owner=provider, url=f"{receiver.url}/hook", kinds=[], now=NOON
    )


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note which deliveries workers are nudged to try."""
    sent: list[int] = []
    monkeypatch.setattr(
        "core.doorbell.ring", lambda *_, delivery_id, **__: sent.append(delivery_id)
    )
    return sent


def go_offline(provider: Provider) -> None:
    node = make_node(provider=provider, name="box-1")
    move(
        node,
        to=NodeStatus.OFFLINE,
        reason=Reason.NOT_ANSWERING,
        actor=PLATFORM,
        now=NOON,
        detail="No answer since 11:58.",
    )


def to_hook() -> WebhookDelivery:
    return WebhookDelivery.objects.exclude(webhook__url=outbox.OWNER_MAIL).get()


def deliver(delivery: WebhookDelivery, now: datetime = NOON) -> WebhookDelivery:
    deliveries.deliver(delivery_id=delivery.pk, now=now)
    delivery.refresh_from_db()
    return delivery


def test_an_event_arrives_signed(
    provider: Provider, hook: tuple[Webhook, str], receiver: Receiver
) -> None:
    """The receiver's half is written out here, as docs/webhooks.md shows it."""
    go_offline(provider)

    delivery = deliver(to_hook())

    got = receiver.got[0]
    key = base64.b64decode(hook[1].removeprefix("whsec_"))
    said = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    signature = base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{signature}"
    event = json.loads(got.body)
    assert event["id"] == got.headers["webhook-id"] == f"evt_{delivery.event_id}"
    assert (event["type"], event["timestamp"]) == (
        "machine.not_answering",
        "2026-11-21T12:00:00Z",
    )
    assert event["data"]["machine"]["name"] == "box-1"
    assert event["data"]["text"] == "No answer since 11:58."
    assert (event["data"]["from_status"], event["data"]["to_status"]) == ("available", "offline")
    assert delivery.delivered_at
    assert (delivery.status_code, delivery.next_try_at) == (200, None)


def test_the_documented_check_takes_what_we_send(
    provider: Provider, hook: tuple[Webhook, str], receiver: Receiver
) -> None:
    """The example of docs/webhooks.md is what receivers copy."""
    text = (market.BASE_DIR / "docs" / "webhooks.md").read_text()
    example = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    scope: dict[str, Callable[..., bool]] = {}
    exec(example, scope)  # our own text
    go_offline(provider)
    deliver(to_hook(), clock.now())
    got = receiver.got[0]

    assert scope["is_genuine"](hook[1], got.headers, got.body)
    assert not scope["is_genuine"](hook[1], got.headers, got.body + b" ")


def test_verify_refuses_what_was_changed_or_is_old(
    provider: Provider, hook: tuple[Webhook, str], receiver: Receiver
) -> None:
    go_offline(provider)
    deliver(to_hook())
    got, secret = receiver.got[0], hook[1]

    assert deliveries.verify(secret=secret, headers=got.headers, body=got.body, now=NOON)
    changed = got.body.replace(b"box-1", b"box-2")
    assert not deliveries.verify(secret=secret, headers=got.headers, body=changed, now=NOON)
    late = NOON + timedelta(minutes=6)
    assert not deliveries.verify(secret=secret, headers=got.headers, body=got.body, now=late)
    assert not deliveries.verify(secret=secret, headers={}, body=got.body, now=NOON)


@pytest.mark.usefixtures("hook")
def test_what_is_rolled_back_is_told_to_nobody(provider: Provider) -> None:
    with transaction.atomic():
        go_offline(provider)
        transaction.set_rollback(True)

    assert not WebhookDelivery.objects.exists()


@pytest.mark.usefixtures("hook")
def test_repeats_with_growing_pauses_under_the_same_id(
    provider: Provider, receiver: Receiver
) -> None:
    receiver.answers = [503, 302, 200]
    go_offline(provider)
    delivery = deliver(to_hook())

    assert (delivery.status_code, delivery.attempts) == (503, 1)
    assert "503" in delivery.error
    assert delivery.next_try_at
    assert not deliveries.deliver(delivery_id=delivery.pk, now=NOON), "not due yet"
    delivery = deliver(delivery, delivery.next_try_at)
    assert "redirects are not followed" in delivery.error
    assert delivery.next_try_at
    delivery = deliver(delivery, delivery.next_try_at)
    assert delivery.delivered_at
    assert (delivery.attempts, delivery.error) == (3, "")
    assert delivery.next_try_at is None
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1


def test_pauses_grow_and_differ() -> None:
    for attempts in range(1, deliveries.TRIES):
        longest = min(deliveries.LONGEST_PAUSE, deliveries.FIRST_PAUSE * 2 ** (attempts - 1))
        assert longest / 2 <= deliveries.pause(attempts) <= longest
    assert len({deliveries.pause(5) for _ in range(20)}) > 1


@pytest.mark.usefixtures("hook")
def test_gives_up_after_the_last_try(provider: Provider, receiver: Receiver) -> None:
    receiver.answers = [500]
    go_offline(provider)
    delivery = to_hook()
    WebhookDelivery.objects.filter(pk=delivery.pk).update(attempts=deliveries.TRIES - 1)

    deliver(delivery)

    assert delivery.next_try_at is None
    assert delivery.delivered_at is None


@pytest.mark.usefixtures("hook")
def test_two_senders_send_once(provider: Provider, receiver: Receiver) -> None:
    go_offline(provider)
    delivery = to_hook()

    assert deliveries.deliver(delivery_id=delivery.pk, now=NOON)
    assert not deliveries.deliver(delivery_id=delivery.pk, now=NOON)
    assert len(receiver.got) == 1


def test_a_sender_that_died_is_followed_by_another(
    provider: Provider, hook: tuple[Webhook, str], receiver: Receiver
) -> None:
    go_offline(provider)
    delivery = to_hook()
    deliveries._claim(delivery.pk, NOON)

    assert deliveries.sweep(NOON) == 1, "the mail alone"
    assert deliveries.sweep(NOON + deliveries.LEASE) == 2
    assert deliveries.deliver(delivery_id=delivery.pk, now=NOON + deliveries.LEASE)
    assert len(receiver.got) == 1


def test_who_has_much_undelivered_holds_up_nobody(
    bob: Person, charlie: Person, rung: list[int]
) -> None:
    """What is swept comes from each webhook in turn, however long the others' wait."""
    hook, late = make_webhook(bob.workspace), make_delivery(make_webhook(charlie.workspace))
    for _ in range(deliveries.SWEEP_AT_ONCE):
        make_delivery(hook, next_try_at=NOON - timedelta(hours=1))

    assert deliveries.sweep(NOON) == deliveries.SWEEP_AT_ONCE
    assert late.pk in rung


def test_a_last_try_that_broke_off_is_the_last(bob: Person, rung: list[int]) -> None:
    delivery = make_delivery(make_webhook(bob.workspace), attempts=deliveries.TRIES)

    assert deliveries.sweep(NOON) == 0

    delivery.refresh_from_db()
    assert (rung, delivery.next_try_at) == ([], None)
    assert "broke off" in delivery.error


def test_only_the_kinds_that_were_chosen(
    bob: Person, provider: Provider, receiver: Receiver
) -> None:
    kinds = ["machine.rebooted"]
    webhooks.add(principal=bob.principal, owner=provider, url=receiver.url, kinds=kinds, now=NOON)
    go_offline(provider)
    assert not WebhookDelivery.objects.exclude(webhook__url=outbox.OWNER_MAIL).exists()
    note(make_node(provider=provider), reason=Reason.REBOOTED, actor=PLATFORM, now=NOON, detail="")

    assert to_hook().kind == "machine.rebooted"


def test_the_market_on_the_internet_does_not_call_inwards(
    provider: Provider, hook: tuple[Webhook, str], receiver: Receiver, settings: Settings
) -> None:
    """Judged again at each try: a name may lead elsewhere by then."""
    go_offline(provider)
    settings.MARKET_CHAIN = "subtensor"

    delivery = deliver(to_hook())

    assert not receiver.got
    assert "Only https" in delivery.error
    assert delivery.next_try_at is None


def test_a_webhook_to_an_inner_address_is_not_taken(
    bob: Person, provider: Provider, settings: Settings
) -> None:
    settings.MARKET_CHAIN = "subtensor"
    for url in ("https://169.254.169.254/latest", "http://example.com", "https://10.0.0.1/"):
        with pytest.raises(Invalid):
            webhooks.add(principal=bob.principal, owner=provider, url=url, kinds=[], now=NOON)


def test_one_slow_name_at_a_time_is_looked_up_for_an_owner(bob: Person, provider: Provider) -> None:
    with limits.looked_at.one_for(provider), pytest.raises(RateLimited):
        webhooks.add(
            principal=bob.principal,
            owner=provider,
            url="https://slow.example.com/",
            kinds=[],
            now=NOON,
        )


def test_the_secret_is_sealed_in_the_row(hook: tuple[Webhook, str]) -> None:
    webhook, secret = hook

    assert secret.startswith("whsec_")
    assert secret not in webhook.secret_encrypted
    assert deliveries.open_secret(webhook) == secret


def test_disabled_ones_get_nothing(
    bob: Person, provider: Provider, hook: tuple[Webhook, str], receiver: Receiver
) -> None:
    go_offline(provider)
    webhooks.set_enabled(principal=bob.principal, webhook=hook[0], enabled=False, now=NOON)

    delivery = deliver(to_hook())

    assert (delivery.error, delivery.next_try_at) == ("The webhook was disabled.", None)
    note(make_node(provider=provider), reason=Reason.REBOOTED, actor=PLATFORM, now=NOON, detail="")
    assert to_hook() == delivery
    assert not receiver.got


def test_a_test_event(hook: tuple[Webhook, str], receiver: Receiver) -> None:
    webhooks.send_test(webhook=hook[0], now=NOON)

    deliver(to_hook())

    assert json.loads(receiver.got[0].body)["type"] == "test"
    for _ in range(19):
        webhooks.send_test(webhook=hook[0], now=NOON)
    with pytest.raises(RateLimited):
        webhooks.send_test(webhook=hook[0], now=NOON)


def test_so_many_webhooks_and_no_more(bob: Person, provider: Provider, receiver: Receiver) -> None:
    def add() -> None:
        webhooks.add(principal=bob.principal, owner=provider, url=receiver.url, kinds=[], now=NOON)

    for _ in range(webhooks.MOST):
        add()
    with pytest.raises(Conflict):
        add()


def test_mail_goes_to_the_owner(bob: Person, provider: Provider) -> None:
    go_offline(provider)

    deliver(WebhookDelivery.objects.get())

    sent = mail.outbox[0]
    assert sent.to == [bob.user.email]
    assert sent.subject == "box-1: A machine does not answer"
    assert "No answer since 11:58." in sent.body
    assert "/provide/machines/" in sent.body


def test_mail_as_chosen(bob: Person, provider: Provider) -> None:
    chosen = ["machine.rebooted"]
    webhooks.choose_mail(principal=bob.principal, provider=provider, kinds=chosen, now=NOON)
    assert webhooks.mail_kinds(provider) == chosen
    webhooks.choose_mail(principal=bob.principal, provider=provider, kinds=[], now=NOON)
    assert webhooks.mail_kinds(provider) == []

    go_offline(provider)

    assert not WebhookDelivery.objects.exists()
    assert webhooks.webhooks_of(provider).count() == 0


def test_a_provider_without_a_workspace_is_told_nothing() -> None:
    go_offline(make_provider())

    assert not WebhookDelivery.objects.exists()


class TestKeepsFailing:
    """A webhook that took nothing for three days is switched off when an event is given up."""

    @pytest.fixture
    def failing(self, hook: tuple[Webhook, str], receiver: Receiver) -> Webhook:
        receiver.answers[:] = [500] * 9
        return hook[0]

    def give_up(self, provider: Provider, webhook: Webhook, at: datetime) -> None:
        """Write an event and let its last try fail; what was sent by mail is no matter."""
        with transaction.atomic():
            [delivery] = outbox.write([webhook], kind=TEST, event={}, now=at)
        WebhookDelivery.objects.filter(pk=delivery.pk).update(attempts=deliveries.TRIES - 1)
        deliveries.deliver(delivery_id=delivery.pk, now=at)
        webhook.refresh_from_db()

    @pytest.fixture(autouse=True)
    def _clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = NOON
        monkeypatch.setattr(clock, "now", lambda: self.moment)

    def after(self, delay: timedelta, provider: Provider, webhook: Webhook) -> None:
        self.moment = NOON + delay
        self.give_up(provider, webhook, self.moment)

    def test_it_is_switched_off_and_its_provider_told(
        self, bob: Person, provider: Provider, failing: Webhook
    ) -> None:
        self.after(timedelta(), provider, failing)
        self.after(webhook_health.PATIENCE - timedelta(minutes=1), provider, failing)
        assert failing.disabled_at is None
        self.after(webhook_health.PATIENCE, provider, failing)

        assert failing.disabled_at == self.moment
        assert "The receiver answered 500" in failing.disabled_why
        notice = WebhookDelivery.objects.get(kind="webhook.disabled")
        assert notice.webhook.url == outbox.OWNER_MAIL
        text = bob.browser.get("/provide/webhooks").content.decode()
        assert "kept failing" in text

    def test_one_that_was_taken_in_between_begins_anew(
        self, provider: Provider, failing: Webhook, receiver: Receiver
    ) -> None:
        self.after(timedelta(), provider, failing)
        receiver.answers.insert(0, 200)
        self.after(timedelta(days=2), provider, failing)
        assert failing.failing_since is None
        self.after(timedelta(days=4), provider, failing)

        assert failing.disabled_at is None

    def test_it_can_be_turned_on_again(
        self, bob: Person, provider: Provider, failing: Webhook
    ) -> None:
        for delay in (timedelta(), webhook_health.PATIENCE):
            self.after(delay, provider, failing)

        webhooks.set_enabled(principal=bob.principal, webhook=failing, enabled=True, now=NOON)
        self.after(timedelta(days=4), provider, failing)

        assert (failing.disabled_at, failing.disabled_why) == (None, "")
        assert failing.failing_since == self.moment
