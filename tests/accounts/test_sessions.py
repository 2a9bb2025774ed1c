"""Signing in: the same refusal for every wrong pair, limits, and the end of sessions."""

import re
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client

from accounts.models import ApiSession, AuditEvent
from accounts.services import sessions
from accounts.tasks import forget_ended_sessions
from core import clock
from tests.factories.accounts import PASSWORD, Person


def log_in(email: str, password: str = PASSWORD):
    return Client().post(
        "/api/users/login",
        {"email": email, "password": password},
        content_type="application/json",
    )


def bearer(token: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {token}"})


class TestLogin:
    def test_opens_a_session_whose_token_is_not_stored(self, alice: Person) -> None:
        token = log_in("Alice@Example.com").json()["token"]

        assert bearer(token).get("/api/users/me").json()["id"] == str(alice.user.public_id)
        assert token not in str(list(ApiSession.objects.values()))
        assert AuditEvent.objects.filter(workspace=alice.workspace, action="login").count() == 1

    def test_says_the_same_for_a_wrong_password_and_an_unknown_address(self, alice: Person) -> None:
        wrong = log_in("alice@example.com", "not this one")
        unknown = log_in("nobody@example.com")

        assert wrong.status_code == unknown.status_code == 401
        assert wrong.json()["detail"] == unknown.json()["detail"]

    def test_hashes_a_password_for_an_unknown_address_too(
        self, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hashed: list[str] = []
        monkeypatch.setattr("accounts.services.sessions.make_password", hashed.append)

        log_in("nobody@example.com")

        assert hashed == [PASSWORD]

    def test_tells_a_suspended_account_only_with_its_password(self, alice: Person) -> None:
        alice.user.is_active = False
        alice.user.save()

        assert log_in("alice@example.com", "wrong").status_code == 401
        assert "suspended" in log_in("alice@example.com").json()["detail"]

    def test_limits_guesses_at_one_account_and_says_when(self, alice: Person) -> None:
        for _ in range(10):
            log_in("alice@example.com", "guess")

        answer = log_in("ALICE@example.com")

        assert answer.status_code == 429
        assert int(answer["Retry-After"]) > 0

    def test_counts_pages_and_api_together(self, alice: Person) -> None:
        for _ in range(10):
            log_in("alice@example.com", "guess")

        form = {"login": "alice@example.com", "password": PASSWORD}
        answer = Client().post("/accounts/login/", form)

        assert answer.status_code == 429

    def test_forgives_an_account_that_proves_itself(self, alice: Person) -> None:
        for _ in range(3):
            for _ in range(9):
                log_in("alice@example.com", "guess")
            assert log_in("alice@example.com").status_code == 200

    @pytest.mark.parametrize(
        "body", [{}, {"email": 1, "password": 2}, {"email": "a\x00", "password": "b"}]
    )
    def test_refuses_wrong_types(self, db: None, body: dict[str, object]) -> None:
        answer = Client().post("/api/users/login", body, content_type="application/json")

        assert answer.status_code == 422


class TestBearer:
    def test_dies_with_its_time(self, alice: Person) -> None:
        ApiSession.objects.update(expires_at="2020-01-01T00:00Z")

        answer = alice.session.get("/api/keys")

        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "session_required"

    def test_acts_in_the_workspace_that_the_header_names(self, alice: Person) -> None:
        team = alice.session.post(
            "/api/workspaces", {"name": "Team"}, content_type="application/json"
        ).json()

        me = alice.session.get("/api/users/me", headers={"X-Lium-Workspace-Id": team["id"]}).json()

        assert me["workspace"]["id"] == team["id"]

    def test_refuses_a_workspace_of_others(self, alice: Person, charlie: Person) -> None:
        header = {"X-Lium-Workspace-Id": str(charlie.workspace.public_id)}

        assert alice.session.get("/api/users/me", headers=header).status_code == 404

    def test_refuses_a_workspace_that_is_no_id(self, alice: Person) -> None:
        answer = alice.session.get("/api/users/me", headers={"X-Lium-Workspace-Id": "x"})

        assert answer.status_code == 422


class TestEnd:
    def test_ends_on_the_settings_page(self, alice: Person) -> None:
        session = ApiSession.objects.get(user=alice.user)

        alice.browser.post(f"/account/sessions/{session.public_id}/end")

        assert alice.session.get("/api/users/me").status_code == 401

    def test_is_not_the_strangers_to_end(self, alice: Person, charlie: Person) -> None:
        session = ApiSession.objects.get(user=alice.user)

        answer = charlie.browser.post(f"/account/sessions/{session.public_id}/end")

        assert answer.status_code == 404
        assert alice.session.get("/api/users/me").status_code == 200


class TestPasswordReset:
    def test_works_for_an_account_made_by_the_api_and_ends_its_sessions(self, db: None) -> None:
        body = {"email": "dora@example.com", "password": PASSWORD}
        Client().post("/api/users", body, content_type="application/json")
        token = log_in("dora@example.com").json()["token"]
        browser = Client()

        browser.post("/accounts/password/reset/", {"email": "dora@example.com"})
        link = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", mail.outbox[-1].body)
        page = browser.get(link[1], follow=True)
        new = {"password1": "another good secret", "password2": "another good secret"}
        browser.post(page.redirect_chain[-1][0], new)

        assert log_in("dora@example.com").status_code == 401
        assert log_in("dora@example.com", "another good secret").status_code == 200
        assert bearer(token).get("/api/users/me").status_code == 401

    def test_says_the_same_for_an_unknown_address(self, alice: Person) -> None:
        known = Client().post("/accounts/password/reset/", {"email": "alice@example.com"})
        unknown = Client().post("/accounts/password/reset/", {"email": "nobody@example.com"})

        assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


class TestForgetting:
    def test_ended_sessions_go_and_others_stay(self, alice: Person) -> None:
        for _ in range(2):
            Client().post("/accounts/login/", {"login": alice.user.email, "password": PASSWORD})
        over, alive = Session.objects.order_by("session_key")
        Session.objects.filter(pk=over.pk).update(expire_date=clock.now())
        kept = ApiSession.objects.get()
        old = sessions.open_session(user=alice.user, now=clock.now() - timedelta(days=45))

        forget_ended_sessions()

        assert Session.objects.get() == alive
        assert UserSession.objects.get().session_key == alive.session_key
        assert ApiSession.objects.get() == kept
        assert bearer(old).get("/api/users/me").status_code == 401

    def test_what_has_just_ended_can_still_be_looked_up(self, alice: Person) -> None:
        ApiSession.objects.update(revoked_at=clock.now() - timedelta(days=29))

        assert sessions.forget_ended(now=clock.now()) == 0
