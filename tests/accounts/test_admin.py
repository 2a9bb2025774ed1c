"""The operator's pages: every one opens, shows no secret, and acts through services with a reason."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import ApiKey, ApiSession, AuditEvent, Invitation, Workspace
from core import clock
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

    def test_withdraw_an_invitation(self, operator: Person, alice: Person) -> None:
        team = Workspace.objects.create(name="Team", owner=alice.user)
        row = Invitation.objects.create(
            workspace=team,
            email="b@example.com",
            role="member",
            digest="d",
            expires_at=clock.now() + timedelta(days=7),
        )

        act(operator, row, "withdraw", "sent to the wrong person")

        assert not Invitation.objects.open(now=clock.now()).exists()
        event = AuditEvent.objects.get(action="workspace.invitation.withdraw")
        assert event.reason == "sent to the wrong person"

    def test_suspend_and_reinstate(self, operator: Person, alice: Person) -> None:
        browser = alice.browser

        act(operator, alice.user, "suspend", "fraud")

        assert alice.api.get("/api/users/me").status_code == 403
        assert alice.session.get("/api/users/me").status_code == 401
        assert browser.get("/keys").status_code == 302
        act(operator, alice.user, "reinstate", "a mistake")
        assert alice.api.get("/api/users/me").status_code == 200

    def test_only_a_superuser_reinstates_who_has_powers(
        self, operator: Person, alice: Person, bob: Person
    ) -> None:
        bob.user.is_staff = alice.user.is_staff = True
        bob.user.save()
        alice.user.save()
        bob.user.user_permissions.set(Permission.objects.filter(codename__endswith="_user"))
        act(bob, alice.user, "suspend", "stolen laptop")

        page = act(bob, alice.user, "reinstate", "a mistake")

        assert "Only a superuser" in page.content.decode()
        assert alice.api.get("/api/users/me").status_code == 403
        act(operator, alice.user, "reinstate", "a mistake")
        assert alice.api.get("/api/users/me").status_code == 200


class TestPowers:
    def change(self, operator: Person, person: Person, **form: object) -> HttpResponse:
        url = reverse("admin:accounts_user_change", args=[person.user.pk])
        answer = operator.browser.post(url, form)
        person.user.refresh_from_db()
        return answer

    def test_are_given_and_taken_with_a_reason_and_a_trail(
        self, operator: Person, alice: Person
    ) -> None:
        finance = Group.objects.create(name="finance")
        given = {"is_staff": "on", "groups": [finance.pk], "email": "evil@example.com"}

        self.change(operator, alice, **given, reason="joined finance")
        self.change(operator, alice, reason="left")

        assert (alice.user.is_staff, alice.user.email) == (False, "alice@example.com")
        trail = AuditEvent.objects.filter(action__startswith="account.powers")
        give, take = trail.filter(resource_id=alice.user.public_id).order_by("pk")
        assert (give.action, give.reason) == ("account.powers.give", "joined finance")
        nothing = {"staff": False, "superuser": False, "groups": []}
        powers = {"staff": True, "superuser": False, "groups": ["finance"]}
        assert give.summary["result"] == {"before": nothing, "after": powers}
        assert (take.action, take.actor_name) == ("account.powers.take", "Operator")
        assert take.summary["result"] == {"before": powers, "after": nothing}

    def test_are_not_given_without_a_reason(self, operator: Person, alice: Person) -> None:
        page = self.change(operator, alice, is_superuser="on", reason=" ")

        assert "This field is required" in page.content.decode()
        assert not alice.user.is_superuser

    def test_are_the_superusers_to_give(self, bob: Person, alice: Person) -> None:
        bob.user.is_staff = True
        bob.user.save()
        bob.user.user_permissions.set(Permission.objects.all())

        assert self.change(bob, alice, is_staff="on", reason="why not").status_code == 403
        form = {"name": "all", "permissions": [1], "reason": "why not"}
        assert bob.browser.post(reverse("admin:auth_group_add"), form).status_code == 403
        assert not alice.user.is_staff

    def test_of_a_group_are_kept_for_each_member(self, operator: Person, alice: Person) -> None:
        url = reverse("admin:auth_group_add")
        allowed = Permission.objects.get(codename="change_payoutbatch")
        operator.browser.post(url, {"name": "finance", "reason": "a new group"})
        group = Group.objects.get()
        alice.user.groups.add(group)

        url = reverse("admin:auth_group_change", args=[group.pk])
        form = {"name": "finance", "permissions": [allowed.pk], "reason": "pays out"}
        assert operator.browser.post(url, form).status_code == 302

        event = AuditEvent.objects.get(action="admin.group", reason="pays out")
        assert event.summary["result"]["after"] == ["change_payoutbatch"]
        given = AuditEvent.objects.get(action="account.powers.give")
        assert given.resource_id == str(alice.user.public_id)
        delete = reverse("admin:auth_group_delete", args=[group.pk])
        assert operator.browser.post(delete, {"post": "yes"}).status_code == 403


def test_the_admin_login_is_the_login_of_all(anonymous: Client) -> None:
    answer = anonymous.get("/admin/login/")

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")
