"""What takes minutes leaves room for what takes seconds, and who waited for us is not blamed for it."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from accounts.models import Workspace
from core import clock
from marketplace.machine import generate_keypair
from marketplace.models import Node
from marketplace.services.machines import seal_key
from rentals import tasks
from rentals.models import Phase, Pod, PodStatus
from rentals.reasons import Reason
from rentals.services import preparation, provisioning, renting, turns
from tests.factories.marketplace import make_provider
from tests.factories.pods import make_pod, make_template, make_user
from tests.factories.rentals import make_node, make_principal, rent_request

pytestmark = pytest.mark.django_db


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Pod]:
    pods: list[Pod] = []
    monkeypatch.setattr("rentals.dispatch.reconcile", pods.append)
    return pods


@pytest.fixture
def pulls() -> Iterator[ExitStack]:
    with ExitStack() as under_way:
        yield under_way


class TestShares:
    def test_one_owner_pulls_few_images_in_all_teams_and_others_do_not_wait_for_them(
        self, pulls: ExitStack, rung: list[Pod]
    ) -> None:
        alice = make_user()
        teams = [
            Workspace.objects.create(name=f"Team {number}", owner=alice)
            for number in range(turns.LONG_PER_OWNER + 1)
        ]
        pods = [make_pod(workspace=team) for team in teams]

        admitted = [pulls.enter_context(turns.pulling(pod)) for pod in pods]
        others = pulls.enter_context(turns.pulling(make_pod()))
        pulls.close()

        assert admitted == [True] * turns.LONG_PER_OWNER + [False]
        assert others
        assert rung == [pods[-1]]

    def test_all_images_together_leave_threads_for_stops_and_removals(
        self, pulls: ExitStack, rung: list[Pod]
    ) -> None:
        pods = [make_pod() for _ in range(turns.LONG + 1)]

        admitted = [pulls.enter_context(turns.pulling(pod)) for pod in pods]
        pulls.close()

        assert admitted == [True] * turns.LONG + [False]
        assert rung == [pods[-1]]

    def test_preparations_are_among_what_takes_minutes(
        self, pulls: ExitStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bob, prepared = make_provider(), list[int]()
        nodes = [make_node(provider=bob) for _ in range(turns.LONG_PER_OWNER + 1)]
        monkeypatch.setattr(preparation, "prepare", lambda *, node_id: prepared.append(node_id))
        for node in nodes[1:]:
            pulls.enter_context(turns.preparing(node_id=node.pk))

        tasks.prepare_node(node_id=nodes[0].pk)
        waited = list(prepared)
        pulls.close()
        tasks.prepare_node(node_id=nodes[0].pk)

        assert (waited, prepared) == ([], [nodes[0].pk])


class TestLateness:
    @pytest.fixture
    def silent(self) -> Node:
        """Make a node whose machine nobody can reach."""
        private, public = generate_keypair()
        node = make_node(host="127.0.0.1", ssh_port=1, host_key=public)
        seal_key(node.provider, private)
        node.provider.save()
        return node

    def test_a_start_that_waited_for_us_fails_only_after_the_machine_was_asked(
        self, silent: Node
    ) -> None:
        make_template()
        pod = renting.rent(
            principal=make_principal(), request=rent_request(silent), now=clock.now()
        )

        for hours, expected in ((1, PodStatus.PENDING), (2, PodStatus.FAILED)):
            later = clock.now() + timedelta(hours=hours)
            provisioning.reconcile(pod_id=pod.public_id, now=lambda: later)  # noqa: B023
            pod.refresh_from_db()
            assert (pod.status, pod.phase) == (expected, Phase.CONNECTING)

        assert pod.status_reason_code == Reason.MACHINE_UNREACHABLE
