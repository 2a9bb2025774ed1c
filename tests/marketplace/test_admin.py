"""The operator's pages: everything is readable, secrets are not, and decisions need a reason."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from core.actors import PLATFORM
from marketplace import selectors
from marketplace.models import CheckRun, Fact, FactSample, Node, NodeStatus
from marketplace.transitions import Reason, move
from tests.factories.marketplace import NOON, make_node, make_provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    user = User.objects.create_superuser("ada@example.com", "pw")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize(
    "model",
    [
        model._meta.model_name
        for model in apps.get_app_config("marketplace").get_models()
        if admin.site.is_registered(model)
    ],
)
def test_lists_open_and_add_nothing(operator: Client, model: str) -> None:
    make_node()

    listing = operator.get(reverse(f"admin:marketplace_{model}_changelist") + "?q=x")
    adding = operator.get(reverse(f"admin:marketplace_{model}_add"))

    assert listing.status_code == 200
    assert adding.status_code == 403


def test_a_node_shows_its_gpus_facts_and_events_but_no_stored_reply(operator: Client) -> None:
    node = make_node()
    fact = Fact.objects.create(node=node, name="cpus", measured="64", measured_at=NOON)
    FactSample.objects.create(fact=fact, value="64", measured_by="t", measured_at=NOON)

    text = operator.get(reverse("admin:marketplace_node_change", args=[node.pk])).content.decode()

    assert node.gpus.get(position=0).uuid in text
    assert "offer_json" not in text


def test_states_are_called_as_on_every_other_page(operator: Client, client: Client) -> None:
    rented = make_node(free_gpu_count=0)
    failed = make_node(status=NodeStatus.VALIDATION_FAILED)
    with transaction.atomic():
        move(failed, to=NodeStatus.VALIDATION_PENDING, reason=Reason.CHECKS_WANTED, actor=PLATFORM, now=NOON)  # fmt: skip
    nodes = reverse("admin:marketplace_node_changelist")

    page = operator.get(nodes).content.decode()
    only = operator.get(f"{nodes}?standing=RENTED").content.decode()
    one = operator.get(reverse("admin:marketplace_node_change", args=[failed.pk])).content.decode()

    for word in ("Rented", "Being checked"):
        assert word in page
    assert rented.huid in only
    assert failed.huid not in only
    gone = make_node(delisted_at=NOON)
    assert gone.huid in operator.get(f"{nodes}?standing=OFF").content.decode()
    assert gone.huid not in operator.get(f"{nodes}?standing=AVAILABLE").content.decode()
    assert operator.get(f"{nodes}?standing=NONSENSE").status_code in (200, 302)
    for word in ("Being checked", "Check failed"):
        assert word in one
    for public, word in ((rented, "Rented"), (failed, "Being checked")):
        assert word in client.get(f"/machines/{public.public_id}").content.decode()


def test_the_platforms_private_key_is_not_shown(operator: Client) -> None:
    provider = make_provider(ssh_private_key_encrypted="gAAAA-secret")

    answer = operator.get(reverse("admin:marketplace_provider_change", args=[provider.pk]))

    assert "gAAAA-secret" not in answer.content.decode()


class TestActions:
    def act(self, operator: Client, node: Node, **data: Any) -> Node:
        form = {"action": "freeze", "_selected_action": [node.pk], **data}
        operator.post(reverse("admin:marketplace_node_changelist"), form)
        node.refresh_from_db()
        return node

    def test_freezes_with_the_reason_and_the_operators_name(self, operator: Client) -> None:
        node = self.act(operator, make_node(), reason="Fan noise")

        assert node.frozen_at is not None
        event = node.events.get()
        assert (event.reason, event.actor_kind) == ("Fan noise", "admin")

    def test_without_a_reason_nothing_happens(self, operator: Client) -> None:
        assert self.act(operator, make_node(), reason=" ").frozen_at is None

    def test_checks_a_machine_again_with_a_reason(self, operator: Client) -> None:
        node = self.act(operator, make_node(), action="verify_again", reason="Slow pulls")

        assert node.check_runs.get().trigger == "operator"
        assert node.events.get(reason_code="checks_wanted").reason == "Slow pulls"

    def test_moves_renters_and_lets_them_stay(self, operator: Client) -> None:
        node = self.act(operator, make_node(), action="move_renters", reason="Wrong GPUs")

        notice = selectors.open_notice(node)
        assert notice is not None
        assert (notice.permanent, notice.reason) == (True, "Wrong GPUs")
        assert node.frozen_at is not None
        assert node.status == NodeStatus.RECLAIMING

        self.act(operator, node, action="let_stay", reason="They are right")

        node.refresh_from_db()
        assert selectors.open_notice(node) is None
        assert (node.frozen_at, node.status) == (None, NodeStatus.AVAILABLE)

    def test_evidence_is_one_click_away(self, operator: Client) -> None:
        node = make_node()
        run = CheckRun.objects.create(node=node, trigger="schedule", started_at=NOON)

        page = operator.get(reverse("admin:marketplace_node_change", args=[node.pk]))

        link = reverse("admin:marketplace_checkrun_change", args=[run.pk])
        assert link in page.content.decode()
