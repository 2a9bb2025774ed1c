"""Changing an account's address, and choosing a password where there was none."""

from datetime import timedelta

import pytest

from accounts.models import ApiSession, AuditEvent
from accounts.services import emails, passwords, sessions
from accounts.services.sessions import SignInAgain
from accounts.services.signup import EmailTaken, sign_up_by_fingerprint
from core import clock
from core.errors import Forbidden, Invalid
from tests.factories.accounts import NOON, PASSWORD, Person


def test_a_new_address_ends_the_sessions(alice: Person) -> None:
    before = emails.set_email(user=alice.user, email=" Alice@New.example ", now=clock.now())

    alice.user.refresh_from_db()
    assert (before, alice.user.email) == ("alice@example.com", "alice@new.example")
    assert not ApiSession.objects.filter(user=alice.user, revoked_at=None).exists()
    assert sessions.sign_in(email="alice@new.example", password=PASSWORD, now=clock.now())
    assert AuditEvent.objects.filter(action="email.change").count() == 1


def test_an_address_that_is_taken_or_none_changes_nothing(alice: Person, bob: Person) -> None:
    with pytest.raises(EmailTaken):
        emails.set_email(user=alice.user, email="Bob@example.com", now=NOON)
    with pytest.raises(Invalid):
        emails.set_email(user=alice.user, email="nobody", now=NOON)
    with pytest.raises(Invalid, match="254 is the most"):
        emails.set_email(user=alice.user, email="x" * 243 + "@example.com", now=NOON)

    assert emails.set_email(user=alice.user, email="ALICE@example.com", now=NOON)
    alice.user.refresh_from_db()
    assert alice.user.email == "alice@example.com"
    assert alice.session.get("/api/users/me").status_code == 200


def test_an_account_without_an_address_gets_one(db: None) -> None:
    user = sign_up_by_fingerprint(now=NOON).user

    assert emails.set_email(user=user, email="new@example.com", now=NOON) == ""
    passwords.choose(user=user, password=PASSWORD, now=NOON)

    assert sessions.sign_in(email="new@example.com", password=PASSWORD, now=NOON)


def test_a_weak_password_is_refused_and_so_is_a_suspended_account(alice: Person) -> None:
    with pytest.raises(Invalid):
        passwords.choose(user=alice.user, password="12345678", now=NOON)
    alice.user.is_active = False
    with pytest.raises(Forbidden):
        passwords.choose(user=alice.user, password=PASSWORD, now=NOON)


def test_a_session_is_recent_for_five_minutes(alice: Person) -> None:
    token = sessions.open_session(user=alice.user, now=NOON)

    sessions.require_recent(token=token, now=NOON + timedelta(minutes=4))
    with pytest.raises(SignInAgain):
        sessions.require_recent(token=token, now=NOON + timedelta(minutes=6))
    with pytest.raises(SignInAgain):
        sessions.require_recent(token="ss_nothing", now=NOON)
