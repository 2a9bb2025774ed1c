"""Machines through the portal: added, read by whom, changed, taken away; registration tokens."""

from datetime import timedelta, timezone
from decimal import Decimal
from uuid import uuid4

import jwt
import pytest
from django.core.cache import cache
from django.test import Client
from lium.provider.models import ExecutorInfo

from accounts.models import Hotkey
from core import clock
from marketplace.models import CheckResult, CheckRun, Node, NodeStatus
from marketplace.services import register_tokens
from rentals.models import Pod
from tests.factories.accounts import Person
from tests.factories.marketplace import make_gpu_model, make_node
from tests.factories.pods import make_pod, make_ready
from tests.factories.portal import bearer, post, provider_key, provider_of

H100 = "NVIDIA H100 80GB HBM3"
NEW = {
    "gpu_type": H100,
    "gpu_count": 8,
    "ip_address": "203.0.113.50",
    "port": 2222,
    "price_per_gpu": 2.5,
}


@pytest.fixture
def node(bob: Person) -> Node:
    """Bob's listed machine, of which the market knows who he is."""
    return make_node(provider=provider_of(bob))


@pytest.fixture
def fresh(bob: Person) -> Node:
    """A machine of Bob's that was never listed."""
    return make_node(
        provider=provider_of(bob), status=NodeStatus.NOT_DETECTED, first_listed_at=None, host_key=""
    )


def path_of(node: Node, *more: str) -> str:
    return "/".join(("/executors", str(node.public_id), *more))


def rows(client: Client, **asked: object) -> list[dict]:
    return client.get("/portal/executors", asked).json()["data"]


def hold(pod: Pod) -> None:
    pod.node.gpus.filter(position__lt=pod.gpu_count).update(holder=pod.public_id)


def failed_check(node: Node) -> None:
    now = clock.now()
    run = CheckRun.objects.create(
        node=node, trigger="schedule", started_at=now, finished_at=now, outcome="failed"
    )
    CheckResult.objects.create(
        run=run,
        position=1,
        check_id="disk",
        status="failed",
        code="disk_too_small",
        measured="20 GiB",
        required="100 GiB",
        why="Images take tens of gigabytes.",
        fix="Give it a larger disk.",
        fix_command="df -h /var/lib",
    )
    node.status = NodeStatus.VALIDATION_FAILED
    node.save()


class TestAdding:
    @pytest.fixture(autouse=True)
    def catalogue(self, db: None) -> None:
        make_gpu_model()

    def test_a_machine_is_claimed_and_waits_to_be_reached(self, bob: Person) -> None:
        added = post(bob.session, "/executors", NEW)

        assert added.status_code == 201
        [row] = rows(bob.session, miner_hotkey=provider_of(bob).account_id)
        assert row["id"] == added.json()["id"]
        assert (row["executor_ip_address"], row["executor_ip_port"]) == ("203.0.113.50", "2222")
        assert (row["gpu_type"], row["price_per_gpu"]) == (H100, 2.5)
        assert row["computed_status"]["status"] == "NOT_DETECTED"
        assert ExecutorInfo.model_validate(row)

    def test_the_same_address_twice_is_told_in_the_clients_words(self, bob: Person) -> None:
        post(bob.session, "/executors", NEW)

        refused = post(bob.session, "/executors", NEW)

        assert refused.status_code == 400
        assert "already exists with the same ip and port" in refused.json()["detail"]

    def test_an_unknown_gpu_is_told_in_the_clients_words(self, bob: Person) -> None:
        refused = post(bob.session, "/executors", NEW | {"gpu_type": "H999"})

        assert refused.status_code == 400
        assert "Unsupported gpu type" in refused.json()["detail"]

    @pytest.mark.parametrize(
        "change",
        [
            {"port": 0},
            {"gpu_count": 0},
            {"gpu_count": 65},
            {"ip_address": "a\x00b"},
            {"ip_address": ""},
            {"price_per_gpu": -1},
            {"price_per_gpu": "NaN"},
            {"gpu_type": ""},
        ],
    )
    def test_what_makes_no_sense_is_a_400(self, bob: Person, change: dict) -> None:
        assert post(bob.session, "/executors", NEW | change).status_code == 400

    def test_who_opted_out_adds_nothing(self, bob: Person) -> None:
        post(bob.session, "/miners/opt-in", {"opt_in_status": False})

        assert "opted out" in post(bob.session, "/executors", NEW).json()["detail"]

    def test_a_provider_key_adds_too(self, bob: Person) -> None:
        assert post(provider_key(bob), "/executors", NEW).status_code == 201


class TestReading:
    def test_only_its_provider_reads_the_address(
        self, node: Node, bob: Person, alice: Person
    ) -> None:
        own = bob.session.get(f"/portal{path_of(node)}").json()
        strangers = [
            client.get(f"/portal{path_of(node)}").json() for client in (alice.session, Client())
        ]
        listed = rows(alice.session)

        assert own["executor_ip_address"] == node.host
        for row in [*strangers, *listed]:
            assert row["id"] == str(node.public_id)
            private = {"executor_ip_address", "executor_ip_port", "rented", "revenue_per_hour"}
            assert not private & set(row)

    def test_a_machine_that_was_never_listed_is_in_nobody_elses_list(
        self, fresh: Node, bob: Person, alice: Person
    ) -> None:
        name = provider_of(bob).account_id

        assert [row["id"] for row in rows(bob.session, miner_hotkey=name)] == [str(fresh.public_id)]
        assert rows(alice.session, miner_hotkey=name) == []
        assert rows(alice.session) == []

    def test_its_id_alone_tells_how_the_checks_go(self, fresh: Node) -> None:
        failed_check(fresh)

        row = Client().get(f"/portal{path_of(fresh)}").json()

        assert row["computed_status"]["status"] == "VALIDATION_FAILED"
        assert row["computed_status"]["last_error"]["remediation"] == "Give it a larger disk."
        assert "20 GiB" not in str(row)
        assert fresh.host not in str(row)

    def test_an_unknown_node_has_the_words_that_the_client_knows(self, bob: Person) -> None:
        for client in (bob.session, Client()):
            missing = client.get(f"/portal/executors/{uuid4()}")
            assert (missing.status_code, missing.json()["detail"]) == (404, "Not found node")
        assert bearer("nonsense").get(f"/portal/executors/{uuid4()}").status_code == 401

    def test_a_hotkey_that_nobody_has_lists_nothing(self, node: Node, bob: Person) -> None:
        assert rows(bob.session, miner_hotkey="5Nobody") == []
        assert rows(bob.session, miner_hotkey="x" * 36) == []

    def test_a_hotkey_means_who_holds_it_now(self, bob: Person, charlie: Person) -> None:
        moved = "5Moved"
        Hotkey.objects.create(user=bob.user, address=moved)
        make_node(provider=provider_of(bob))
        assert len(rows(charlie.session, miner_hotkey=moved)) == 1

        Hotkey.objects.update(user=charlie.user)

        assert rows(charlie.session, miner_hotkey=moved) == []

    def test_pages(self, bob: Person) -> None:
        for _ in range(3):
            make_node(provider=provider_of(bob))

        page = bob.session.get("/portal/executors", {"page": 2, "limit": 2}).json()

        assert (len(page["data"]), page["total"], page["page"], page["limit"]) == (1, 3, 2, 2)
        assert bob.session.get("/portal/executors", {"limit": 0}).status_code == 400

    def test_a_page_costs_the_same_for_one_machine_or_many(
        self, node: Node, bob: Person, django_assert_max_num_queries
    ) -> None:
        for _ in range(5):
            failed_check(make_node(provider=node.provider))

        with django_assert_max_num_queries(14):
            assert len(rows(bob.session, miner_hotkey=str(node.provider.public_id))) == 6

    def test_what_blocks_a_machine_names_the_fix(self, node: Node, bob: Person) -> None:
        assert rows(bob.session, miner_hotkey=node.provider.account_id)[0]["blocking_reasons"] == []
        failed_check(node)

        [reason] = bob.session.get(f"/portal{path_of(node)}").json()["blocking_reasons"]

        assert (reason["code"], reason["measured"]) == ("disk_too_small", "20 GiB")
        assert (reason["required"], reason["fix_command"]) == ("100 GiB", "df -h /var/lib")

    def test_pods_are_shown_without_who_rents_them(
        self, node: Node, bob: Person, alice: Person
    ) -> None:
        pod = make_pod(workspace=alice.workspace, node=node, name="alices-secret")
        hold(pod)
        make_ready(pod)

        [row] = bob.session.get(f"/portal{path_of(node, 'pods')}").json()

        assert (row["id"], row["pod_name"]) == (str(pod.public_id), pod.huid)
        own = bob.session.get(f"/portal{path_of(node)}").json()
        assert own["rented_gpu_count"] == pod.gpu_count
        after_fee = pod.hourly_price_usd * (1 - pod.fee_rate)
        assert own["revenue_per_hour"] == pytest.approx(float(after_fee))

    @pytest.mark.parametrize("status", ["failed", "lost", "stopped"])
    def test_a_pod_that_holds_nothing_is_no_rental(
        self, node: Node, bob: Person, status: str
    ) -> None:
        make_pod(node=node, status=status)

        own = bob.session.get(f"/portal{path_of(node)}").json()

        assert (own["rented"], own["rented_gpu_count"], own["revenue_per_hour"]) == (False, 0, 0)

    def test_verification_starts_with_never(self, fresh: Node, bob: Person) -> None:
        cache.clear()  # What other tests' machines took is kept for a while.
        told = bob.session.get(f"/portal{path_of(fresh, 'verification')}").json()
        assert (told["phase"], told["basis"]) == ("never_validated", "none")
        failed_check(fresh)

        told = bob.session.get(f"/portal{path_of(fresh, 'verification')}").json()

        assert told["phase"] == "idle"
        assert told["last_run"]["outcome"] == "failed"
        assert told["last_run"]["reason_code"] == "disk_too_small"


class TestChanging:
    def test_price_and_smallest_pod(self, node: Node, bob: Person) -> None:
        assert post(bob.session, path_of(node, "update-price"), {"price_per_gpu": 1.1}).status_code == 200  # fmt: skip
        smallest = path_of(node, "min-gpu-count-for-rental")
        assert post(bob.session, smallest, {"min_gpu_count_for_rental": 4}).status_code == 200

        node.refresh_from_db()
        assert (node.price_per_gpu_usd, node.min_gpu_count) == (Decimal("1.1"), 4)
        assert bob.session.delete(f"/portal{smallest}").status_code == 200
        node.refresh_from_db()
        assert node.min_gpu_count == 1

    def test_a_refused_change_says_why(self, node: Node, bob: Person) -> None:
        smallest = path_of(node, "min-gpu-count-for-rental")
        for path, body in (
            (path_of(node, "update-price"), {"price_per_gpu": 0}),
            (smallest, {"min_gpu_count_for_rental": 9}),
        ):
            refused = post(bob.session, path, body)
            assert refused.status_code == 400
            assert refused.json()["detail"]

    def test_notice_is_given_in_time_and_taken_back(self, node: Node, bob: Person) -> None:
        path, now = path_of(node, "notice-period"), clock.now()
        soon = {"starting_at": (now + timedelta(hours=23)).isoformat(), "period_in_minute": 30}
        later = soon | {"starting_at": (now + timedelta(hours=25)).isoformat(), "reason": "fans"}
        naive = soon | {"starting_at": "2099-01-01T00:00:00"}

        assert post(bob.session, path, soon).status_code == 400
        assert post(bob.session, path, naive).status_code == 400
        assert post(bob.session, path, later).status_code == 200

        for away in ("9999-12-31T23:59:59-14:00", (now + timedelta(days=400)).isoformat()):
            assert post(bob.session, path, later | {"starting_at": away}).status_code == 400

        told = bob.session.get(f"/portal{path_of(node)}").json()["notice_period"]
        assert (told["period_in_minute"], told["reason"]) == (30, "fans")
        assert bob.session.delete(f"/portal{path}").status_code == 200
        assert not bob.session.get(f"/portal{path_of(node)}").json().get("notice_period")

    def test_a_notice_is_told_in_utc_whatever_zone_it_came_in(
        self, node: Node, bob: Person
    ) -> None:
        starts = (clock.now() + timedelta(days=2)).replace(microsecond=0)
        there = starts.astimezone(timezone(timedelta(hours=2))).isoformat()

        answer = post(
            bob.session,
            path_of(node, "notice-period"),
            {"starting_at": there, "period_in_minute": 30},
        )

        assert f"{starts:%Y-%m-%d %H:%M} UTC" in answer.json()["message"]
        assert f"{starts:%Y-%m-%d %H:%M}" in node.events.latest("pk").reason

    def test_an_unused_machine_goes_at_once_and_a_rented_one_with_notice(
        self, node: Node, bob: Person
    ) -> None:
        node.gpus.update(holder=uuid4())
        refused = bob.session.delete(f"/portal{path_of(node)}")
        assert (refused.status_code, "48 h" in refused.json()["detail"]) == (400, True)
        node.gpus.update(holder=None)

        assert bob.session.delete(f"/portal{path_of(node)}").status_code == 200
        assert bob.session.delete(f"/portal{path_of(node)}").status_code == 404
        assert Client().get(f"/portal{path_of(node)}").status_code == 404

    def test_nobody_else_changes_anything(self, node: Node, charlie: Person) -> None:
        path = path_of(node, "update-price")

        refused = post(charlie.session, path, {"price_per_gpu": 1})

        assert (refused.status_code, refused.json()["detail"]) == (404, "Not found node")


class TestRegistering:
    @pytest.fixture
    def token(self, bob: Person) -> str:
        make_gpu_model()
        return str(post(bob.session, "/executors/register-token", {}).json()["token"])

    def test_the_client_reads_the_account_out_of_it(self, bob: Person, token: str) -> None:
        claims = jwt.decode(token, options={"verify_signature": False})

        assert claims["subject"]["miner_hotkey"] == provider_of(bob).account_id
        assert claims["exp"] - claims["iat"] == 3600
        assert 40 <= len(claims["subject"]["node_hotkey"]) <= 60

    def test_it_adds_one_machine_and_only_reads_afterwards(self, bob: Person, token: str) -> None:
        machine = bearer(token)

        assert post(machine, "/executors", NEW).status_code == 201

        again = post(machine, "/executors", NEW)
        assert "already exists with the same ip and port" in again.json()["detail"]
        other = post(machine, "/executors", NEW | {"port": 2223})
        assert (other.status_code, other.json()["error"]["code"]) == (403, "register_token_claimed")
        [row] = rows(machine, miner_hotkey=provider_of(bob).account_id)
        assert row["executor_ip_address"] == "203.0.113.50"

    def test_a_refused_machine_leaves_it_good(self, token: str) -> None:
        machine = bearer(token)

        assert post(machine, "/executors", NEW | {"gpu_type": "H999"}).status_code == 400
        assert post(machine, "/executors", NEW).status_code == 201

    def test_it_opens_nothing_else(self, node: Node, token: str) -> None:
        machine = bearer(token)

        assert machine.get("/portal/auth/me").status_code == 401
        assert post(machine, "/executors/register-token", {}).status_code == 401
        assert machine.delete(f"/portal{path_of(node)}").status_code == 401
        assert machine.get("/api/users/me").status_code == 401

    def test_it_ends_after_an_hour(self, bob: Person) -> None:
        past = clock.now() - timedelta(hours=1)
        provider = provider_of(bob)
        token, _ = register_tokens.issue(principal=bob.principal, provider=provider, now=past)

        assert bearer(token).get(f"/portal/executors/{uuid4()}").status_code == 401

    def test_a_token_of_somebody_elses_making_is_refused(self, bob: Person, token: str) -> None:
        claims = jwt.decode(token, options={"verify_signature": False})
        forged = jwt.encode(claims, "x" * 32, algorithm="HS256")
        unsigned = jwt.encode(claims, "", algorithm="none")

        for bad in (forged, unsigned, "a.b.c"):
            assert bearer(bad).get(f"/portal/executors/{uuid4()}").status_code == 401
