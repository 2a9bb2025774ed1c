"""The operator's pages: every one opens, shows no secret, and acts through services with a reason."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import ApiKey, ApiSession, AuditEvent
from tests.factories.accounts import ED25519, Person, make_person

MODELS = [model for model in admin.site._registry if model._meta.app_label == "accounts"]


@pytest.fixture
def operator(db: None) -> Person:
    return make_person("operator", is_staff=True, is_superuser=True)


def act(operator: Person, row: object, action: str, reason: str):
    url = reverse(f"admin:accounts_{row._meta.model_name}_changelist")
    form = {"action": action, "_selected_action": [row.pk], "reason": reason, "index": 0}
    return operator.browser.post(url, form, follow=True)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
class TestPages:
    def test_list_and_detail_open_and_show_no_secret(
        self, operator: Person, alice: Person, model: type
    ) -> None:
        alice.api.post("/api/ssh-keys", {"public_key": ED25519}, content_type="application/json")
        name = f"admin:accounts_{model.__name__.lower()}"
        row = model._default_manager.first()
        pages = [reverse(f"{name}_changelist")]
        pages += [reverse(f"{name}_change", args=[row.pk])] if row else []

        answers = [operator.browser.get(page) for page in pages]

        assert {answer.status_code for answer in answers} == {200}
        secrets = [alice.key.digest, alice.user.password]
        secrets += ApiSession.objects.values_list("digest", flat=True)
        shown = "".join(answer.content.decode() for answer in answers)
        assert not [secret for secret in secrets if secret in shown]

    def test_add_and_delete_are_closed(self, operator: Person, alice: Person, model: type) -> None:
        name = f"admin:accounts_{model.__name__.lower()}"

        assert operator.browser.post(reverse(f"{name}_add")).status_code == 403
        row = model._default_manager.first()
        if row:
            url = reverse(f"{name}_delete", args=[row.pk])
            assert operator.browser.post(url, {"post": "yes"}).status_code == 403

    def test_are_closed_to_renters(self, alice: Person, model: type) -> None:
        url = reverse(f"admin:accounts_{model.__name__.lower()}_changelist")

        assert alice.browser.get(url).status_code in {302, 403}


class TestActions:
    def test_revoke_a_key_with_a_reason(self, operator: Person, alice: Person) -> None:
        act(operator, alice.key, "revoke", "leaked in a public log")

        assert alice.api.get("/api/users/me").status_code == 401
        event = AuditEvent.objects.get(action="key.delete")
        assert (event.actor_kind, event.reason) == ("admin", "leaked in a public log")
        assert event.source == "admin"

    def test_do_nothing_without_a_reason(self, operator: Person, alice: Person) -> None:
        page = act(operator, alice.key, "revoke", " ")

        assert "Say why" in page.content.decode()
        assert ApiKey.objects.get(pk=alice.key.pk).revoked_at is None

    def test_say_what_was_refused(self, operator: Person, alice: Person) -> None:
        act(operator, alice.key, "revoke", "leaked")

        assert "was revoked" in act(operator, alice.key, "revoke", "again").content.decode()

    def test_end_a_session(self, operator: Person, alice: Person) -> None:
        act(operator, ApiSession.objects.get(user=alice.user), "end", "stolen laptop")

        assert alice.session.get("/api/users/me").status_code == 401

    def test_suspend_and_reinstate(self, operator: Person, alice: Person) -> None:
        browser = alice.browser

        act(operator, alice.user, "suspend", "fraud")

        assert alice.api.get("/api/users/me").status_code == 403
        assert alice.session.get("/api/users/me").status_code == 401
        assert browser.get("/keys").status_code == 302
        act(operator, alice.user, "reinstate", "a mistake")
        assert alice.api.get("/api/users/me").status_code == 200


class TestPowers:
    def test_are_the_superusers_to_give(self, operator: Person, alice: Person) -> None:
        url = reverse("admin:accounts_user_change", args=[alice.user.pk])

        operator.browser.post(url, {"is_staff": "on", "email": "evil@example.com"})

        alice.user.refresh_from_db()
        assert (alice.user.is_staff, alice.user.email) == (True, "alice@example.com")


def test_the_admin_login_is_the_login_of_all(anonymous: Client) -> None:
    answer = anonymous.get("/admin/login/")

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")
