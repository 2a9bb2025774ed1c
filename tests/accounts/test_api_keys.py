"""API keys over HTTP: made once, capped, revoked, and dead in every way a key can be."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiKey, AuditEvent, Membership, Workspace
from accounts.services import refusals
from accounts.services.refusals import Refusal
from core import clock
from tests.factories.accounts import NOON, Person, make_key


def make(person: Person, **body: Any):
    return person.session.post("/api/keys", {"name": "ci"} | body, content_type="application/json")


def patch(person: Person, key: ApiKey, body: Any):
    url = f"/api/keys/{key.public_id}"
    return person.session.patch(url, body, content_type="application/json")


class TestCreate:
    def test_gives_the_secret_once_and_echoes_what_was_asked(self, alice: Person) -> None:
        asked = {
            "scopes": ["read", "rent"],
            "pod_visibility": "own",
            "daily_budget_usd": 5.1,
            "monthly_budget_usd": 20,
            "max_budget_usd": 20.0,
        }

        answer = make(alice, **asked)

        assert answer.status_code == 201
        made = answer.json()
        assert {name: made[name] for name in asked} == asked
        assert Client(headers={"X-API-KEY": made["key"]}).get("/api/users/me").status_code == 200
        listed = alice.session.get("/api/keys").json()
        assert made["key"] not in str(listed)
        assert listed[0]["id"] == made["id"]

    def test_gives_read_rent_and_manage_where_nothing_is_said(self, alice: Person) -> None:
        made = make(alice).json()

        assert made["scopes"] == ["read", "rent", "manage"]
        assert made["daily_budget_usd"] is None

    def test_echoes_a_billing_key_as_billing_alone(self, alice: Person) -> None:
        assert make(alice, scopes=["billing"]).json()["scopes"] == ["billing"]

    def test_a_team_has_no_provider_key(self, alice: Person) -> None:
        made = alice.session.post(
            "/api/workspaces", {"name": "Team"}, content_type="application/json"
        ).json()
        chosen = {"X-Lium-Workspace-Id": made["id"]}

        answer = alice.session.post(
            "/api/keys",
            {"name": "fleet", "scopes": ["provide"]},
            content_type="application/json",
            headers=chosen,
        )

        assert answer.status_code == 422
        assert "personal workspace" in answer.json()["error"]["message"]

    def test_a_provider_key_looks_as_the_client_expects(self, alice: Person) -> None:
        made = make(alice, scopes=["provide"]).json()

        assert made["scopes"] == ["provide"]
        assert made["key"].startswith("lpk_")

    @pytest.mark.parametrize(
        "body",
        [
            {"name": ""},
            {"name": "x" * 101},
            {"name": "a\x00b"},
            {"name": "two\nlines"},
            {"name": None},
            {"scopes": []},
            {"scopes": ["root"]},
            {"scopes": ["billing", "read"]},
            {"scopes": ["provide", "read"]},
            {"scopes": "read"},
            {"pod_visibility": "all"},
            {"daily_budget_usd": 0.5},
            {"daily_budget_usd": 1.005},
            {"daily_budget_usd": "NaN"},
            {"daily_budget_usd": "Infinity"},
            {"daily_budget_usd": 1e30},
            {"daily_budget_usd": -1e30},
            {"daily_budget_usd": -5},
            {"daily_budget_usd": 10, "monthly_budget_usd": 5},
            {"daily_budget_usd": 10, "max_budget_usd": 5},
        ],
    )
    def test_refuses_what_will_not_do_and_makes_nothing(
        self, alice: Person, body: dict[str, Any]
    ) -> None:
        answer = make(alice, **body)

        assert answer.status_code == 422, answer.json()
        assert answer.json()["detail"]
        assert ApiKey.objects.filter(user=alice.user).count() == 1

    def test_is_limited(self, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("accounts.limits.KEYS_PER_ACCOUNT", "1/hour")
        make(alice)

        answer = make(alice)

        assert answer.status_code == 429
        assert answer["Retry-After"]

    def test_is_not_for_keys(self, alice: Person) -> None:
        answer = alice.api.post("/api/keys", {"name": "ci"}, content_type="application/json")

        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "session_required"

    def test_is_audited_without_the_secret(self, alice: Person) -> None:
        secret = make(alice).json()["key"]

        event = AuditEvent.objects.get(action="key.create", summary__result__name="ci")
        assert secret not in str(vars(event))
        assert event.actor_id == str(alice.user.public_id)


class TestBudgets:
    def test_change_one_and_leave_the_others(self, alice: Person) -> None:
        patch(alice, alice.key, {"daily_budget_usd": 5, "max_budget_usd": 50})

        row = patch(alice, alice.key, {"daily_budget_usd": None, "monthly_budget_usd": 9.99}).json()

        budgets = [row[f"{name}_budget_usd"] for name in ("daily", "monthly", "max")]
        assert budgets == [None, 9.99, 50.0]

    def test_refuse_a_wider_window_that_holds_less_than_what_stands(self, alice: Person) -> None:
        patch(alice, alice.key, {"daily_budget_usd": 5})

        answer = patch(alice, alice.key, {"monthly_budget_usd": 4})

        assert answer.status_code == 422
        alice.key.refresh_from_db()
        assert alice.key.monthly_budget_usd is None

    def test_are_not_the_strangers_to_change(self, alice: Person, charlie: Person) -> None:
        assert patch(charlie, alice.key, {"daily_budget_usd": 5}).status_code == 404

    @pytest.mark.parametrize("body", ["{}", "[]", "7", "null", '{"daily_budget_usd": "much"}'])
    def test_refuse_wrong_types(self, alice: Person, body: Any) -> None:
        assert patch(alice, alice.key, body).status_code == 422


class TestRevoke:
    def test_ends_the_key_at_once_and_for_good(self, alice: Person) -> None:
        url = f"/api/keys/{alice.key.public_id}"

        first, second = alice.session.delete(url), alice.session.delete(url)

        assert (first.status_code, second.status_code) == (200, 404)
        refusal = alice.api.get("/api/users/me")
        assert refusal.status_code == 401
        assert refusal.json()["error"]["code"] == "invalid_api_key"
        assert "revoked" in refusal.json()["detail"]
        assert alice.session.get("/api/keys").json() == []

    def test_is_not_the_strangers(self, alice: Person, charlie: Person) -> None:
        answer = charlie.session.delete(f"/api/keys/{alice.key.public_id}")

        assert answer.status_code == 404
        assert alice.api.get("/api/users/me").status_code == 200

    def test_is_the_workspace_owners_too(self, alice: Person, bob: Person) -> None:
        Membership.objects.create(workspace=alice.workspace, user=bob.user, role="member")
        bobs = make_key(bob.user)[0]
        ApiKey.objects.filter(pk=bobs.pk).update(workspace=alice.workspace)

        assert alice.session.delete(f"/api/keys/{bobs.public_id}").status_code == 200


class TestDeadKeys:
    def test_unknown(self, anonymous: Client) -> None:
        answer = anonymous.get("/api/users/me", headers={"X-API-KEY": "sk_nothing"})

        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"

    @pytest.mark.parametrize("sent", [{}, {"X-API-KEY": ""}])
    def test_none(self, anonymous: Client, sent: dict[str, str]) -> None:
        assert anonymous.get("/api/users/me", headers=sent).status_code == 401

    def test_expired(self, alice: Person) -> None:
        ApiKey.objects.update(expires_at=clock.now() - timedelta(seconds=1))

        answer = alice.api.get("/api/users/me")

        assert answer.status_code == 401
        assert "expired" in answer.json()["detail"]

    def test_of_a_workspace_that_is_gone(self, alice: Person) -> None:
        Workspace.objects.update(is_personal=False, closed_at=NOON)

        answer = alice.api.get("/api/users/me")

        assert answer.status_code == 403
        assert "belongs to a workspace that is gone" in answer.json()["detail"]

    def test_of_somebody_who_left_the_workspace(self, alice: Person) -> None:
        Membership.objects.all().delete()

        answer = alice.api.get("/api/users/me")

        assert answer.status_code == 403
        assert "no longer a member of its workspace" in answer.json()["detail"]

    def test_of_a_suspended_account(self, alice: Person) -> None:
        alice.user.is_active = False
        alice.user.save()

        assert alice.api.get("/api/users/me").status_code == 403


class TestUse:
    def test_costs_one_query_and_is_noted_once_a_minute(self, alice: Person) -> None:
        alice.api.get("/api/ssh-keys")
        noted = ApiKey.objects.get(pk=alice.key.pk).last_used_at

        with CaptureQueriesContext(
            connection,
        ) as queries:
            alice.api.get("/api/ssh-keys")

        assert len(queries) == 2, [query["sql"] for query in queries]
        assert noted is not None
        assert ApiKey.objects.get(pk=alice.key.pk).last_used_at == noted

    def test_needs_the_scope(self, alice: Person) -> None:
        _, secret = make_key(alice.user, scopes=["billing"])
        client = Client(headers={"X-API-KEY": secret})

        answer = client.get("/api/ssh-keys")

        assert client.get("/api/users/me").status_code == 200
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "missing_scope"
        assert "does not have the 'read' scope" in answer.json()["detail"]


class TestRefusals:
    def refuse(self, key: ApiKey) -> None:
        refusals.record(
            key=key,
            refusal=Refusal(window="daily", amount_usd=3, budget_usd=5, spent_usd=4),
            now=NOON,
        )

    def test_tell_the_owner_and_the_key_itself(self, alice: Person) -> None:
        self.refuse(alice.key)
        url = f"/api/keys/{alice.key.public_id}/refusals"

        for client in (alice.session, alice.api):
            row = client.get(url).json()["refusals"][0]
            assert (row["window"], row["amount_usd"], row["budget_usd"]) == ("daily", 3.0, 5.0)

    def test_tell_no_other_key(self, alice: Person, charlie: Person) -> None:
        other = make_key(alice.user)[0]

        assert alice.api.get(f"/api/keys/{other.public_id}/refusals").status_code == 404
        assert charlie.api.get(f"/api/keys/{alice.key.public_id}/refusals").status_code == 404


class TestScopes:
    def test_are_told_to_everyone(self, anonymous: Client) -> None:
        told = anonymous.get("/api/keys/scopes").json()

        assert [row["scope"] for row in told["scopes"]] == [
            "read",
            "rent",
            "manage",
            "billing",
            "alpha",
            "provide",
        ]
        assert [row["value"] for row in told["pod_visibility"]] == ["own", "account"]


class TestDetail:
    def test_gives_one(self, alice: Person) -> None:
        row = alice.session.get(f"/api/keys/{alice.key.public_id}").json()

        assert (row["name"], row["workspace_id"]) == ("laptop", str(alice.workspace.public_id))

    @pytest.mark.parametrize("key_id", ["0", "x", "00000000-0000-4000-8000-000000000000"])
    def test_refuses_unknown_ids_as_json(self, alice: Person, key_id: str) -> None:
        answer = alice.session.get(f"/api/keys/{key_id}")

        assert answer.status_code == 404
        assert answer.json()["detail"]
