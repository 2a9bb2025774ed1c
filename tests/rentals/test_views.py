"""The pod pages, without scripts: what is shown, what is refused, and that a form sent twice rents once."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import SshKey
from accounts.principal import Principal
from accounts.services import ssh_keys
from core import clock
from core.actors import PLATFORM
from marketplace.models import Node
from marketplace.services import notices
from rentals import pages, selectors, wire
from rentals.consumers import PodListConsumer
from rentals.models import Pod, PodPort, PodStatus, Quote, Template
from rentals.reasons import Reason
from rentals.services import budgets, meter, metering, receipts, renting
from rentals.transitions import move
from tests.factories.accounts import make_key
from tests.factories.pods import NOON, make_pod, make_ready, make_template
from tests.factories.rentals import ALICE_KEY, make_node, make_principal, rent_request

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def renter() -> Principal:
    return make_principal()


@pytest.fixture
def visitor(renter: Principal) -> Client:
    client = Client()
    client.force_login(renter.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def template() -> Template:
    return make_template()


@pytest.fixture
def offer(template: Template) -> Node:
    return make_node(gpu_count=2)


@pytest.fixture
def pod(renter: Principal, offer: Node) -> Pod:
    return renting.rent(principal=renter, request=rent_request(offer, name="mine"), now=NOON)


def form(**fields: str) -> dict[str, str]:
    return {
        "action": "rent",
        "gpu_count": "1",
        "pod_name": "mine",
        "new_ssh_key": ALICE_KEY,
        "idempotency_key": str(uuid4()),
        **fields,
    }


class TestRentPage:
    def test_is_open_to_everyone_and_locks_a_price_for_who_is_signed_in(
        self, visitor: Client, offer: Node
    ) -> None:
        address = reverse("rent", args=[offer.public_id])

        anonymous, signed_in = Client().get(address), visitor.get(address)

        assert (anonymous.status_code, signed_in.status_code) == (200, 200)
        assert anonymous.context["quote"] is None
        assert signed_in.context["quote"].hourly_price_usd == 2

    def test_reading_it_again_holds_no_further_price(self, visitor: Client, offer: Node) -> None:
        address = reverse("rent", args=[offer.public_id])

        first, second = visitor.get(address), visitor.get(address)

        assert first.context["quote"] == second.context["quote"] == Quote.objects.get()

    def test_a_form_sent_twice_rents_once(self, visitor: Client, offer: Node) -> None:
        address, sent = reverse("rent", args=[offer.public_id]), form()

        first, second = visitor.post(address, sent), visitor.post(address, sent)

        pod = Pod.objects.get()
        assert first["Location"] == second["Location"] == reverse("pod", args=[pod.public_id])

    def test_a_bad_key_is_explained_and_what_was_entered_is_kept(
        self, visitor: Client, offer: Node
    ) -> None:
        answer = visitor.post(
            reverse("rent", args=[offer.public_id]), form(new_ssh_key="nonsense", pod_name="kept")
        )

        assert answer.status_code == 422
        assert answer.context["form"].errors["new_ssh_key"]
        assert b"nonsense" in answer.content
        assert b'value="kept"' in answer.content
        assert not Pod.objects.exists()

    def test_a_form_that_does_not_fit_keeps_the_price(self, visitor: Client, offer: Node) -> None:
        address = reverse("rent", args=[offer.public_id])
        held = visitor.get(address).context["quote"]

        answer = visitor.post(address, form(pod_name="x" * 101, quote=str(held.public_id)))

        assert answer.status_code == 422
        assert answer.context["form"].errors["pod_name"]
        assert answer.context["quote"] == held
        assert b"Rent for $" in answer.content

    def test_a_refusal_leaves_the_keys_as_they_were_ticked(
        self, renter: Principal, visitor: Client, offer: Node
    ) -> None:
        ssh_keys.add(principal=renter, name="old", public_key=ALICE_KEY, now=NOON)
        address = reverse("rent", args=[offer.public_id])

        fresh = visitor.get(address)
        refused = visitor.post(address, form(pod_name="x" * 101))

        assert [key.selected for key in fresh.context["ssh_keys"]] == [True]
        assert [key.selected for key in refused.context["ssh_keys"]] == [False]

    def test_another_size_is_priced_in_place(self, visitor: Client, offer: Node) -> None:
        address, scripted = reverse("rent", args=[offer.public_id]), {"HX-Request": "true"}
        asked = form(action="quote", gpu_count="2")

        priced = visitor.post(address, asked, headers=scripted).content.decode()
        refused = visitor.post(address, asked | {"termination_hours": "9999"}, headers=scripted)

        assert "Rent for $4.0000 an hour" in priced
        assert "<html" not in priced
        assert refused.status_code == 422
        assert '<hx-partial hx-target="#refusal"' in refused.content.decode()
        assert "<html" not in refused.content.decode()

    def test_asks_for_no_price_where_nobody_is_signed_in(self, offer: Node) -> None:
        page = Client().get(reverse("rent", args=[offer.public_id])).content.decode()

        assert "hx-post" not in page

    def test_a_new_key_is_kept_with_the_rent_and_not_without(
        self, visitor: Client, offer: Node
    ) -> None:
        address = reverse("rent", args=[offer.public_id])

        refused = visitor.post(address, form(quote=str(uuid4())))
        kept_before = SshKey.objects.count()
        visitor.post(address, form())

        assert refused.status_code != 302
        assert kept_before == 0
        assert SshKey.objects.get().public_key == ALICE_KEY

    def test_a_machine_that_was_taken_offers_the_nearest(
        self, visitor: Client, renter: Principal, offer: Node
    ) -> None:
        other = make_node()
        renting.rent(principal=renter, request=rent_request(offer, gpu_count=2), now=NOON)

        answer = visitor.post(reverse("rent", args=[offer.public_id]), form())

        assert answer.status_code == 409
        assert [near["node"] for near in answer.context["equivalents"]] == [other]


def shown(pod: Pod) -> Pod:
    return selectors.with_parts(Pod.objects.all()).get(pk=pod.pk)


def charged(pod: Pod, *, times: int) -> list[datetime]:
    """Charge a ready pod, a minute each; give up to when."""
    ends = []
    for _ in range(times):
        pod.refresh_from_db()
        proof = (pod.last_proof_at or NOON) + timedelta(minutes=1)
        Pod.objects.filter(pk=pod.pk).update(last_proof_at=proof)
        metering.settle(pod_id=pod.pk, now=proof)
        ends.append(proof)
    return ends


class TestPodPages:
    @pytest.mark.parametrize("name", ["pod", "pod_live"])
    def test_a_stranger_sees_nothing(self, name: str, pod: Pod) -> None:
        charlie = Client()
        charlie.force_login(
            make_principal("charlie").user, backend="django.contrib.auth.backends.ModelBackend"
        )

        assert charlie.get(reverse(name, args=[pod.public_id])).status_code == 404

    def test_a_pending_pod_shows_its_phases_and_no_way_in(self, visitor: Client, pod: Pod) -> None:
        answer = visitor.get(reverse("pod", args=[pod.public_id]))

        assert next(phase["state"] for phase in answer.context["phases"]) == "active"
        assert answer.context["connect"] is None

    def test_it_is_shown_without_redis_too(self, visitor: Client, pod: Pod) -> None:
        away = settings.CACHES["default"] | {"LOCATION": "unix:///nowhere.sock"}
        with override_settings(CACHES={"default": away}):
            answer = visitor.get(reverse("pod", args=[pod.public_id]))

        assert answer.status_code == 200
        assert reverse("pod_stop", args=[pod.public_id]) in answer.content.decode()

    def test_a_running_pod_shows_command_and_host_key(self, visitor: Client, pod: Pod) -> None:
        make_ready(pod)

        answer = visitor.get(reverse("pod", args=[pod.public_id]))

        assert answer.context["connect"]["ssh_command"].startswith("ssh root@")
        assert pod.host_public_key.split()[1] in answer.context["connect"]["known_hosts_line"]

    def test_the_live_fragment_is_the_pages_own_partial(self, visitor: Client, pod: Pod) -> None:
        answer = visitor.get(reverse("pod_live", args=[pod.public_id]))

        assert b'hx-target="#pod-head"' in answer.content
        assert b"<html" not in answer.content

    def test_a_picture_costs_the_same_however_much_was_charged(
        self, pod: Pod, django_assert_num_queries: Any
    ) -> None:
        make_ready(pod)
        once = charged(pod, times=1)
        with CaptureQueriesContext(connection) as first:
            pages.pod_page(shown(pod), now=NOON)

        often = charged(pod, times=14)
        with django_assert_num_queries(len(first)):
            page = pages.pod_page(shown(pod), now=NOON)

        assert len(first) <= 12
        balances = [query for query in first if 'FROM "billing_account"' in query["sql"]]
        assert len(balances) == 1
        assert [line["until"] for line in page["charges"]] == [*once, *often][:-11:-1]

    @pytest.mark.parametrize("pods", [1, 5])
    def test_a_list_costs_the_same_however_long_it_is(
        self, pods: int, renter: Principal, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(pods):
            pod = make_ready(make_pod(workspace=renter.workspace))
            PodPort.objects.create(pod=pod, internal=22, external=40022)
        consumer = PodListConsumer()
        consumer.principal = renter
        consumer.enter()

        with django_assert_max_num_queries(3):  # pods, ports, what is announced
            rows = consumer.render()

        assert rows.count("<tr") == pods

    def test_what_a_reclaimed_pod_cost_is_one_figure_everywhere(
        self, visitor: Client, renter: Principal
    ) -> None:
        key, secret = make_key(renter.user, name="ci")
        pod = make_ready(make_pod(workspace=renter.workspace, api_key=key))
        Pod.objects.filter(pk=pod.pk).update(last_proof_at=NOON + HOUR)
        metering.tick(now=NOON + HOUR)
        meter.close_interval(pod, at=NOON + 2 * HOUR, evidence="reclaimed")
        for to in (PodStatus.REMOVING, PodStatus.REMOVED):
            move(pod, to=to, reason=Reason.RECLAIMED_EARLY, actor=PLATFORM, now=NOON + 2 * HOUR)
            receipts.settle(pod, now=NOON + 2 * HOUR)
        receipt = receipts.write(pod, NOON + 2 * HOUR)

        page = visitor.get(reverse("pod", args=[pod.public_id]))
        ended = visitor.get(reverse("pods"), {"ended": ""})
        api = Client(headers={"X-API-Key": secret})
        record = api.get(f"/api/pods/{pod.public_id}/record").json()
        statement = api.get("/api/billing/statement").json()
        spend = budgets.spend_of([key], NOON + 60 * 24 * HOUR)[key.pk]

        assert receipt.charged_usd == page.context["cost"]["charged_usd"] == spend.total_usd == 2
        assert [row["charged_usd"] for row in ended.context["pods"]] == [2]
        assert (record["total"], record["billed_seconds"]) == (2, 3600)
        assert statement["total"] == 2

    def test_the_list_shows_now_and_ended_apart(self, visitor: Client, pod: Pod) -> None:
        now, ended = visitor.get(reverse("pods")), visitor.get(reverse("pods") + "?ended=1")

        assert (b"mine" in now.content, b"mine" in ended.content) == (True, False)


class TestActions:
    def test_a_removal_wants_the_name(self, visitor: Client, pod: Pod) -> None:
        address = reverse("pod_remove", args=[pod.public_id])

        wrong, right = (
            visitor.post(address, {"confirm": "other"}),
            visitor.post(address, {"confirm": "mine"}),
        )

        assert (wrong.status_code, right.status_code) == (422, 302)
        assert Pod.objects.get().status == PodStatus.REMOVING

    def test_an_action_that_the_state_refuses_says_so(self, visitor: Client, pod: Pod) -> None:
        answer = visitor.post(reverse("pod_stop", args=[pod.public_id]))

        assert answer.status_code == 409

    @pytest.mark.parametrize("name", ["pod_remove", "pod_stop", "pod_start", "pod_reboot"])
    def test_actions_are_posts(self, name: str, visitor: Client, pod: Pod) -> None:
        assert visitor.get(reverse(name, args=[pod.public_id])).status_code == 405

    def test_an_end_is_set_and_cleared(self, visitor: Client, pod: Pod) -> None:
        address = reverse("pod_schedule", args=[pod.public_id])
        at = f"{clock.now() + timedelta(days=30):%Y-%m-%dT%H:%M}"

        visitor.post(address, {"action": "set", "removal_scheduled_at": at})
        set_to = Pod.objects.get().removal_scheduled_at
        visitor.post(address, {"action": "clear"})

        assert set_to is not None
        assert Pod.objects.get().removal_scheduled_at is None


class TestAnnouncements:
    def announce(self, pod: Pod, *, permanent: bool = False) -> None:
        now = clock.now()
        notices.give(
            node_id=pod.node_id,
            starts_at=now + timedelta(days=3),
            minutes=None if permanent else 30,
            permanent=permanent,
            reason="New driver",
            actor=PLATFORM,
            now=now,
        )

    def test_the_page_says_when_and_copies_the_files(self, visitor: Client, pod: Pod) -> None:
        make_ready(pod)
        self.announce(pod)

        told = visitor.get(reverse("pod", args=[pod.public_id]))

        assert b"is not charged, and the pod is not ended for it" in told.content
        assert b"New driver" in told.content
        port = pod.ports.get(internal=22).external
        command = told.context["told"]["copy_command"]
        assert command == f"scp -r -P {port} root@{pod.node.public_host}:/root ./{pod.name}"

    def test_an_ipv6_address_is_written_so_that_it_can_be_copied_from(
        self, visitor: Client, pod: Pod
    ) -> None:
        make_ready(pod)
        Node.objects.update(public_host="2001:db8::7")
        self.announce(pod)

        page = visitor.get(reverse("pod", args=[pod.public_id]))

        assert "root@[2001:db8::7]:/root" in page.context["told"]["copy_command"]
        assert f"[2001:db8::7]:{pod.ports.get(internal=22).external}" in page.content.decode()
        assert page.context["connect"]["ssh_command"].startswith("ssh root@2001:db8::7 -p ")

    def test_one_click_leads_to_the_nearest_equivalent_filled_in(
        self, visitor: Client, pod: Pod
    ) -> None:
        other = make_node()
        self.announce(pod, permanent=True)

        told = visitor.get(reverse("pod", args=[pod.public_id])).context["told"]
        form = visitor.get(told["equivalent"]["url"])

        assert told["equivalent"]["node"] == other
        assert f'value="{pod.name}"' in form.content.decode()
        assert str(form.context["form"]["template"].value()) == str(pod.template.public_id)

    def test_the_list_and_the_api_say_it_too(
        self, visitor: Client, renter: Principal, pod: Pod
    ) -> None:
        self.announce(pod, permanent=True)

        listed = visitor.get(reverse("pods"))
        [row] = wire.pods(Pod.objects.filter(pk=pod.pk), now=clock.now())

        assert b"Machine leaves the market" in listed.content
        assert (row["notice"]["kind"], row["notice"]["ends_pod"]) == ("removal", True)
        assert row["notice"]["reason"] == "New driver"

    def test_nothing_is_said_where_nothing_is_announced(self, visitor: Client, pod: Pod) -> None:
        assert visitor.get(reverse("pod", args=[pod.public_id])).context["told"] is None
