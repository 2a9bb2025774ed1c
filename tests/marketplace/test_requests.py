"""Sold out: who asked is told once when there is a machine, and subscribed providers hear what is wanted."""

from datetime import timedelta

import pytest
from django.core import mail
from pytest_django import Settings

from accounts.services import workspaces
from core.actors import PLATFORM
from marketplace.models import MachineRequest, Node, NodeStatus, WebhookDelivery
from marketplace.services import requests
from tests.factories.accounts import Person
from tests.factories.marketplace import NOON, make_gpu_model, make_node, make_provider

pytestmark = pytest.mark.django_db


def ask(person: Person, gpu_count: int = 2) -> MachineRequest:
    make_gpu_model()
    wish = requests.request_machine(
        workspace=person.workspace, machine_name="H100", gpu_count=gpu_count, now=NOON
    )
    return wish.request


def test_who_waits_is_told_once_of_the_cheapest_that_fits(alice: Person) -> None:
    request = ask(alice)
    make_node(free_gpu_count=1)
    make_node(status=NodeStatus.OFFLINE)

    assert requests.sweep(NOON) == 0
    make_node(gpu_count=4)
    assert (requests.sweep(NOON), requests.sweep(NOON)) == (1, 0)

    request.refresh_from_db()
    assert request.answered_at == NOON


def test_the_mail_leads_to_the_rent_page(alice: Person) -> None:
    request, node = ask(alice), make_node()

    requests.mail_answer(request_id=request.pk, node_id=node.pk)

    [message] = mail.outbox
    assert message.to == [alice.user.email]
    assert f"/rent/{node.public_id}?gpus=2" in message.body


def test_asking_again_after_an_answer_waits_again(alice: Person) -> None:
    ask(alice)
    node = make_node()
    requests.sweep(NOON)
    Node.objects.filter(pk=node.pk).update(free_gpu_count=0)

    assert ask(alice).answered_at is None


def test_subscribed_providers_hear_what_is_wanted_and_not_by_whom(
    alice: Person, bob: Person, charlie: Person
) -> None:
    make_provider(workspace=bob.workspace, subscribed_gpus=["H100"])
    make_provider(workspace=charlie.workspace, subscribed_gpus=["RTX4090"])
    make_gpu_model()

    def wish() -> requests.Requested:
        return requests.request_machine(
            workspace=alice.workspace, machine_name="H100", gpu_count=8, now=NOON
        )

    assert (wish().notified_count, wish().notified_count) == (1, 0)
    delivery = WebhookDelivery.objects.get()
    assert delivery.payload["gpu_count"] == 8
    assert "alice" not in str(delivery.payload).lower()


def test_one_waits_for_so_many_and_no_more(alice: Person, bob: Person, settings: Settings) -> None:
    settings.MARKET_MOST_REQUESTS = 2
    team = workspaces.create(principal=alice.principal, name="Team", now=NOON)
    first, _ = ask(alice, 60), ask(alice, 61)
    with pytest.raises(requests.TooManyWaiting, match="You wait for 2 machines already"):
        requests.request_machine(
            workspace=team.workspace, machine_name="H100", gpu_count=62, now=NOON
        )

    # The same again is no other, somebody else's do not count, and what is taken back makes room.
    assert ask(alice, 60) == first
    ask(bob, 62)
    requests.withdraw(workspace=alice.workspace, public_id=first.public_id)
    ask(alice, 62)


def test_a_name_that_means_several_asks_for_all_or_none(alice: Person, settings: Settings) -> None:
    settings.MARKET_MOST_REQUESTS = 1
    for name in ("NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe"):
        make_gpu_model(name=name)

    refused = alice.browser.post("/machines/requests", {"gpu": "H100", "gpus": "1"})

    assert refused.status_code == 409
    assert "which is the most" in refused.content.decode()
    assert not MachineRequest.objects.exists()


def test_a_provider_answers_with_a_machine_that_fits_only(alice: Person) -> None:
    request, small, node = ask(alice), make_node(gpu_count=1), make_node()

    with pytest.raises(requests.DoesNotFit):
        requests.answer(node=small, request=request, actor=PLATFORM, now=NOON)
    requests.answer(node=node, request=request, actor=PLATFORM, now=NOON)

    request.refresh_from_db()
    assert request.answered_at == NOON


def test_wishes_that_nobody_can_answer_hold_nobody_up(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "BATCH", 2)
    for gpu_count in (60, 61, 62):
        ask(alice, gpu_count)
    ask(bob)
    make_node()

    assert requests.sweep(NOON) == 1
    assert MachineRequest.objects.get(workspace=bob.workspace).answered_at == NOON


def test_a_wish_is_forgotten_after_a_month(alice: Person) -> None:
    ask(alice, 60)

    requests.sweep(NOON + requests.KEPT - timedelta(seconds=1))
    assert MachineRequest.objects.exists()
    requests.sweep(NOON + requests.KEPT)
    assert not MachineRequest.objects.exists()


def test_a_renter_sees_and_withdraws_their_own_wishes(alice: Person, bob: Person) -> None:
    mine, other = ask(alice, 60), ask(bob, 61)
    page = alice.browser.get("/machines/requests").content.decode()
    assert f"/machines/requests/{mine.public_id}/withdraw" in page
    assert str(other.public_id) not in page

    taken = alice.browser.post(f"/machines/requests/{other.public_id}/withdraw")
    assert taken.status_code == 404
    assert alice.browser.post(f"/machines/requests/{mine.public_id}/withdraw").status_code == 302
    assert list(MachineRequest.objects.all()) == [other]
