"""What a renter's webhooks hear: of pods and of a balance that runs out; and nobody else's do."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings as market
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from billing.services.grants import grant
from core import clock
from core.actors import PLATFORM, Actor, ActorKind
from marketplace import outbox
from marketplace.models import Webhook, WebhookDelivery
from marketplace.models.webhook import OWNER_MAIL
from marketplace.services import deliveries, webhook_health, webhooks
from rentals import transitions
from rentals.models import Pod, PodStatus
from rentals.reasons import Reason
from rentals.services import ladder, metering
from tests.factories.accounts import Person
from tests.factories.billing import in_parallel
from tests.factories.marketplace import NOON, make_provider
from tests.factories.pods import make_pod, make_ready
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db
ALICE = Actor(kind=ActorKind.USER, id="alice-id", name="Alice")


@pytest.fixture
def hook(alice: Person, receiver: Receiver) -> Webhook:
    return add(alice, receiver.url)


def add(person: Person, url: str, *kinds: str) -> Webhook:
    return webhooks.add(
        principal=person.principal, owner=person.workspace, url=url, kinds=kinds, now=NOON
    )[0]


def heard() -> list[tuple[str, dict[str, Any]]]:
    """Give what was written for addresses, in order."""
    rows = WebhookDelivery.objects.exclude(webhook__url=OWNER_MAIL).order_by("pk")
    return list(rows.values_list("kind", "payload"))


def go(pod: Pod, to: PodStatus, reason: Reason, actor: Actor = PLATFORM) -> None:
    transitions.move(pod, to=to, reason=reason, actor=actor, now=NOON)


@pytest.mark.usefixtures("hook")
class TestPods:
    def test_a_stop_says_who_wanted_it_and_why(self, alice: Person) -> None:
        pod = make_pod(workspace=alice.workspace, status=PodStatus.RUNNING)
        go(pod, PodStatus.STOPPING, Reason.STOPPED_LOW_BALANCE)
        assert heard() == []

        go(pod, PodStatus.STOPPED, Reason.COMPUTE_STOPPED)

        [(kind, event)] = heard()
        assert (kind, event["reason"]) == ("pod.stopped", "stopped_low_balance")
        assert event["text"] == Reason.STOPPED_LOW_BALANCE.words
        assert event["pod"] == {"id": str(pod.public_id), "name": "p1", "status": "stopped"}
        assert (event["from_status"], event["by"]["kind"]) == ("stopping", "platform")

    def test_an_end_says_so_too(self, alice: Person) -> None:
        pod = make_pod(workspace=alice.workspace, status=PodStatus.RUNNING)

        go(pod, PodStatus.REMOVING, Reason.REMOVED_BY_RENTER, ALICE)
        go(pod, PodStatus.REMOVED, Reason.CONTAINER_GONE_AS_ASKED)

        [(kind, event)] = heard()
        assert (kind, event["reason"]) == ("pod.ended", "removed_by_renter")
        assert event["by"] == {"kind": "user", "name": "Alice"}

    @pytest.mark.parametrize(
        ("source", "target", "kind"),
        [
            (PodStatus.PENDING, PodStatus.RUNNING, "pod.running"),
            (PodStatus.PENDING, PodStatus.FAILED, "pod.failed"),
            (PodStatus.RUNNING, PodStatus.UNREACHABLE, "pod.unreachable"),
            (PodStatus.UNREACHABLE, PodStatus.LOST, "pod.lost"),
            (PodStatus.REBOOTING, PodStatus.REBOOT_FAILED, "pod.reboot_failed"),
        ],
    )
    def test_what_happened_by_itself_has_its_own_reason(
        self, alice: Person, source: PodStatus, target: PodStatus, kind: str
    ) -> None:
        go(make_pod(workspace=alice.workspace, status=source), target, Reason.MACHINE_SILENT)

        [(told, event)] = heard()
        assert (told, event["reason"]) == (kind, "machine_silent")

    def test_another_renters_pods_are_nobodys_business(self, charlie: Person) -> None:
        pod = make_pod(workspace=charlie.workspace, status=PodStatus.RUNNING)

        go(pod, PodStatus.UNREACHABLE, Reason.MACHINE_SILENT)

        assert heard() == []


@pytest.mark.usefixtures("hook")
def test_a_balance_is_told_at_24_hours_at_2_and_empty(alice: Person) -> None:
    grant(
        workspace=alice.workspace,
        usd=Decimal(96),
        key="two days",
        reason="Two days.",
        actor=PLATFORM,
        now=NOON,
    )
    pod = make_ready(make_pod(workspace=alice.workspace, hourly_price_usd=Decimal(2)))

    for hours in (1, 24.5, 30, 46.5, 47, 48, 48.1):
        at = NOON + timedelta(hours=hours)
        Pod.objects.filter(pk=pod.pk).update(last_proof_at=at)
        metering.tick(now=at)
        ladder.walk(now=at)

    told = [(kind, event["stage"], event["burn_usd_per_hour"]) for kind, event in heard()]
    assert [(kind, stage) for kind, stage, _ in told] == [
        ("balance.low", "day"),
        ("balance.low", "hours"),
        ("balance.empty", "empty"),
    ]
    assert WebhookDelivery.objects.filter(webhook__url=OWNER_MAIL).count() == 3
    assert {Decimal(burn) for *_, burn in told} == {2}
    first = heard()[0][1]
    assert Decimal(first["balance_usd"]) == 47
    assert [step["label"] for step in first["steps"]][-2:] == ["Pods stop", "Files are deleted"]
    assert first["steps"][-2]["at"] == clock.iso(
        NOON + timedelta(hours=48) + market.MARKET_UNPAID_GRACE
    )


class TestOwners:
    def test_a_webhook_is_of_a_provider_or_of_a_workspace(self, alice: Person) -> None:
        both = {"provider": make_provider(), "workspace": alice.workspace}
        for owners in ({}, both):
            with pytest.raises(IntegrityError, match="webhook_of_one_owner"), transaction.atomic():
                Webhook.objects.create(url="https://a.example/", created_at=NOON, **owners)

    def test_one_mailbox_each(self, alice: Person) -> None:
        first = outbox.mail_channel(alice.workspace, now=NOON)

        assert outbox.mail_channel(alice.workspace, now=NOON) == first
        again = {"url": OWNER_MAIL, "created_at": NOON, "workspace": alice.workspace}
        with pytest.raises(IntegrityError, match="mailbox"), transaction.atomic():
            Webhook.objects.create(**again)

    def test_a_renter_hears_by_mail_that_a_webhook_was_switched_off(
        self, alice: Person, hook: Webhook, mailoutbox: list[Any]
    ) -> None:
        Webhook.objects.filter(pk=hook.pk).update(failing_since=NOON)
        late = NOON + webhook_health.PATIENCE

        webhook_health.missed(hook.pk, error="No answer.", given_up=True, now=late)
        deliveries.deliver(
            delivery_id=WebhookDelivery.objects.get(webhook__url=OWNER_MAIL).pk, now=late
        )

        [message] = mailoutbox
        assert message.to == [alice.user.email]
        assert reverse("workspace_webhooks") in message.body

    def test_pods_are_not_mailed(self, alice: Person) -> None:
        pod = make_pod(workspace=alice.workspace, status=PodStatus.RUNNING)

        go(pod, PodStatus.UNREACHABLE, Reason.MACHINE_SILENT)

        assert not Webhook.objects.exists()


class TestPage:
    def test_from_secret_to_delete(self, alice: Person, receiver: Receiver) -> None:
        page = reverse("workspace_webhooks")
        data = {"url": receiver.url, "kinds": ["balance.low", "pod.stopped"]}

        first = alice.browser.post(page, data).content.decode()

        assert "whsec_" in first
        assert "whsec_" not in alice.browser.get(page).content.decode(), "shown once"
        hook = Webhook.objects.get(workspace=alice.workspace)
        assert hook.kinds == ["balance.low", "pod.stopped"]
        alice.browser.post(reverse("workspace_webhook_test", args=[hook.public_id]))
        deliveries.deliver(delivery_id=WebhookDelivery.objects.get().pk, now=clock.now())
        assert len(receiver.got) == 1
        assert "Delivered" in alice.browser.get(page).content.decode()
        off = reverse("workspace_webhook_enable", args=[hook.public_id])
        alice.browser.post(off, {"enabled": "no"})
        test = reverse("workspace_webhook_test", args=[hook.public_id])
        assert alice.browser.post(test).status_code == 409
        alice.browser.post(reverse("workspace_webhook_delete", args=[hook.public_id]))
        assert not Webhook.objects.exists()

    def test_takes_no_kind_of_a_providers(self, alice: Person, receiver: Receiver) -> None:
        data = {"url": receiver.url, "kinds": ["machine.rebooted"]}

        assert alice.browser.post(reverse("workspace_webhooks"), data).status_code == 422

    def test_both_sides_of_one_person_are_kept_apart(
        self, alice: Person, hook: Webhook, receiver: Receiver
    ) -> None:
        provider = make_provider(workspace=alice.workspace)
        webhooks.add(
            principal=alice.principal,
            owner=provider,
            url=f"{receiver.url}/machines",
            kinds=[],
            now=NOON,
        )

        assert "/machines<" not in alice.browser.get("/account/webhooks").content.decode()
        delete = reverse("webhook_delete", args=[hook.public_id])
        assert alice.browser.post(delete).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_deleting_a_webhook_waits_for_an_event_that_is_being_written(
    alice: Person, hook: Webhook
) -> None:
    def delete(_: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        webhooks.delete(principal=alice.principal, webhook=hook, now=NOON)

    with transaction.atomic():
        outbox.tell(alice.workspace, kind="pod.lost", event={"text": ""}, now=NOON)
        with pytest.raises(Exception, match="lock timeout"):
            in_parallel(1, delete)

    assert WebhookDelivery.objects.count() == 1
    webhooks.delete(principal=alice.principal, webhook=hook, now=NOON)
