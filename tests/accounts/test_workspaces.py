"""Teams over HTTP."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import Invitation, Membership, Workspace
from billing import ledger
from billing.accounts import renter_account, trading_account
from billing.ledger import Leg
from billing.models import DepositStatus, LinkedColdkey
from billing.selectors import balance_usd, granted_usd
from billing.services import closing
from billing.services.grants import grant
from core.actors import PLATFORM
from core.money import USD
from rentals.models import Pod, PodStatus
from rentals.services import meter, metering
from tests.factories.accounts import NOON, Person
from tests.factories.billing import PUBLIC_KEY, make_deposit
from tests.factories.pods import make_pod

HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


def make_team(owner: Person) -> Workspace:
    team = Workspace.objects.create(name="Team", owner=owner.user)
    Membership.objects.create(workspace=team, user=owner.user, role="owner")
    return team


def join(team: Workspace, person: Person, role: str = "member") -> None:
    Membership.objects.create(workspace=team, user=person.user, role=role)


def deposited(workspace: Workspace, usd: str) -> None:
    """Put own money on a balance."""
    amount = Decimal(usd)
    legs = [Leg(trading_account(USD), -amount), Leg(renter_account(workspace), amount)]
    ledger.post(key=f"test:{workspace.pk}:{usd}", kind="deposit", legs=legs, occurred_at=NOON)


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
            ({"email": "x" * 243 + "@example.com"}, 422),
            ({"email": "alice@example.com"}, 409),
        ],
    )
    def test_refuses_what_will_not_do(
        self, alice: Person, body: dict[str, Any], status: int
    ) -> None:
        assert self.invite(alice, make_team(alice), **body).status_code == status
        assert not mail.outbox

    def test_is_used_up_with_all_others_of_that_address(self, alice: Person, bob: Person) -> None:
        team = make_team(alice)
        for _ in range(2):
            self.invite(alice, team)
        first, second = self.links()

        bob.browser.post(first)
        alice.session.delete(f"/api/workspaces/{team.public_id}/members/{bob.user.public_id}")

        assert bob.browser.post(second).status_code == 404
        assert not Membership.objects.filter(workspace=team, user=bob.user).exists()

    def test_of_and_by_a_leaver_end(self, alice: Person, bob: Person, charlie: Person) -> None:
        team = make_team(alice)
        join(team, bob, role="admin")
        Invitation.objects.create(
            workspace=team, email="bob@example.com", role="admin", expires_at=NOON + YEAR
        )
        self.invite(bob, team, email="charlie@example.com")

        alice.session.delete(f"/api/workspaces/{team.public_id}/members/{bob.user.public_id}")

        assert charlie.browser.post(self.links()[0]).status_code == 404
        assert alice.session.get(f"/api/workspaces/{team.public_id}/invitations").json() == []

    def test_is_listed_and_withdrawn_by_managers(
        self, alice: Person, bob: Person, charlie: Person
    ) -> None:
        team = make_team(alice)
        join(team, charlie)
        self.invite(alice, team)
        path = f"/api/workspaces/{team.public_id}/invitations"
        (row,) = alice.session.get(path).json()

        assert (row["email"], row["role"], row["invited_by"]) == (
            "bob@example.com",
            "member",
            "Alice",
        )
        assert charlie.session.get(path).status_code == 403
        assert charlie.session.delete(f"{path}/{row['id']}").status_code == 404
        assert alice.session.delete(f"{path}/{row['id']}").status_code == 200
        assert alice.session.delete(f"{path}/{row['id']}").status_code == 404
        assert bob.browser.post(self.links()[0]).status_code == 404
        assert team.audit_events.filter(action="workspace.invitation.withdraw").exists()

    def test_is_withdrawn_on_the_account_page(self, alice: Person, charlie: Person) -> None:
        team = make_team(alice)
        join(team, charlie)
        self.invite(alice, team)
        browser = alice.browser
        button = re.search(r'action="(\S+/withdraw)"', browser.get("/account").content.decode())

        assert "/withdraw" not in charlie.browser.get("/account").content.decode()
        assert charlie.browser.post(button[1]).status_code == 404
        assert browser.post(button[1]).status_code == 302
        assert "/withdraw" not in browser.get("/account").content.decode()

    def links(self) -> list[str]:
        """Give the links of the invitations that were mailed."""
        return [re.search(r"(/invitations/\S+)", sent.body)[1] for sent in mail.outbox]

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

    def close(self, person: Person, team: Workspace):
        return person.session.delete(f"/api/workspaces/{team.public_id}")

    @pytest.mark.parametrize("status", [PodStatus.PENDING, PodStatus.STOPPED])
    def test_is_refused_while_a_pod_is_left(self, alice: Person, status: PodStatus) -> None:
        team = make_team(alice)
        make_pod(workspace=team, status=status)

        answer = self.close(alice, team)

        assert answer.status_code == 409
        assert answer.json()["detail"].startswith("The workspace still has 1 pod.")
        team.refresh_from_db()
        assert team.closed_at is None

    def test_waits_for_a_pod_on_a_dead_machine_only_until_its_use_is_charged(
        self, alice: Person
    ) -> None:
        team = make_team(alice)
        pod = make_pod(workspace=team, status=PodStatus.RUNNING)
        deposited(team, "10")
        meter.open_interval(pod, at=NOON, evidence="proof")
        meter.close_interval(pod, at=NOON + HOUR, evidence="removed")
        Pod.objects.update(status=PodStatus.REMOVING)

        assert "still has 1 pod being removed." in self.close(alice, team).json()["detail"]
        metering.tick(now=NOON + HOUR)

        assert self.close(alice, team).status_code == 200
        assert balance_usd(alice.workspace) == 8

    def test_is_refused_while_a_payment_is_on_the_way(
        self, alice: Person, settings: Settings
    ) -> None:
        settings.DEPOSIT_PUBLIC_KEY = PUBLIC_KEY
        team = make_team(alice)
        make_deposit(team, status=DepositStatus.SEEN)

        assert "1 payment on the way" in self.close(alice, team).json()["detail"]

    def test_is_refused_while_it_owes(self, alice: Person) -> None:
        team = make_team(alice)
        deposited(team, "-0.004")

        assert "a debt of 0.01 USD" in self.close(alice, team).json()["detail"]

    def test_gives_what_is_left_to_its_owner(self, alice: Person) -> None:
        team, personal = make_team(alice), alice.workspace
        grant(workspace=team, usd=Decimal(5), key="k", reason="hi", actor=PLATFORM, now=NOON)
        deposited(team, "12.5")
        LinkedColdkey.objects.create(
            workspace=team, address="5Cold", linked_by=alice.user, linked_at=NOON
        )

        assert self.close(alice, team).status_code == 200

        assert (balance_usd(team), balance_usd(personal)) == (0, Decimal("17.5"))
        # A credit is a credit still: nobody's own money becomes of it on the way.
        accounts = renter_account(team).pk, renter_account(personal).pk
        assert granted_usd(accounts) == {accounts[0]: 0, accounts[1]: 5}
        assert not LinkedColdkey.objects.exists()
        assert team.audit_events.filter(action="coldkey.unlink").exists()

    def test_sums_no_ledger_while_metering_waits(self, alice: Person) -> None:
        """What was charged is read from the meters: a team has more postings than anybody may wait for."""
        team = make_team(alice)
        make_pod(workspace=team, status=PodStatus.REMOVED)
        deposited(team, "12.5")

        with CaptureQueriesContext(connection) as asked:
            assert self.close(alice, team).status_code == 200

        queries = [query["sql"] for query in asked]
        locked = next(
            place
            for place, sql in enumerate(queries)
            if 'FROM "billing_account"' in sql and "FOR NO KEY UPDATE" in sql
        )
        assert any("rentals_podmeter" in sql for sql in queries[locked:])
        assert not [sql for sql in queries[locked:] if re.search(r'[A-Z]+\("billing_posting', sql)]

    def test_sends_on_what_comes_later(self, alice: Person) -> None:
        team = make_team(alice)
        deposited(team, "1")
        self.close(alice, team)
        deposited(team, "2")
        deposited(team, "3")

        assert closing.hand_over_late(now=NOON) == 1
        assert closing.hand_over_late(now=NOON) == 0
        assert (balance_usd(team), balance_usd(alice.workspace)) == (0, 6)

    def test_is_the_owners(self, alice: Person, bob: Person) -> None:
        team = make_team(alice)
        join(team, bob, role="admin")

        assert bob.session.delete(f"/api/workspaces/{team.public_id}").status_code == 403
        path = f"/api/workspaces/{alice.workspace.public_id}"
        assert alice.session.delete(path).status_code == 409
