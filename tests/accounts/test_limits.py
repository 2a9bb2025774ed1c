"""The windows of the account pages: allauth's doors count like ours, and are told like ours."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core import mail
from django.core.cache import caches
from django.http import HttpResponse
from django.test import Client, override_settings

from accounts.models import User
from core import ratelimit
from tests.factories.accounts import PASSWORD, Person

LOGIN, SIGNUP, RESET = "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"
CHANGE, EMAIL = "/accounts/password/change/", "/accounts/email/"


def assert_told(answer: HttpResponse) -> None:
    """Assert that a refusal is our page, with its request id and the time to wait."""
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert answer["X-Request-Id"] in answer.content.decode()
    assert "Too many tries" in answer.content.decode()


def test_guesses_at_many_accounts_from_one_address_end(anonymous: Client) -> None:
    guesses = [
        anonymous.post(LOGIN, {"login": f"{number}@example.com", "password": "guess"})
        for number in range(61)
    ]

    assert [guess.status_code for guess in guesses[:60]] == [200] * 60
    assert_told(guesses[60])


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("198.51.100.7", "198.51.100.8", False),
    ],
)
def test_a_network_counts_as_one_however_many_addresses_it_has(
    monkeypatch: pytest.MonkeyPatch, anonymous: Client, first: str, second: str, same: bool
) -> None:
    monkeypatch.setattr("accounts.limits.LOGIN_PER_ADDRESS", "1/minute")
    guess = {"login": "nobody@example.com", "password": "guess"}

    assert anonymous.post(LOGIN, guess, REMOTE_ADDR=first).status_code == 200
    assert anonymous.post(LOGIN, guess, REMOTE_ADDR=second).status_code == (429 if same else 200)


def test_resets_of_one_account_end_before_a_mail_is_sent(alice: Person, anonymous: Client) -> None:
    answers = [anonymous.post(RESET, {"email": alice.user.email}) for _ in range(6)]

    assert [answer.status_code for answer in answers[:5]] == [302] * 5
    assert_told(answers[5])
    assert len(mail.outbox) == 5


def test_an_unknown_address_is_limited_the_same(anonymous: Client) -> None:
    answers = [anonymous.post(RESET, {"email": "nobody@example.com"}) for _ in range(6)]

    assert_told(answers[5])


def test_refused_sign_ups_count_because_they_tell_who_has_an_account(
    alice: Person, anonymous: Client
) -> None:
    form = {"email": alice.user.email, "password1": PASSWORD, "password2": PASSWORD}
    answers = [anonymous.post(SIGNUP, form) for _ in range(61)]

    assert_told(answers[60])


def test_guesses_at_the_present_password_count_as_signing_in(alice: Person) -> None:
    form = {"oldpassword": "guess", "password1": PASSWORD, "password2": PASSWORD}
    answers = [alice.browser.post(CHANGE, form) for _ in range(11)]

    assert_told(answers[10])


def test_a_confirmation_is_mailed_again_five_times_an_hour(alice: Person) -> None:
    form = {"action_send": "", "email": alice.user.email}
    answers = [alice.browser.post(EMAIL, form) for _ in range(6)]

    assert_told(answers[5])
    assert len(mail.outbox) == 5


def test_a_new_address_beyond_the_limit_is_not_kept(alice: Person) -> None:
    for _ in range(5):
        Client().post(RESET, {"email": "victim@example.com"})

    assert_told(alice.browser.post(EMAIL, {"action_add": "", "email": "victim@example.com"}))
    assert not alice.user.emailaddress_set.filter(email="victim@example.com").exists()


class TestWithoutRedis:
    @pytest.fixture(autouse=True)
    def redis_away(self) -> Iterator[None]:
        nowhere = "unix:///nowhere.sock"
        ratelimit._limiter.cache_clear()
        away = {"default": settings.CACHES["default"] | {"LOCATION": nowhere}}
        with override_settings(REDIS_URL=nowhere, CACHES=away):
            yield
        ratelimit._limiter.cache_clear()

    def test_people_sign_in_and_up_and_reset(self, alice: Person) -> None:
        signed_in = Client().post(LOGIN, {"login": alice.user.email, "password": PASSWORD})
        form = {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}
        signed_up = Client().post(SIGNUP, form)
        reset = Client().post(RESET, {"email": alice.user.email})

        assert [signed_in.status_code, signed_up.status_code, reset.status_code] == [302] * 3
        assert User.objects.filter(email="new@example.com").exists()

    def test_pages_are_shown(self, alice: Person) -> None:
        pages = ["/", LOGIN, "/keys", "/pods"]

        assert [alice.browser.get(page).status_code for page in pages] == [200, 302, 200, 200]

    def test_the_cache_reads_as_empty(self) -> None:
        cache = caches["default"]
        cache.set("key", 1)

        assert cache.get("key", "none") == "none"
        assert cache.get_or_set("key", lambda: 2) == 2
        assert cache.get_many(["key"]) == {}
        assert cache.delete("key") is False
