"""The audit trail: read page by page, told to whom it concerns, changed by nobody."""

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from accounts.models import AuditEvent, Membership
from accounts.services import audit
from core.actors import PLATFORM, Actor, ActorKind
from tests.factories.accounts import NOON, Person


def note(person: Person, action: str) -> None:
    audit.record(
        action=action, actor=person.principal.actor(), workspace_id=person.workspace.pk, now=NOON
    )


class TestReading:
    def test_goes_back_page_by_page(self, alice: Person) -> None:
        for number in range(5):
            note(alice, f"test.{number}")

        seen, cursor = [], ""
        while True:
            query = {"limit": 2, "action": "test."} | ({"cursor": cursor} if cursor else {})
            page = alice.api.get("/api/account/audit", query).json()
            seen += [row["action"] for row in page["items"]]
            cursor = page["next_cursor"]
            if not cursor:
                break

        assert seen == ["test.4", "test.3", "test.2", "test.1", "test.0"]

    def test_filters(self, alice: Person) -> None:
        note(alice, "test.one")
        query = {"action": "test.", "since": "2026-11-21T11:59:59", "until": "2026-11-21T12:00:00Z"}

        got = alice.api.get("/api/account/audit", query).json()["items"]
        none = alice.api.get("/api/account/audit", query | {"source": "cli"}).json()["items"]

        assert [row["action"] for row in got] == ["test.one"]
        assert none == []

    def test_names_who_did_it_as_the_client_reads_it(self, alice: Person) -> None:
        note(alice, "test.session")
        audit.record(
            action="test.key",
            actor=Actor(kind=ActorKind.API_KEY, id=str(alice.key.public_id), name=alice.key.name),
            workspace_id=alice.workspace.pk,
            now=NOON,
        )
        audit.record(
            action="test.platform", actor=PLATFORM, workspace_id=alice.workspace.pk, now=NOON
        )

        rows = alice.api.get("/api/account/audit").json()["items"]
        actors = {row["action"]: row["actor"] for row in rows}

        assert actors["test.session"]["auth"] == "session"
        assert actors["test.session"]["user_id"] == str(alice.user.public_id)
        assert actors["test.key"] == {
            "auth": "api_key",
            "api_key_id": str(alice.key.public_id),
            "api_key_name": alice.key.name,
        }
        assert actors["test.platform"] is None

    def test_tells_the_address_to_who_acted_only(self, alice: Person, bob: Person) -> None:
        Membership.objects.create(workspace=alice.workspace, user=bob.user, role="admin")
        alice.session.post("/api/keys", {"name": "ci"}, content_type="application/json")
        query = {"action": "key.create", "limit": 1}
        header = {"X-Lium-Workspace-Id": str(alice.workspace.public_id)}

        own = alice.session.get("/api/account/audit", query).json()["items"][0]
        others = bob.session.get("/api/account/audit", query, headers=header).json()["items"][0]

        assert own["id"] == others["id"]
        assert (own["ip"], others["ip"]) == ("127.0.0.1", None)

    def test_tells_a_plain_member_of_their_own_acts(self, alice: Person, bob: Person) -> None:
        Membership.objects.create(workspace=alice.workspace, user=bob.user, role="member")
        note(alice, "test.one")
        header = {"X-Lium-Workspace-Id": str(alice.workspace.public_id)}

        assert bob.session.get("/api/account/audit", headers=header).json()["items"] == []

    def test_tells_a_stranger_nothing(self, alice: Person, charlie: Person) -> None:
        note(alice, "test.one")

        got = charlie.api.get("/api/account/audit", {"action": "test."}).json()

        assert got["items"] == []

    @pytest.mark.parametrize(
        "query",
        [
            {"limit": 0},
            {"limit": 100000},
            {"limit": "x"},
            {"cursor": "x"},
            {"cursor": "00000000-0000-4000-8000-000000000000"},
            {"since": "yesterday"},
            {"api_key_id": "x"},
            {"action": "\x00"},
        ],
    )
    def test_refuses_what_it_cannot_read(self, alice: Person, query: dict[str, object]) -> None:
        answer = alice.api.get("/api/account/audit", query)

        assert answer.status_code == 422
        assert answer.json()["detail"]

    def test_asks_for_a_credential(self, anonymous: Client) -> None:
        assert anonymous.get("/api/account/audit").status_code == 401


class TestAppendOnly:
    @pytest.mark.parametrize("change", ["update", "delete"])
    def test_the_database_refuses(self, alice: Person, change: str) -> None:
        note(alice, "test.one")
        events = AuditEvent.objects.filter(action="test.one")

        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            events.update(action="test.two") if change == "update" else events._raw_delete(
                "default"
            )

        assert events.count() == 1
