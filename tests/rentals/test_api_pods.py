"""`/pods` and what hangs below it, over HTTP as the published client calls it."""

from datetime import timedelta, timezone
from uuid import uuid4

import pytest

from accounts.models import AuditEvent
from core import clock
from core.actors import PLATFORM
from marketplace.models import Node
from rentals import transitions
from rentals.models import Pod, PodPort, PodStatus
from rentals.reasons import Reason
from rentals.services import lifecycle, receipts
from tests.factories.accounts import make_key
from tests.factories.pods import make_pod, make_ready, make_template

pytestmark = pytest.mark.django_db


@pytest.fixture
def pod(alice):
    """A pod of Alice's that is proven ready."""
    row = make_pod(workspace=alice.workspace, created_at=clock.now())
    PodPort.objects.create(pod=row, internal=22, external=40022)
    PodPort.objects.create(pod=row, internal=8000, external=40080)
    return make_ready(row, at=clock.now())


def end(pod):
    lifecycle.remove_as(
        pod_id=pod.public_id, reason=Reason.REMOVED_ON_SCHEDULE, actor=PLATFORM, now=clock.now()
    )
    pod.refresh_from_db()
    transitions.move(
        pod,
        to=PodStatus.REMOVED,
        reason=Reason.CONTAINER_GONE_AS_ASKED,
        actor=PLATFORM,
        now=clock.now(),
    )
    return receipts.write(pod, clock.now())


class TestListing:
    def test_gives_what_the_client_reads(self, alice, pod):
        [row] = alice.api.get("/api/pods").json()

        assert row["id"] == str(pod.public_id)
        assert row["pod_name"] == "p1"
        assert row["status"] == "RUNNING"
        assert row["ssh_connect_cmd"] == "ssh root@203.0.113.7 -p 40022"
        assert row["ports_mapping"] == {"22": 40022, "8000": 40080}
        assert row["price"] == 2.0
        assert row["gpu_count"] == 1
        assert row["executor"]["machine_name"] == "NVIDIA H100 80GB HBM3"
        assert row["executor"]["executor_ip_address"] == "203.0.113.7"
        assert row["template"]["docker_image"] == "ubuntu"
        assert row["created_at"].endswith("Z")
        assert row["api_key_id"] is None
        assert "phase" not in row

    def test_promises_no_volume_and_no_encryption(self, alice):
        template = make_template(volumes=["/workspace"])
        make_pod(workspace=alice.workspace, template=template, created_at=clock.now())

        [row] = alice.api.get("/api/pods").json()

        assert row["local_volume_path"] is None
        assert row["enable_volume_encryption"] is False
        assert row["volume_encryption_status"] == "not_offered"

    def test_a_start_shows_its_phase_and_no_address(self, alice):
        pod = make_pod(workspace=alice.workspace, created_at=clock.now())
        PodPort.objects.create(pod=pod, internal=22, external=40022)

        [row] = alice.api.get("/api/pods").json()

        assert (row["status"], row["phase"]) == ("PENDING", "queued")
        assert row["ssh_connect_cmd"] is None
        assert row["eta_basis"] == "fleet_default"
        assert 0 < row["estimated_ready_seconds"] <= 30

    def test_a_silent_pod_runs_on_with_its_reason(self, alice, pod):
        transitions.move(
            pod,
            to=PodStatus.UNREACHABLE,
            reason=Reason.MACHINE_SILENT,
            actor=PLATFORM,
            now=clock.now(),
        )

        [row] = alice.api.get("/api/pods").json()

        assert (row["status"], row["reason_code"]) == ("RUNNING", "machine_silent")
        assert row["ssh_connect_cmd"]

    def test_a_failed_start_is_listed_and_a_removed_pod_is_not(self, alice):
        failed = make_pod(workspace=alice.workspace)
        Pod.objects.filter(pk=failed.pk).update(status=PodStatus.FAILED)
        removed = make_pod(workspace=alice.workspace)
        Pod.objects.filter(pk=removed.pk).update(status=PodStatus.REMOVED)

        rows = alice.api.get("/api/pods").json()

        assert [row["status"] for row in rows] == ["CREATION_FAILED"]

    def test_a_key_may_see_only_its_own(self, alice, pod):
        _, secret = make_key(alice.user, name="ci", pod_visibility="own")

        assert alice.api.get("/api/pods", headers={"X-API-KEY": secret}).json() == []

    def test_keeps_those_of_one_key(self, alice, pod):
        Pod.objects.filter(pk=pod.pk).update(api_key=alice.key)

        mine = alice.api.get(f"/api/pods?api_key_id={alice.key.public_id}").json()
        other = alice.api.get(f"/api/pods?api_key_id={uuid4()}").json()

        assert [row["api_key_name"] for row in mine] == ["laptop"]
        assert other == []

    def test_costs_two_queries_for_any_number(self, alice, pod, django_assert_num_queries):
        for _ in range(3):
            make_pod(workspace=alice.workspace)
        alice.api.get("/api/pods")  # notes when the key was last used

        with django_assert_num_queries(2):  # the key, the pods
            assert len(alice.api.get("/api/pods").json()) == 4

    def test_needs_a_key_with_the_read_scope(self, alice, anonymous, pod):
        _, secret = make_key(alice.user, name="payer", scopes=["billing"])

        refused = anonymous.get("/api/pods", headers={"X-API-KEY": secret})

        assert anonymous.get("/api/pods").status_code == 401
        assert refused.status_code == 403
        assert refused.json()["error"]["code"] == "missing_scope"


class TestDetail:
    def test_adds_the_latest_event(self, alice, pod):
        transitions.record(
            pod,
            sub_type="pod-rent.requested",
            reason=Reason.RENTED,
            actor=alice.principal.actor(),
            now=clock.now(),
        )

        row = alice.api.get(f"/api/pods/{pod.public_id}").json()

        assert row["last_event"]["sub_event_type"] == "pod-rent.requested"
        assert row["last_event"]["actor"]["auth"] == "session"


READS = ["", "/events", "/record", "/receipt", "/logs", "/restore-logs"]
WRITES = [
    ("delete", ""),
    ("post", "/schedule-removal"),
    ("delete", "/schedule-removal"),
    ("post", "/reboot"),
    ("post", "/stop"),
    ("post", "/start"),
    ("post", "/feedback"),
    ("post", "/backup"),
    ("post", "/restore"),
    ("post", "/reset-gpu"),
    ("put", "/switch-template"),
    ("post", "/install-jupyter"),
]
CALLS = [("get", path) for path in READS] + WRITES


class TestAccess:
    @pytest.mark.parametrize(("method", "path"), CALLS)
    def test_a_stranger_finds_nothing(self, charlie, pod, method, path):
        answer = call(charlie.api, method, pod, path)

        assert answer.status_code == 404
        assert answer.json()["message"] == answer.json()["detail"]

    @pytest.mark.parametrize(("method", "path"), CALLS)
    def test_nobody_gets_in_without_a_key(self, anonymous, pod, method, path):
        assert call(anonymous, method, pod, path).status_code == 401

    @pytest.mark.parametrize(("method", "path"), WRITES)
    def test_a_reading_key_changes_nothing(self, alice, anonymous, pod, method, path):
        _, secret = make_key(alice.user, name="reader", scopes=["read"])

        answer = call(anonymous, method, pod, path, headers={"X-API-KEY": secret})

        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "missing_scope"
        pod.refresh_from_db()
        assert pod.status == PodStatus.RUNNING

    @pytest.mark.parametrize(("method", "path"), WRITES[:5])
    def test_a_renting_key_changes_what_it_rented_itself(self, alice, anonymous, pod, method, path):
        key, secret = make_key(alice.user, name="agent", scopes=["read", "rent"])

        refused = call(anonymous, method, pod, path, headers={"X-API-KEY": secret})
        Pod.objects.update(api_key=key)
        done = call(anonymous, method, pod, path, headers={"X-API-KEY": secret})

        assert (refused.status_code, done.status_code) == (403, 200)
        assert refused.json()["error"]["data"]["scope"] == "manage"

    def test_starting_what_another_key_rented_needs_both_scopes(self, alice, anonymous, pod):
        opened = []
        for scopes in (["rent"], ["manage"], ["rent", "manage"]):
            _, secret = make_key(alice.user, name="agent", scopes=scopes)
            answer = call(anonymous, "post", pod, "/start", headers={"X-API-KEY": secret})
            opened.append(answer.status_code)

        assert opened == [403, 403, 409]  # it runs


def call(client, method, pod, path, **options):
    soon = clock.iso(clock.now() + timedelta(hours=1))
    body = {"removal_scheduled_at": soon, "feedback_text": "ok"}
    data = {} if method == "get" else {"data": body, "content_type": "application/json"}
    return getattr(client, method)(f"/api/pods/{pod.public_id}{path}", **data, **options)


class TestReboot:
    def test_refuses_a_volume_and_leaves_the_pod_alone(self, alice, pod):
        address = f"/api/pods/{pod.public_id}/reboot"
        answer = alice.api.post(address, {"volume_id": "v1"}, content_type="application/json")

        assert answer.status_code == 400
        assert answer.json()["error"]["data"] == {"field": "volume_id"}
        pod.refresh_from_db()
        assert pod.status == PodStatus.RUNNING


class TestRemove:
    def test_takes_the_pod_out_of_the_listing_at_once(self, alice, pod):
        answer = alice.api.delete(f"/api/pods/{pod.public_id}")

        assert answer.status_code == 200
        assert answer.json()["message"]
        assert alice.api.get("/api/pods").json() == []

    def test_keeps_the_word_about_the_node(self, alice, pod):
        body = {"feedback_text": "fine", "rating": 5, "reason": "unrent"}
        alice.api.delete(f"/api/pods/{pod.public_id}", data=body, content_type="application/json")

        [event] = alice.workspace.audit_events.filter(action="pod.feedback")
        assert event.summary["result"]["rating"] == 5

    def test_a_second_time_there_is_nothing_to_remove(self, alice, pod):
        alice.api.delete(f"/api/pods/{pod.public_id}")

        assert alice.api.delete(f"/api/pods/{pod.public_id}").status_code == 404

    def test_is_not_kept_from_it_by_long_words(self, alice, pod):
        said = {"feedback_text": "no\x00" + "good " * 1000}

        answer = alice.api.delete(
            f"/api/pods/{pod.public_id}", said, content_type="application/json"
        )

        assert answer.status_code == 200
        kept = AuditEvent.objects.get(action="pod.feedback").summary["result"]["text"]
        assert (kept[:8], len(kept)) == ("nogood g", 2000)


class TestSchedule:
    def test_sets_and_clears_the_end(self, alice, pod):
        path = f"/api/pods/{pod.public_id}/schedule-removal"
        at = (clock.now() + timedelta(days=300)).replace(microsecond=284561)

        for _ in range(2):
            sent = {"removal_scheduled_at": at.isoformat()}
            assert alice.api.post(path, sent, content_type="application/json").status_code == 200

        [row] = alice.api.get("/api/pods").json()
        assert row["removal_scheduled_at"] == clock.iso(at)
        assert alice.api.delete(path).status_code == 200
        assert alice.api.get("/api/pods").json()[0]["removal_scheduled_at"] is None

    @pytest.mark.parametrize(
        "at", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2190-01-01T00:00:00Z"]
    )
    def test_refuses_what_no_calendar_holds_and_goes_on(self, alice, pod, at):
        path = f"/api/pods/{pod.public_id}/schedule-removal"

        answer = alice.api.post(path, {"removal_scheduled_at": at}, content_type="application/json")

        assert answer.status_code == 422
        assert "time" in answer.json()["message"] or "within 366 days" in answer.json()["message"]
        assert alice.api.get("/api/pods").json()[0]["removal_scheduled_at"] is None

    def test_tells_its_time_in_utc_whatever_zone_it_came_in(self, alice, pod):
        path = f"/api/pods/{pod.public_id}/schedule-removal"
        soon = clock.now().replace(microsecond=0) + timedelta(days=1)
        sent = soon.astimezone(timezone(timedelta(hours=-5))).isoformat()

        answer = alice.api.post(
            path, {"removal_scheduled_at": sent}, content_type="application/json"
        )

        assert clock.iso(soon) in answer.json()["message"]
        assert f"{soon:%H:%M:%S} UTC" in pod.events.latest("pk").detail

    def test_refuses_the_past(self, alice, pod):
        path = f"/api/pods/{pod.public_id}/schedule-removal"
        sent = {"removal_scheduled_at": "2020-01-01T00:00:00Z"}

        answer = alice.api.post(path, sent, content_type="application/json")

        assert answer.status_code == 400
        assert "past" in answer.json()["message"]

    @pytest.mark.parametrize("body", ["", "[]", "{", '{"removal_scheduled_at": "soon"}', "{}"])
    def test_refuses_what_is_no_time(self, alice, pod, body):
        path = f"/api/pods/{pod.public_id}/schedule-removal"

        answer = alice.api.post(path, body, content_type="application/json")

        assert answer.status_code in (400, 422)
        assert answer.json()["message"]
        assert answer.json()["error"]["hint"]


class TestHistory:
    def test_of_a_removed_pod_can_still_be_read(self, alice, pod):
        end(pod)

        events = alice.api.get(f"/api/pods/{pod.public_id}/events").json()
        record = alice.api.get(f"/api/pods/{pod.public_id}/record").json()
        receipt = alice.api.get(f"/api/pods/{pod.public_id}/receipt").json()

        assert [event["to_status"] for event in events if event["to_status"]] == [
            "REMOVING",
            "REMOVED",
        ]
        assert record["removed"]
        assert record["close_reason"] == Reason.REMOVED_ON_SCHEDULE.words
        assert record["total"] == receipt["charged_usd"]
        assert receipt["lines"][0]["charged_usd"] == receipt["charged_usd"]
        assert receipt["intervals"][0]["started_by"] == "SSH-2.0-OpenSSH_9.2"

    def test_a_running_pod_has_no_receipt_yet(self, alice, pod):
        answer = alice.api.get(f"/api/pods/{pod.public_id}/receipt")

        assert answer.status_code == 404
        assert "not ended" in answer.json()["message"]

    def test_of_all_pods_newest_first(self, alice, charlie, pod):
        for reason in (Reason.RENTED, Reason.PROVEN):
            transitions.record(
                pod,
                sub_type="pod-lifecycle.status",
                reason=reason,
                actor=PLATFORM,
                now=clock.now(),
            )

        rows = alice.api.get("/api/users/me/events").json()

        assert [row["reason"] for row in rows] == [Reason.PROVEN.words, Reason.RENTED.words]
        assert rows[0]["actor"] is None
        assert charlie.api.get("/api/users/me/events").json() == []

    @pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "since=then"])
    def test_refuses_a_page_that_cannot_be(self, alice, query):
        answer = alice.api.get(f"/api/users/me/events?{query}")

        assert answer.status_code == 422
        assert query.partition("=")[0] in answer.json()["message"]


class TestStatement:
    def test_says_what_was_charged(self, alice, pod):
        at = clock.now()
        Pod.objects.filter(pk=pod.pk).update(last_proof_at=at)
        end(pod)

        statement = alice.api.get("/api/billing/statement").json()

        total = alice.api.get(f"/api/pods/{pod.public_id}/record").json()["total"]
        assert statement["total"] == total > 0
        assert [row["pod_id"] for row in statement["pods"]] == [str(pod.public_id)]
        assert statement["pods"][0]["days"][0]["total"] == total

    def test_is_empty_for_others_and_other_days(self, alice, charlie, pod):
        end(pod)

        assert charlie.api.get("/api/billing/statement").json()["pods"] == []
        assert alice.api.get("/api/billing/statement?end_day=2020-01-01").json()["pods"] == []
        for day in ("9999-12-31", "0001-01-01"):
            assert alice.api.get(f"/api/billing/statement?end_day={day}").status_code == 422

    def test_refuses_what_is_no_day(self, alice):
        assert alice.api.get("/api/billing/statement?start_day=yesterday").status_code == 422


def test_a_malformed_id_is_no_server_error(alice):
    for path in ("/api/pods/1", "/api/pods/not-a-uuid/events", f"/api/pods/{uuid4()}"):
        assert alice.api.get(path).status_code == 404


def test_nodes_are_not_touched_by_reading(alice, pod):
    before = Node.objects.get(pk=pod.node_id).updated_at

    alice.api.get("/api/pods")

    assert Node.objects.get(pk=pod.node_id).updated_at == before
