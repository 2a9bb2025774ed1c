"""A rent is one transaction: everything or nothing, and one winner for the last GPU."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection

from accounts.models import Workspace
from accounts.principal import MissingScope
from accounts.ssh_public_key import BadSshKey
from core.errors import Conflict, Invalid, NotFound
from marketplace.models import Node, NodeStatus, PortReservation
from rentals.models import NodeWatch, Phase, Pod, PodStatus, Quote, Template
from rentals.services import blueprint, lifecycle, quoting, renting
from rentals.services.budgets import BudgetExceeded
from rentals.services.equivalents import NodeTaken
from rentals.services.floors import InsufficientBalance
from rentals.services.quoting import QuoteExpired
from tests.factories.accounts import make_key
from tests.factories.pods import NOON, make_template, meter_of
from tests.factories.rentals import ALICE_KEY, make_node, make_principal, rent_request

pytestmark = pytest.mark.django_db


def nothing_is_left(node: Node) -> bool:
    node.refresh_from_db()
    free = node.free_gpu_count == node.gpu_count
    return free and not Pod.objects.exists() and not PortReservation.objects.exists()


class TestRent:
    def test_meets_a_closing_team_under_the_lock(self) -> None:
        alice, node = make_principal(), make_node()
        team = Workspace.objects.create(name="Team", owner=alice.user)
        principal = replace(alice, workspace=team)
        wish = rent_request(node, template_id=make_template().public_id)
        # The principal was read before the owner closed the team.
        Workspace.objects.filter(pk=team.pk).update(closed_at=NOON)

        with pytest.raises(Conflict, match="was closed"):
            renting.rent(principal=principal, request=wish, now=NOON)

        assert nothing_is_left(node)

    def test_writes_a_pending_pod_with_everything_that_it_needs(self) -> None:
        alice, node = make_principal(), make_node(gpu_count=4)
        template = make_template(internal_ports=[22, 8888], environment={"A": "b"})
        wish = rent_request(node, gpu_count=2, template_id=template.public_id, port_count=3)

        pod = renting.rent(principal=alice, request=wish, now=NOON)

        pod = Pod.objects.get(pk=pod.pk)
        assert (pod.status, pod.phase) == (PodStatus.PENDING, Phase.RESERVED)
        assert (pod.workspace, pod.user, pod.name) == (alice.workspace, alice.user, "p1")
        assert pod.hourly_price_usd == Decimal(4)
        assert len(set(pod.gpu_uuids)) == pod.gpu_count == 2
        assert pod.image == template.image_reference
        assert pod.environment == {"A": "b"}
        assert pod.authorized_keys == ALICE_KEY
        assert pod.next_look_at == NOON < (pod.deadline_at or NOON)
        assert [port.internal for port in pod.ports.order_by("internal")] == [22, 8888, 9000]
        assert (pod.cpus, pod.memory_mib) == blueprint.share_of(node, 2)
        node.refresh_from_db()
        assert node.free_gpu_count == 2
        assert NodeWatch.objects.filter(node=node).exists()

    def test_makes_a_host_key_that_only_the_pod_row_can_open(self) -> None:
        node, alice = make_node(), make_principal()
        make_template()

        one = renting.rent(principal=alice, request=rent_request(node), now=NOON)
        two = renting.rent(principal=alice, request=rent_request(node, name="p2"), now=NOON)

        assert one.host_public_key.startswith("ssh-ed25519 ")
        assert one.host_public_key != two.host_public_key
        assert "OPENSSH PRIVATE KEY" in blueprint.open_host_key(one)
        assert "PRIVATE KEY" not in one.host_private_key_encrypted

    def test_tells_who_asked_and_starts_no_meter(self) -> None:
        alice, node = make_principal(), make_node()
        make_template()

        pod = renting.rent(principal=alice, request=rent_request(node), now=NOON)

        event = pod.events.get()
        assert (event.sub_type, event.to_status) == ("pod-rent.requested", "pending")
        assert event.actor_id == str(alice.user.public_id)
        assert meter_of(pod).ready_since is None

    def test_keeps_the_notice_that_the_machine_promised(self) -> None:
        make_template()
        request = rent_request(make_node(notice_hours=72))

        assert (
            renting.rent(principal=make_principal(), request=request, now=NOON).notice_hours == 72
        )

    def test_without_a_count_takes_every_free_gpu(self) -> None:
        alice, node = make_principal(), make_node(gpu_count=3)
        make_template()

        pod = renting.rent(principal=alice, request=rent_request(node, gpu_count=None), now=NOON)

        assert pod.gpu_count == 3

    def test_schedules_the_end_from_the_rent_on(self) -> None:
        node, alice = make_node(), make_principal()
        make_template()
        wish = rent_request(node, termination_hours=5)

        pod = renting.rent(principal=alice, request=wish, now=NOON)

        assert pod.removal_scheduled_at == NOON + timedelta(hours=5)

    def test_makes_a_one_time_template_of_a_bare_image(self) -> None:
        node, alice = make_node(), make_principal()

        pod = renting.rent(
            principal=alice, request=rent_request(node, image="python:3.11"), now=NOON
        )

        assert (pod.template.one_time, pod.template.is_private) == (True, True)
        assert pod.image == "python:3.11"

    def test_a_one_time_template_ends_with_its_pod(self) -> None:
        node, alice = make_node(), make_principal()
        pod = renting.rent(principal=alice, request=rent_request(node, image="python"), now=NOON)
        Pod.objects.update(status=PodStatus.FAILED, gone_at=NOON)

        lifecycle.remove(principal=alice, pod_id=pod.public_id, now=NOON)

        assert Template.objects.get().deleted_at == NOON

    def test_honours_a_locked_price_after_the_price_went_up(self) -> None:
        node, alice = make_node(), make_principal()
        make_template()
        quoted = quoting.quote(
            node_id=node.public_id,
            gpu_count=1,
            hours=Decimal(1),
            workspace=alice.workspace,
            now=NOON,
        )
        Node.objects.update(price_per_gpu_usd=Decimal(9))
        assert quoted.quote
        wish = rent_request(node, quote_id=quoted.quote.public_id)

        pod = renting.rent(principal=alice, request=wish, now=NOON)

        assert pod.hourly_price_usd == Decimal(2)

    def test_nudges_the_worker_once_it_is_committed(
        self, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
    ) -> None:
        rung: list[str] = []
        monkeypatch.setattr("core.doorbell._send", lambda task, *_: rung.append(task))
        node, alice = make_node(), make_principal()
        make_template()

        with django_capture_on_commit_callbacks(execute=True):
            renting.rent(principal=alice, request=rent_request(node), now=NOON)
            assert rung == []

        assert rung == ["rentals.tasks.reconcile_pod"]


class TestRefusals:
    def test_of_a_bare_image_leaves_no_template(self) -> None:
        node, poor = make_node(), make_principal(usd=Decimal(0))

        with pytest.raises(InsufficientBalance):
            renting.rent(principal=poor, request=rent_request(node, image="python"), now=NOON)

        assert not Template.objects.exists()

    def test_refuses_a_balance_at_the_floor_in_the_words_of_the_client(self) -> None:
        node, alice = make_node(), make_principal(usd=Decimal("0.5"))
        make_template()

        with pytest.raises(
            InsufficientBalance, match=r"requires at least \$0\.5000 .*balance is \$0\.5000"
        ) as refusal:
            renting.rent(principal=alice, request=rent_request(node), now=NOON)

        assert (refusal.value.status, refusal.value.code) == (403, "insufficient_balance")
        assert nothing_is_left(node)

    def test_counts_a_quarter_of_an_hour_of_every_open_pod(self) -> None:
        node, alice = make_node(), make_principal(usd=Decimal("1.4"))
        make_template()
        for number in range(2):
            renting.rent(principal=alice, request=rent_request(node, name=f"p{number}"), now=NOON)

        with pytest.raises(InsufficientBalance, match=r"requires at least \$1\.5000"):
            renting.rent(principal=alice, request=rent_request(node), now=NOON)

        assert Pod.objects.count() == 2

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"public_keys": ()}, Invalid),
            ({"public_keys": ("ssh-ed25519 nonsense",)}, BadSshKey),
            ({"name": "  "}, Invalid),
            ({"name": "x" * 101}, Invalid),
            ({"name": "a\x00b"}, Invalid),
            ({"gpu_count": 0}, Invalid),
            ({"gpu_count": 9}, Invalid),
            ({"node_id": uuid4()}, NotFound),
            ({"template_id": uuid4()}, NotFound),
            ({"quote_id": uuid4()}, QuoteExpired),
            ({"image": "--privileged"}, Invalid),
            ({"termination_hours": 0}, Invalid),
            ({"termination_hours": 721}, Invalid),
            ({"port_count": 0}, Invalid),
            ({"port_count": 65}, Invalid),
        ],
    )
    def test_refuses_what_cannot_be_and_leaves_nothing(
        self, fields: dict[str, Any], error: type[Exception]
    ) -> None:
        node, alice = make_node(), make_principal()
        make_template()

        with pytest.raises(error):
            renting.rent(principal=alice, request=replace(rent_request(node), **fields), now=NOON)

        assert nothing_is_left(node)

    @pytest.mark.parametrize(
        "fields",
        [
            {"status": NodeStatus.OFFLINE},
            {"status": NodeStatus.VALIDATION_PENDING},
            {"delisted_at": NOON},
            {"frozen_at": NOON},
        ],
    )
    def test_refuses_a_node_that_is_not_listed(self, fields: dict[str, Any]) -> None:
        node, alice = make_node(**fields), make_principal()
        make_template()

        with pytest.raises(NotFound):
            renting.rent(principal=alice, request=rent_request(node), now=NOON)

    def test_refuses_a_quote_of_somebody_else(self) -> None:
        node, alice, charlie = make_node(), make_principal(), make_principal("charlie")
        make_template()
        quoted = quoting.quote(
            node_id=node.public_id,
            gpu_count=1,
            hours=Decimal(1),
            workspace=charlie.workspace,
            now=NOON,
        )
        assert quoted.quote

        with pytest.raises(QuoteExpired):
            renting.rent(
                principal=alice,
                request=rent_request(node, quote_id=quoted.quote.public_id),
                now=NOON,
            )

    def test_refuses_an_expired_quote_and_says_the_present_price(self) -> None:
        node, alice = make_node(), make_principal()
        make_template()
        quoted = quoting.quote(
            node_id=node.public_id,
            gpu_count=1,
            hours=Decimal(1),
            workspace=alice.workspace,
            now=NOON,
        )
        Quote.objects.update(expires_at=NOON)
        assert quoted.quote

        with pytest.raises(QuoteExpired) as refusal:
            renting.rent(
                principal=alice,
                request=rent_request(node, quote_id=quoted.quote.public_id),
                now=NOON,
            )

        assert "$2.0000" in refusal.value.hint

    def test_refuses_a_key_without_the_scope(self) -> None:
        node, alice = make_node(), replace(make_principal(), scopes=frozenset({"read"}))

        with pytest.raises(MissingScope):
            renting.rent(principal=alice, request=rent_request(node), now=NOON)

    def test_the_same_pod_id_is_no_second_pod(self) -> None:
        node, alice, pod_id = make_node(), make_principal(), uuid4()
        make_template()
        wish = rent_request(node, pod_id=pod_id)
        renting.rent(principal=alice, request=wish, now=NOON)

        with pytest.raises(IntegrityError):
            renting.rent(principal=alice, request=wish, now=NOON)

        node.refresh_from_db()
        assert node.free_gpu_count == node.gpu_count - 1


class TestRefusal:
    @pytest.mark.parametrize(
        ("node", "wish", "why"),
        [
            (
                {"first_port": 9000, "last_port": 9001},
                {"port_count": 3},
                "has 2 free ports, 3 were",
            ),
            ({"missed_probes": 2}, {}, "has not answered the last 2 probes"),
        ],
    )
    def test_gives_the_nodes_own_reason_and_names_what_comes_nearest(
        self, node: dict[str, Any], wish: dict[str, Any], why: str
    ) -> None:
        asked, other = make_node(**node), make_node(gpu_count=4)
        make_template()

        with pytest.raises(NodeTaken, match=why) as refused:
            renting.rent(principal=make_principal(), request=rent_request(asked, **wish), now=NOON)

        assert refused.value.code == "node_taken"
        assert refused.value.data["equivalents"][0]["executor_id"] == str(other.public_id)


def in_parallel(jobs: list[Callable[[], Any]]) -> list[Any]:
    def run(job: Callable[[], Any]) -> Any:
        try:
            return job()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_two_renters_of_the_last_gpu_one_wins_the_other_is_offered_another(self) -> None:
        node, other = make_node(gpu_count=1), make_node(gpu_count=2)
        make_template()
        people = [make_principal(name) for name in ("alice", "charlie")]

        results = in_parallel(
            [
                lambda who=who: renting.rent(principal=who, request=rent_request(node), now=NOON)
                for who in people
            ]
        )

        won = [result for result in results if isinstance(result, Pod)]
        lost = [result for result in results if isinstance(result, NodeTaken)]
        assert (len(won), len(lost)) == (1, 1), results
        assert [offer["executor_id"] for offer in lost[0].data["equivalents"]] == [
            str(other.public_id)
        ]
        assert str(other.public_id) in lost[0].hint
        assert Pod.objects.count() == 1

    def test_one_balance_carries_only_what_it_covers_however_many_ask_at_once(self) -> None:
        node, alice = make_node(gpu_count=8), make_principal(usd=Decimal("1.1"))
        make_template()

        results = in_parallel(
            [
                lambda n=n: renting.rent(
                    principal=alice, request=rent_request(node, name=f"p{n}"), now=NOON
                )
                for n in range(5)
            ]
        )

        assert sum(isinstance(result, Pod) for result in results) == 2, results
        assert sum(isinstance(result, InsufficientBalance) for result in results) == 3
        node.refresh_from_db()
        assert node.free_gpu_count == 6

    def test_one_budget_carries_only_what_it_covers_however_many_ask_at_once(self) -> None:
        node, alice = make_node(gpu_count=8), make_principal()
        make_template()
        # Each pod of two dollars an hour holds back fifty cents.
        key, _ = make_key(alice.user, budgets={"daily_budget_usd": Decimal(1)})
        alice = replace(alice, api_key=key)

        results = in_parallel(
            [
                lambda n=n: renting.rent(
                    principal=alice, request=rent_request(node, name=f"p{n}"), now=NOON
                )
                for n in range(5)
            ]
        )

        assert sum(isinstance(result, Pod) for result in results) == 2, results
        refused = [result for result in results if isinstance(result, BudgetExceeded)]
        assert [error.data["window"] for error in refused] == ["daily"] * 3
        assert key.refusals.count() == 3
        node.refresh_from_db()
        assert node.free_gpu_count == 6

    def test_every_port_and_gpu_has_one_holder(self) -> None:
        node = make_node(gpu_count=6)
        make_template()
        people = [make_principal() for _ in range(6)]

        results = in_parallel(
            [
                lambda who=who: renting.rent(principal=who, request=rent_request(node), now=NOON)
                for who in people
            ]
        )

        pods = [result for result in results if isinstance(result, Pod)]
        assert len(pods) == 6, results
        assert len({uuid for pod in pods for uuid in pod.gpu_uuids}) == 6
        assert len({port.external for pod in pods for port in pod.ports.all()}) == 6
