"""Sign-up, by the API and by the page: both end in the same account."""

from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from accounts.models import ApiKey, AuditEvent, Membership, User, Workspace
from tests.factories.accounts import PASSWORD, Person

SIGN_UP = {"name": "Dora", "email": "dora@example.com", "password": PASSWORD}
LONGEST = "x" * 242 + "@example.com"


def sign_up(client: Client, **changes: object):
    return client.post("/api/users", SIGN_UP | changes, content_type="application/json")


class TestByEmail:
    def test_gives_a_key_that_works_before_the_address_is_verified(self, anonymous: Client) -> None:
        answer = sign_up(anonymous)

        assert answer.status_code == 201
        me = Client(headers={"X-API-KEY": answer.json()["api_key"]}).get("/api/users/me").json()
        assert me["email"] == "dora@example.com"
        assert me["workspace"]["is_personal"] is True
        assert me["workspace"]["role"] == "owner"

    def test_makes_user_workspace_membership_key_and_audit(self, anonymous: Client) -> None:
        sign_up(anonymous, email="Dora@Example.com")

        user = User.objects.get(email="dora@example.com")
        workspace = Workspace.objects.get(owner=user, is_personal=True)
        assert Membership.objects.get(user=user, workspace=workspace).role == "owner"
        assert ApiKey.objects.get(user=user).scopes == ["read", "rent", "manage"]
        assert EmailAddress.objects.get(user=user, primary=True).verified is False
        event = AuditEvent.objects.get(workspace=workspace, action="account.create")
        assert (event.source, event.method, event.route) == ("api", "POST", "/api/users")
        assert event.request_id

    def test_stores_neither_password_nor_key(self, anonymous: Client) -> None:
        secret = sign_up(anonymous).json()["api_key"]

        key = ApiKey.objects.get()
        assert secret not in str(vars(key))
        assert PASSWORD not in User.objects.get().password

    def test_refuses_a_taken_address_whatever_its_case(self, alice: Person) -> None:
        answer = sign_up(Client(), email="ALICE@example.com")

        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "email_taken"
        assert User.objects.count() == 1

    @pytest.mark.parametrize(
        "changes",
        [
            {"email": "no address"},
            {"email": ""},
            {"email": "a\x00b@example.com"},
            {"email": LONGEST + "x"},
            {"email": "\ud800@example.com"},
            {"email": 7},
            {"password": "short"},
            {"password": "password"},
            {"password": "dora@example.com"},
            {"password": "x" * 2000},
            {"name": ["Dora"]},
        ],
    )
    def test_refuses_what_will_not_do_and_leaves_nothing(
        self, anonymous: Client, changes: dict[str, object]
    ) -> None:
        answer = sign_up(anonymous, **changes)

        assert answer.status_code == 422
        assert answer.json()["detail"]
        assert not User.objects.exists()

    def test_takes_an_address_of_the_greatest_length(self, anonymous: Client) -> None:
        assert sign_up(anonymous, email=LONGEST).status_code == 201

    @pytest.mark.parametrize("body", ["{", "[]", '"text"', "null", "", "\xff"])
    def test_refuses_a_body_that_is_no_object(self, anonymous: Client, body: str) -> None:
        answer = anonymous.post("/api/users", body, content_type="application/json")

        assert answer.status_code in {400, 422}
        assert answer.json()["detail"]

    def test_limits_accounts_of_one_address(
        self, anonymous: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("accounts.limits.SIGNUP_PER_ADDRESS", "1/hour")
        sign_up(anonymous)

        answer = sign_up(anonymous, email="eve@example.com")

        assert answer.status_code == 429
        assert 0 < int(answer["Retry-After"]) <= 3600
        assert User.objects.count() == 1

    def test_only_by_post(self, anonymous: Client) -> None:
        assert anonymous.get("/api/users").status_code == 405


class TestByFingerprint:
    def test_gives_the_only_login_once(self, anonymous: Client) -> None:
        made = anonymous.post("/api/auth/signup", {}, content_type="application/json").json()

        assert len(made["fingerprint"]) == 32
        assert made["fingerprint"] not in str(vars(User.objects.get()))
        login = {"fingerprint": made["fingerprint"]}
        token = anonymous.post("/api/auth/login", login, content_type="application/json").json()
        session = Client(headers={"Authorization": f"Bearer {token['token']}"})
        assert session.get("/api/users/me").json()["email"] is None

    def test_needs_no_body(self, anonymous: Client) -> None:
        assert anonymous.post("/api/auth/signup").status_code == 201


class TestByPage:
    def test_makes_the_same_account(self, anonymous: Client) -> None:
        # A new address each run: allauth remembers in Redis which ones it has just written to.
        email = f"dora-{uuid4()}@example.com"
        form = {"email": email.title(), "password1": PASSWORD, "password2": PASSWORD}

        answer = anonymous.post("/accounts/signup/", form)

        assert answer.status_code == 302, answer.content
        user = User.objects.get(email=email)
        workspace = Workspace.objects.get(owner=user, is_personal=True)
        actions = AuditEvent.objects.filter(workspace=workspace).values_list("action", flat=True)
        assert set(actions) == {"account.create", "login"}
        assert len(mail.outbox) == 1

    def test_refuses_an_address_that_the_tables_do_not_hold(self, anonymous: Client) -> None:
        form = {"email": LONGEST + "x", "password1": PASSWORD, "password2": PASSWORD}

        answer = anonymous.post("/accounts/signup/", form)

        assert "254 is the most" in answer.content.decode()
        assert not User.objects.exists()

    def test_limits_accounts_of_one_address(
        self, anonymous: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("accounts.limits.SIGNUP_PER_ADDRESS", "1/hour")
        sign_up(anonymous)
        form = {"email": "eve@example.com", "password1": PASSWORD, "password2": PASSWORD}

        answer = anonymous.post("/accounts/signup/", form)

        assert answer.status_code == 429
        assert answer["Retry-After"]
