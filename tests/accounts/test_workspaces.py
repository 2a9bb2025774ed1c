"""Teams over HTTP."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts.models import Invitation, Membership, Workspace
from tests.factories.accounts import Person


def make_team(owner: Person) -> Workspace:
    team = Workspace.objects.create(name="Team", owner=owner.user)
    Membership.objects.create(workspace=team, user=owner.user, role="owner")
    return team


def join(team: Workspace, person: Person, role: str = "member") -> None:
    Membership.objects.create(workspace=team, user=person.user, role=role)


def post(person: Person, path: str, body: Any):
    return person.session.post(path, body, content_type="application/json")


class TestListing:
    def test_gives_a_person_all_and_a_key_its_own(self, alice: Person) -> None:
        made = post(alice, "/api/workspaces", {"name": "Team"})

        assert made.status_code == 201
        assert [row["name"] for row in alice.session.get("/api/workspaces").json()] == [
            "Personal",
            "Team",
        ]
        assert [row["name"] for row in alice.api.get("/api/workspaces").json()] == ["Personal"]

    def test_gives_one_with_its_members(self, alice: Person, bob: Person) -> None:
        team = make_team(alice)
        join(team, bob)

        one = bob.session.get(f"/api/workspaces/{team.public_id}").json()
        people = bob.session.get(f"/api/workspaces/{team.public_id}/members").json()

        assert (one["role"], one["billing_owner_user_id"]) == ("member", str(alice.user.public_id))
        assert [(row["name"], row["is_billing_owner"]) for row in people] == [
            ("Alice", True),
            ("Bob", False),
        ]

    @pytest.mark.parametrize("path", ["", "/members"])
    def test_is_nothing_to_a_stranger(self, alice: Person, charlie: Person, path: str) -> None:
        team = make_team(alice)

        for client in (charlie.session, charlie.api, alice.api):
            assert client.get(f"/api/workspaces/{team.public_id}{path}").status_code == 404


class TestCreate:
    @pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb", None, 1])
    def test_refuses_names_that_will_not_do(self, alice: Person, name: Any) -> None:
        assert post(alice, "/api/workspaces", {"name": name}).status_code == 422

    def test_is_not_for_keys(self, alice: Person) -> None:
        answer = alice.api.post("/api/workspaces", {"name": "T"}, content_type="application/json")

        assert answer.status_code == 401


class TestInvite:
    def invite(self, person: Person, team: Workspace, **body: Any):
        body = {"email": "bob@example.com", "role": "member"} | body
        return post(person, f"/api/workspaces/{team.public_id}/invitations", body)

    def test_mails_a_link_that_the_invited_person_can_take(
        self, alice: Person, bob: Person
    ) -> None:
        team = make_team(alice)

        answer = self.invite(alice, team)

        assert answer.json()["email_sent"] is True
        link = re.search(r"(/invitations/\S+)", mail.outbox[-1].body)[1]
        assert bob.browser.get(link).status_code == 200
        assert bob.browser.post(link).status_code == 302
        assert Membership.objects.get(workspace=team, user=bob.user).role == "member"
        assert bob.browser.get(link).status_code == 404

    def test_is_for_that_address_only(self, alice: Person, charlie: Person) -> None:
        team = make_team(alice)
        self.invite(alice, team)
        link = re.search(r"(/invitations/\S+)", mail.outbox[-1].body)[1]

        assert charlie.browser.post(link).status_code == 403
        assert not Membership.objects.filter(workspace=team, user=charlie.user).exists()

    def test_dies_with_its_time(self, alice: Person, bob: Person) -> None:
        self.invite(alice, make_team(alice))
        Invitation.objects.update(expires_at="2020-01-01T00:00Z")
        link = re.search(r"(/invitations/\S+)", mail.outbox[-1].body)[1]

        assert bob.browser.post(link).status_code == 404

    def test_is_the_managers_to_send(self, alice: Person, bob: Person, charlie: Person) -> None:
        team = make_team(alice)
        join(team, bob)

        assert self.invite(bob, team, email="c@example.com").status_code == 403
        assert self.invite(charlie, team).status_code == 404

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"role": "owner"}, 422),
            ({"email": "no address"}, 422),
            ({"email": "alice@example.com"}, 409),
        ],
    )
    def test_refuses_what_will_not_do(
        self, alice: Person, body: dict[str, Any], status: int
    ) -> None:
        assert self.invite(alice, make_team(alice), **body).status_code == status
        assert not mail.outbox

    def test_never_into_a_personal_one(self, alice: Person) -> None:
        assert self.invite(alice, alice.workspace).status_code == 409


class TestRemoveMember:
    def remove(self, person: Person, team: Workspace, other: Person):
        path = f"/api/workspaces/{team.public_id}/members/{other.user.public_id}"
        return person.session.delete(path)

    def test_is_the_managers_and_ones_own(
        self, alice: Person, bob: Person, charlie: Person
    ) -> None:
        team = make_team(alice)
        join(team, bob)
        join(team, charlie)

        assert self.remove(bob, team, charlie).status_code == 403
        assert self.remove(bob, team, bob).status_code == 200
        assert self.remove(alice, team, charlie).status_code == 200
        assert self.remove(alice, team, charlie).status_code == 404

    def test_never_takes_the_owner(self, alice: Person) -> None:
        assert self.remove(alice, make_team(alice), alice).status_code == 409


class TestBilling:
    def transfer(self, person: Person, team: Workspace, other: Person):
        path = f"/api/workspaces/{team.public_id}/billing-owner/transfer"
        return post(person, path, {"user_id": str(other.user.public_id)})

    def test_goes_to_an_admin_at_once(self, alice: Person, bob: Person) -> None:
        team = make_team(alice)
        join(team, bob, role="admin")

        row = self.transfer(alice, team, bob).json()

        assert row["billing_owner_user_id"] == str(bob.user.public_id)
        assert (row["role"], row["pending_billing_owner_user_id"]) == ("admin", None)

    def test_waits_for_a_plain_members_word(self, alice: Person, bob: Person) -> None:
        team = make_team(alice)
        join(team, bob)

        row = self.transfer(alice, team, bob).json()
        accepted = post(bob, f"/api/workspaces/{team.public_id}/billing-owner/accept", {}).json()

        assert row["billing_owner_user_id"] == str(alice.user.public_id)
        assert row["pending_billing_owner_user_id"] == str(bob.user.public_id)
        assert (accepted["billing_owner_user_id"], accepted["role"]) == (
            str(bob.user.public_id),
            "owner",
        )

    def test_is_the_owners_to_give(self, alice: Person, bob: Person, charlie: Person) -> None:
        team = make_team(alice)
        join(team, bob, role="admin")

        assert self.transfer(bob, team, bob).status_code == 403
        assert self.transfer(alice, team, charlie).status_code == 404
        assert self.transfer(alice, alice.workspace, alice).status_code == 409
        path = f"/api/workspaces/{team.public_id}/billing-owner/accept"
        assert post(bob, path, {}).status_code == 409


class TestClose:
    def test_ends_its_keys_and_keeps_its_records(self, alice: Person) -> None:
        team = make_team(alice)
        header = {"X-Lium-Workspace-Id": str(team.public_id)}
        secret = alice.session.post(
            "/api/keys", {"name": "ci"}, content_type="application/json", headers=header
        ).json()["key"]

        answer = alice.session.delete(f"/api/workspaces/{team.public_id}")

        assert answer.status_code == 200
        refused = Client(headers={"X-API-KEY": secret}).get("/api/users/me")
        assert "belongs to a workspace that is gone" in refused.json()["detail"]
        assert team.audit_events.filter(action="workspace.delete").exists()
        assert alice.session.delete(f"/api/workspaces/{team.public_id}").status_code == 404

    def test_is_refused_while_something_is_left(
        self, alice: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("accounts.hooks.reasons_to_keep", lambda workspace: ["2 pods"])
        team = make_team(alice)

        answer = alice.session.delete(f"/api/workspaces/{team.public_id}")

        assert answer.status_code == 409
        assert "2 pods" in answer.json()["detail"]

    def test_is_the_owners(self, alice: Person, bob: Person) -> None:
        team = make_team(alice)
        join(team, bob, role="admin")

        assert bob.session.delete(f"/api/workspaces/{team.public_id}").status_code == 403
        path = f"/api/workspaces/{alice.workspace.public_id}"
        assert alice.session.delete(path).status_code == 409
