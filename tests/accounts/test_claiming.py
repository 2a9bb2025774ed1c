"""Whose an address is: a link in its mail, and the accounts that strangers made or adorned with it."""

import re
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from bittensor_core import Keypair
from django.core import mail
from django.test import Client

from accounts.models import ApiKey, AuditEvent, Hotkey, SshKey, User
from accounts.services import emails, signup
from billing.models import LinkedColdkey
from core import clock
from marketplace.models import Provider, Webhook
from tests.factories.accounts import ED25519, NOON, PASSWORD, Person

EMAIL, RESET = "/accounts/email/", "/accounts/password/reset/"
DORA, SECRET = "dora@example.com", "another good secret"
WALLET = Keypair.create_from_uri("//Hotkey")


def mailed_link() -> str:
    """Give the path of the link in the last mail."""
    found = re.search(r"https?://\S+/accounts/\S+", mail.outbox[-1].body)
    assert found
    return urlsplit(found[0]).path


def sign_up(email: str = DORA) -> Client:
    """Make an account through the API, and give its key."""
    body = {"email": email, "password": PASSWORD}
    made = Client().post("/api/users", body, content_type="application/json")
    return Client(headers={"X-API-KEY": made.json()["api_key"]})


def signed_in(email: str = DORA) -> Client:
    browser = Client()
    browser.force_login(User.objects.get(email=email), "django.contrib.auth.backends.ModelBackend")
    return browser


def reset(email: str = DORA) -> None:
    """Choose a new password over the link in the mail of an address."""
    browser = Client()
    browser.post(RESET, {"email": email})
    page = browser.get(mailed_link(), follow=True)
    new = {"password1": SECRET, "password2": SECRET}
    assert browser.post(page.redirect_chain[-1][0], new).status_code == 302


def confirm(browser: Client, sender: Client, email: str = DORA) -> None:
    """Have the link of an address sent by one browser, and opened in another."""
    sender.post(EMAIL, {"action_send": "", "email": email})
    browser.post(mailed_link())


def verified(email: str = DORA) -> bool:
    return EmailAddress.objects.filter(email=email, verified=True).exists()


def log_in(**credentials: str) -> int:
    path = "/api/auth/login" if "fingerprint" in credentials else "/api/users/login"
    return Client().post(path, credentials, content_type="application/json").status_code


@pytest.mark.django_db
class TestReset:
    def test_of_an_unproven_address_ends_what_a_stranger_left(self) -> None:
        api = sign_up()
        user = User.objects.get(email=DORA)
        workspace = user.owned_workspaces.get()
        api.post("/api/ssh-keys", {"public_key": ED25519}, content_type="application/json")
        Hotkey.objects.create(user=user, address=WALLET.ss58_address)
        LinkedColdkey.objects.create(
            workspace=workspace, address="5Cold", linked_by=user, linked_at=NOON
        )
        Provider.objects.create(
            workspace=workspace, name="p", coldkey="5Cold", hotkey=WALLET.ss58_address
        )
        Webhook.objects.create(workspace=workspace, url="https://x.example", created_at=NOON)

        reset()

        assert api.get("/api/users/me").status_code == 401
        for model in (SshKey, Hotkey, LinkedColdkey, Webhook):
            assert not model.objects.exists(), model
        provider = Provider.objects.get()
        assert (provider.coldkey, provider.hotkey) == ("", None)
        assert verified()
        assert AuditEvent.objects.get(action="account.claim").summary["result"]["API key"] == 1
        told = mail.outbox[-1]
        assert told.to == [DORA]
        assert "1 API key, 1 SSH key, 1 hotkey, 2 coldkeys, 1 webhook" in told.body
        assert log_in(email=DORA, password=SECRET) == 200

    def test_takes_the_strangers_hotkey_where_no_coldkey_was_proven(self) -> None:
        sign_up()
        workspace = User.objects.get(email=DORA).owned_workspaces.get()
        Provider.objects.create(workspace=workspace, name="p", hotkey=WALLET.ss58_address)

        reset()

        assert Provider.objects.get().hotkey is None
        assert "coldkey" not in mail.outbox[-1].body

    def test_ends_the_fingerprint_of_an_account_that_took_the_address(self) -> None:
        made = signup.sign_up_by_fingerprint(now=clock.now())
        emails.set_email(user=made.user, email=DORA, now=clock.now())

        reset()

        assert log_in(fingerprint=made.fingerprint) == 401
        assert log_in(email=DORA, password=SECRET) == 200

    def test_of_a_confirmed_address_leaves_keys_alone(self) -> None:
        api, browser = sign_up(), signed_in()
        confirm(browser, browser)

        reset()

        assert api.get("/api/users/me").status_code == 200
        assert len(mail.outbox) == 2

    def test_goes_to_nobody_who_has_merely_typed_the_address(self, alice: Person) -> None:
        EmailAddress.objects.create(user=alice.user, email=DORA)

        Client().post(RESET, {"email": DORA})

        assert "/password/reset/key/" not in mail.outbox[-1].body


@pytest.mark.django_db
class TestConfirm:
    def test_counts_where_the_account_is_signed_in(self) -> None:
        api, browser = sign_up(), signed_in()

        confirm(browser, browser)

        assert verified()
        assert api.get("/api/users/me").status_code == 200
        assert f"that the account {DORA} at lium_site is" in mail.outbox[0].body

    def test_is_no_vouching_for_who_made_the_account(self, alice: Person) -> None:
        sign_up()
        stranger = signed_in()

        for reader in (Client(), alice.browser):
            confirm(reader, stranger)
            assert not verified()
        page = Client().get(mailed_link()).content.decode()
        assert "Sign in to the account" in page
        assert "/accounts/login/?next=/accounts/confirm-email/" in page

    def test_signs_in_by_the_address_that_somebody_reads(self) -> None:
        sign_up()
        browser = signed_in()
        browser.post(EMAIL, {"action_add": "", "email": "right@example.com"})

        browser.post(mailed_link())

        assert User.objects.get().email == "right@example.com"


@pytest.mark.django_db
class TestAnotherAccountsAddress:
    def test_is_refused_before_anything_is_written_or_mailed(
        self, alice: Person, bob: Person
    ) -> None:
        answer = alice.browser.post(EMAIL, {"action_add": "", "email": bob.user.email})

        assert "already" in answer.content.decode()
        assert not alice.user.emailaddress_set.filter(email=bob.user.email).exists()
        assert not mail.outbox

    def test_that_was_typed_only_is_free_on_the_page_too(self, alice: Person) -> None:
        EmailAddress.objects.create(user=alice.user, email=DORA)
        form = {"email": DORA, "password1": PASSWORD, "password2": PASSWORD}

        assert Client().post("/accounts/signup/", form).status_code == 302
        assert EmailAddress.objects.get(email=DORA).user.email == DORA

    def test_that_was_waiting_to_be_confirmed_is_its_owners(self, alice: Person) -> None:
        browser = alice.browser
        browser.post(EMAIL, {"action_add": "", "email": DORA})
        link = mailed_link()

        sign_up()

        browser.post(link)
        browser.post(EMAIL, {"action_primary": "", "email": DORA})
        assert EmailAddress.objects.get(email=DORA).user.email == DORA
        assert User.objects.get(pk=alice.user.pk).email == alice.user.email

    def test_that_is_confirmed_is_taken_for_signing_up(self, alice: Person) -> None:
        EmailAddress.objects.create(user=alice.user, email=DORA, verified=True)

        body = {"email": DORA, "password": PASSWORD}
        answer = Client().post("/api/users", body, content_type="application/json")

        assert answer.json()["error"]["code"] == "email_taken"
        with pytest.raises(signup.EmailTaken):
            emails.set_email(
                user=signup.sign_up_by_fingerprint(now=NOON).user, email=DORA, now=NOON
            )
        assert ApiKey.objects.filter(user=alice.user).count() == 1
