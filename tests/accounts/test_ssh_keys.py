"""SSH keys over HTTP."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent, SshKey
from tests.factories.accounts import ED25519, Person, make_key


def add(person: Person, **body: Any):
    body = {"name": "laptop", "public_key": ED25519} | body
    return person.api.post("/api/ssh-keys", body, content_type="application/json")


class TestAdd:
    def test_keeps_the_exact_line(self, alice: Person) -> None:
        row = add(alice, public_key=ED25519 + "\n").json()

        assert row["public_key"] == ED25519
        assert alice.api.get("/api/ssh-keys").json() == [row]

    def test_twice_is_once(self, alice: Person) -> None:
        first, second = add(alice), add(alice, name="again", public_key=ED25519 + " other")

        assert first.json() == second.json()
        assert AuditEvent.objects.filter(action="ssh_key.create").count() == 1

    def test_a_known_key_may_be_sent_as_often_as_one_rents(self, alice: Person) -> None:
        answers = [add(alice) for _ in range(62)]

        assert {answer.status_code for answer in answers} == {200}

    def test_is_each_workspaces_own(self, alice: Person, bob: Person) -> None:
        assert add(alice).json()["id"] != add(bob).json()["id"]

    def test_takes_its_name_from_the_comment(self, alice: Person) -> None:
        assert add(alice, name="").json()["name"] == "alice@laptop"

    @pytest.mark.parametrize(
        "body",
        [
            {"public_key": "-----BEGIN OPENSSH PRIVATE KEY-----"},
            {"public_key": "ssh-ed25519 AAAA"},
            {"public_key": ""},
            {"public_key": None},
            {"public_key": ["a"]},
            {"public_key": "x" * 20000},
            {"public_key": ED25519 + "\x00"},
            {"name": "x" * 200},
            {"name": "\x00"},
        ],
    )
    def test_refuses_what_will_not_do(self, alice: Person, body: dict[str, Any]) -> None:
        answer = add(alice, **body)

        assert answer.status_code == 422
        assert answer.json()["detail"]
        assert not SshKey.objects.exists()

    def test_needs_the_rent_scope(self, alice: Person) -> None:
        _, secret = make_key(alice.user, scopes=["read"])
        body = {"name": "a", "public_key": ED25519}

        answer = Client(headers={"X-API-KEY": secret}).post(
            "/api/ssh-keys", body, content_type="application/json"
        )

        assert answer.status_code == 403
        assert "'rent'" in answer.json()["detail"]


class TestDelete:
    def test_forgets_the_key(self, alice: Person) -> None:
        row = add(alice).json()

        answer = alice.api.delete(f"/api/ssh-keys/{row['id']}")

        assert answer.status_code == 200
        assert answer.json()["message"]
        assert alice.api.get("/api/ssh-keys").json() == []
        assert alice.api.delete(f"/api/ssh-keys/{row['id']}").status_code == 404

    def test_is_not_the_strangers(self, alice: Person, charlie: Person) -> None:
        row = add(alice).json()

        assert charlie.api.delete(f"/api/ssh-keys/{row['id']}").status_code == 404
        assert charlie.api.get("/api/ssh-keys").json() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/ssh-keys"),
        ("post", "/api/ssh-keys"),
        ("delete", "/api/ssh-keys/00000000-0000-4000-8000-000000000000"),
    ],
)
def test_asks_everyone_for_a_credential(anonymous: Client, method: str, path: str) -> None:
    assert getattr(anonymous, method)(path).status_code == 401
