"""The account pages, as a browser without JavaScript sees them."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import ApiKey, ApiSession, AuditEvent, SshKey
from tests.factories.accounts import ED25519, PASSWORD, Person

PAGES = ["/keys", "/account"]
POSTS = ["/keys/api", "/keys/ssh"]
NEW_KEY = {"name": "ci", "scopes": ["read", "rent"], "pod_visibility": "own"}


@pytest.mark.parametrize("path", [*PAGES, *POSTS])
def test_send_strangers_to_the_login(anonymous: Client, path: str) -> None:
    answer = anonymous.post(path) if path in POSTS else anonymous.get(path)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("path", POSTS)
def test_change_nothing_by_get(alice: Person, path: str) -> None:
    assert alice.browser.get(path).status_code == 405


@pytest.mark.parametrize("path", PAGES)
def test_open(alice: Person, path: str) -> None:
    assert alice.browser.get(path).status_code == 200


@pytest.mark.parametrize("name", ["account", "account_email", "account_change_password", "hotkeys"])
def test_each_page_of_the_account_leads_to_the_others(alice: Person, name: str) -> None:
    page = alice.browser.get(reverse(name)).content.decode()

    tabs = page.partition('<nav class="tabs" aria-label="Account">')[2].partition("</nav>")[0]
    assert tabs.count("<a href=") == 5
    assert f'<a href="{reverse(name)}" aria-current="page">' in tabs


def test_signing_in_leads_to_the_keys(alice: Person) -> None:
    form = {"login": "Alice@example.com", "password": PASSWORD, "next": "/keys"}

    answer = Client().post("/accounts/login/?next=/keys", form)

    assert (answer.status_code, answer["Location"]) == (302, "/keys")
    assert AuditEvent.objects.filter(action="login", source="portal").count() == 1


def test_a_wrong_password_and_an_unknown_address_read_the_same(alice: Person) -> None:
    pages = [
        Client().post("/accounts/login/", {"login": email, "password": "wrong"}).context["form"]
        for email in ("alice@example.com", "nobody@example.com")
    ]

    assert pages[0].errors == pages[1].errors


class TestApiKeys:
    def test_shows_the_secret_once(self, alice: Person) -> None:
        browser = alice.browser

        made = browser.post("/keys/api", NEW_KEY | {"daily_budget_usd": "5.00"})

        key = ApiKey.objects.get(name="ci")
        secret = made.context["new_api_key"]
        assert secret in made.content.decode()
        assert "no-store" in made["Cache-Control"]
        assert Client(headers={"X-API-KEY": secret}).get("/api/users/me").status_code == 200
        assert (key.scopes, key.pod_visibility) == (["read", "rent"], "own")
        assert secret not in browser.get("/keys").content.decode()

    @pytest.mark.parametrize(
        "changes",
        [
            {"name": ""},
            {"scopes": ["billing", "read"]},
            {"scopes": ["root"]},
            {"daily_budget_usd": "0.5"},
            {"daily_budget_usd": "5", "max_budget_usd": "4"},
        ],
    )
    def test_shows_the_form_again_with_what_is_wrong(
        self, alice: Person, changes: dict[str, object]
    ) -> None:
        answer = alice.browser.post("/keys/api", NEW_KEY | changes)

        assert answer.status_code == 422
        assert answer.context["api_key_form"].errors
        assert not ApiKey.objects.filter(name="ci").exists()

    def test_revokes(self, alice: Person) -> None:
        answer = alice.browser.post(f"/keys/api/{alice.key.public_id}/revoke")

        assert answer.status_code == 302
        assert alice.api.get("/api/users/me").status_code == 401

    def test_budgets_are_changed_and_shown_with_what_is_spent(self, alice: Person) -> None:
        path = f"/keys/api/{alice.key.public_id}/budgets"

        answer = alice.browser.post(path, {"daily_budget_usd": "5", "max_budget_usd": "50.50"})
        page = alice.browser.get("/keys").content.decode()

        alice.key.refresh_from_db()
        assert answer.status_code == 302
        assert (alice.key.daily_budget_usd, alice.key.monthly_budget_usd) == (5, None)
        assert "$0.00 spent, of $50.50" in page
        assert '<meter min="0" max="5.00" value="0"' in page

    @pytest.mark.parametrize(
        "budgets", [{"daily_budget_usd": "0.5"}, {"daily_budget_usd": "5", "max_budget_usd": "4"}]
    )
    def test_budgets_that_will_not_do_are_shown_again(
        self, alice: Person, budgets: dict[str, str]
    ) -> None:
        answer = alice.browser.post(f"/keys/api/{alice.key.public_id}/budgets", budgets)

        alice.key.refresh_from_db()
        assert answer.status_code == 422
        assert alice.key.daily_budget_usd is None

    def test_are_not_the_strangers_to_revoke(self, alice: Person, charlie: Person) -> None:
        answer = charlie.browser.post(f"/keys/api/{alice.key.public_id}/revoke")

        assert answer.status_code == 404
        assert alice.api.get("/api/users/me").status_code == 200


class TestSshKeys:
    def test_add_and_delete(self, alice: Person) -> None:
        browser = alice.browser

        browser.post("/keys/ssh", {"name": "laptop", "public_key": ED25519})

        key = SshKey.objects.get()
        assert key.fingerprint in browser.get("/keys").content.decode()
        browser.post(f"/keys/ssh/{key.public_id}/delete")
        assert not SshKey.objects.exists()

    def test_says_what_is_wrong_with_a_private_key(self, alice: Person) -> None:
        form = {"name": "", "public_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz"}

        answer = alice.browser.post("/keys/ssh", form)

        assert answer.status_code == 422
        assert "private key" in str(answer.context["ssh_key_form"].errors)

    def test_are_not_the_strangers_to_delete(self, alice: Person, charlie: Person) -> None:
        alice.browser.post("/keys/ssh", {"public_key": ED25519})

        answer = charlie.browser.post(f"/keys/ssh/{SshKey.objects.get().public_id}/delete")

        assert answer.status_code == 404
        assert SshKey.objects.exists()


class TestSettings:
    def test_renames(self, alice: Person) -> None:
        alice.browser.post("/account", {"name": "Alice A."})

        alice.user.refresh_from_db()
        assert alice.user.name == "Alice A."

    def test_lists_ones_own_live_sessions(self, alice: Person, charlie: Person) -> None:
        listed = alice.browser.get("/account").context["api_sessions"]

        assert list(listed) == [ApiSession.objects.get(user=alice.user)]

    def test_changes_the_password_and_ends_the_api_sessions(self, alice: Person) -> None:
        new = "another good secret"
        form = {"oldpassword": PASSWORD, "password1": new, "password2": new}

        alice.browser.post("/accounts/password/change/", form)

        alice.user.refresh_from_db()
        assert alice.user.check_password(new)
        assert alice.session.get("/api/users/me").status_code == 401
        assert AuditEvent.objects.filter(action="password.change").count() == 1
