"""The portal's doors: a hotkey's signature, e-mail, provider keys, sessions that end."""

import re
from datetime import timedelta
from smtplib import SMTPException

import pytest
from allauth.account.models import EmailAddress
from bittensor_core import Keypair
from django.core import mail
from django.test import Client

from accounts.models import ApiSession, Hotkey
from core import clock
from core.tokens import digest
from tests.factories.accounts import PASSWORD, Person, make_key
from tests.factories.marketplace import make_gpu_model
from tests.factories.portal import WALLET, bearer, post, provider_key, provider_of, signed_time

EMAIL = "/auth/set-email"


@pytest.fixture
def token(db: None) -> str:
    """The session of a newcomer with a wallet."""
    return str(post(Client(), "/auth/login-flexible", signed_time()).json()["token"])


class TestSigningIn:
    def test_a_hotkey_gets_a_session_and_the_shape_that_the_client_wants(self, db: None) -> None:
        answer = post(Client(), "/auth/login-flexible", signed_time())

        assert answer.status_code == 200
        miner = answer.json()["miner"]
        assert miner["miner_hotkey"] == WALLET.ss58_address
        assert (miner["miner_coldkey"], miner["machine_request_subscription"]) == ("", [])
        me = bearer(answer.json()["token"]).get("/portal/auth/me").json()
        assert me["provider_id"] == miner["id"]
        assert "discord_id" not in me

    def test_the_same_signature_counts_once(self, db: None) -> None:
        proof = signed_time()
        post(Client(), "/auth/login-flexible", proof)

        again = post(Client(), "/auth/login-flexible", proof)

        assert again.status_code == 401
        assert again.json()["detail"].startswith("This signature was used before.")

    @pytest.mark.parametrize("off", [-3600, 3600])
    def test_a_stale_time_is_refused(self, db: None, off: int) -> None:
        assert post(Client(), "/auth/login-flexible", signed_time(off=off)).status_code == 401

    def test_by_email_the_account_id_stands_for_the_hotkey(self, bob: Person) -> None:
        body = {"email": "bob@example.com", "password": PASSWORD}

        miner = post(Client(), "/auth/login-email", body).json()["miner"]

        assert miner["miner_hotkey"] == str(provider_of(bob).public_id)
        assert miner["email"] == "bob@example.com"

    def test_a_wrong_password_is_refused(self, bob: Person) -> None:
        body = {"email": "bob@example.com", "password": "wrong"}

        assert post(Client(), "/auth/login-email", body).status_code == 401

    def test_too_many_tries_are_told_when_to_come_back(self, db: None) -> None:
        for _ in range(60):
            post(Client(), "/auth/login-flexible", signed_time(off=9999))

        refused = post(Client(), "/auth/login-flexible", signed_time())

        assert refused.status_code == 429
        assert float(refused["Retry-After"]) > 0

    def test_a_body_that_does_not_fit_is_a_400_with_its_text(self, db: None) -> None:
        refused = post(Client(), "/auth/login-flexible", {"miner_hotkey": 5})

        assert refused.status_code == 400
        assert "signature" in refused.json()["detail"]
        assert post(Client(), "/auth/login-flexible", "[").status_code == 400


class TestTokens:
    def test_nobody_is_told_to_sign_in(self, db: None) -> None:
        refused = Client().get("/portal/auth/me")

        assert refused.status_code == 401
        assert "lium provider portal login" in refused.json()["detail"]

    def test_a_session_that_ran_out_is_told_apart(self, token: str) -> None:
        past = clock.now() - timedelta(days=1)
        ApiSession.objects.filter(digest=digest(token)).update(expires_at=past)

        assert bearer(token).get("/portal/auth/me").status_code == 419
        assert bearer("ss_unknown").get("/portal/auth/me").status_code == 401

    def test_a_session_can_be_ended(self, token: str) -> None:
        assert post(bearer(token), "/auth/logout", {}).status_code == 200
        assert bearer(token).get("/portal/auth/me").status_code == 401

    def test_a_provider_key_is_a_way_in_and_any_other_key_is_not(self, bob: Person) -> None:
        me = provider_key(bob).get("/portal/auth/me")

        assert me.json()["miner_hotkey"] == str(provider_of(bob).public_id)
        refused = bearer(bob.secret).get("/portal/auth/me")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "missing_scope")
        assert post(provider_key(bob), "/auth/logout", {}).status_code == 400

    def test_a_provider_key_rents_nothing(self, bob: Person) -> None:
        _, secret = make_key(bob.user, scopes=["provide"])

        assert Client(headers={"X-API-KEY": secret}).get("/api/pods").status_code == 403

    def test_a_suspended_person_is_refused(self, bob: Person) -> None:
        bob.user.is_active = False
        bob.user.save()

        assert bob.session.get("/portal/auth/me").status_code == 403


class TestAccount:
    def test_an_address_soon_after_the_sign_in_replaces_the_session(self, token: str) -> None:
        changed = post(bearer(token), EMAIL, {"email": "New@example.com"})

        assert changed.json()["email"] == "new@example.com"
        assert bearer(token).get("/portal/auth/me").status_code == 401
        assert bearer(changed.json()["token"]).get("/portal/auth/me").status_code == 200
        assert [sent.to for sent in mail.outbox] == [["new@example.com"]]

    def test_the_old_address_hears_of_the_new_one(self, bob: Person) -> None:
        post(bob.session, EMAIL, {"email": "new@example.com"})

        assert [sent.to for sent in mail.outbox] == [["bob@example.com"], ["new@example.com"]]

    def test_the_new_address_is_confirmed_by_the_link_in_its_mail(self, bob: Person) -> None:
        changed = post(bob.session, EMAIL, {"email": "new@example.com"})

        assert "Confirm the address" in changed.json()["hint"]
        found = re.search(r"https?://[^/]+(/accounts/confirm-email/\S+)", mail.outbox[-1].body)
        assert found
        bob.browser.post(found[1])
        assert EmailAddress.objects.get(user=bob.user).verified
        again = post(bearer(changed.json()["token"]), EMAIL, {"email": "new@example.com"})
        assert again.json()["hint"] == ""

    def test_a_lost_mail_loses_neither_the_change_nor_the_session(
        self, token: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def down(*_: object, **__: object) -> None:
            raise SMTPException("down")

        monkeypatch.setattr("django.core.mail.EmailMessage.send", down)
        changed = post(bearer(token), EMAIL, {"email": "new@example.com"})

        assert (changed.status_code, changed.json()["email"]) == (200, "new@example.com")

    def test_mails_to_one_address_are_limited(self, token: str) -> None:
        answers = []
        for _ in range(6):
            changed = post(bearer(token), EMAIL, {"email": "new@example.com"})
            token = changed.json().get("token", token)
            answers.append(changed.status_code)

        assert answers == [200] * 5 + [429]

    def test_a_session_of_long_ago_may_not_change_it(self, token: str, bob: Person) -> None:
        past = clock.now() - timedelta(minutes=6)
        ApiSession.objects.update(created_at=past)

        assert post(bearer(token), EMAIL, {"email": "new@example.com"}).status_code == 403
        assert post(provider_key(bob), EMAIL, {"email": "new@example.com"}).status_code == 403

    def test_an_address_of_somebody_else_is_refused(self, token: str, bob: Person) -> None:
        refused = post(bearer(token), EMAIL, {"email": "bob@example.com"})

        assert refused.status_code == 400
        assert bearer(token).get("/portal/auth/me").status_code == 200

    def test_a_fresh_signature_sets_the_password(self, token: str) -> None:
        post(bearer(token), EMAIL, {"email": "new@example.com"})

        proof = signed_time(off=1) | {"new_password": PASSWORD}
        assert post(Client(), "/auth/set-password", proof).status_code == 200

        body = {"email": "new@example.com", "password": PASSWORD}
        assert post(Client(), "/auth/login-email", body).status_code == 200
        assert post(Client(), "/auth/set-password", proof).status_code == 401

    def test_a_common_password_is_refused_in_words(self, token: str) -> None:
        proof = signed_time(off=1) | {"new_password": "password1"}

        refused = post(Client(), "/auth/set-password", proof)

        assert refused.status_code == 400
        assert "common" in refused.json()["detail"]

    def test_subscriptions_are_kept_by_full_name(self, token: str) -> None:
        make_gpu_model()
        body = {"machine_request_subscription": ["H100"]}

        assert post(bearer(token), "/auth/set-machine-request-subscription", body).json()[
            "machine_request_subscription"
        ] == ["NVIDIA H100 80GB HBM3"]
        body = {"machine_request_subscription": ["H999"]}
        refused = post(bearer(token), "/auth/set-machine-request-subscription", body)
        assert refused.status_code == 400

    def test_opting_out_and_in_tells_where_this_market_is(self, token: str) -> None:
        told = post(bearer(token), "/miners/opt-in", {"opt_in_status": False}).json()

        assert told["miner_hotkey"] == WALLET.ss58_address
        assert isinstance(told["central_miner_port"], int)
        assert bearer(token).get("/portal/auth/me").json()["opt_in_status"] is False

    def test_there_is_no_discord(self, token: str) -> None:
        refused = bearer(token).get("/portal/auth/me/discord/oauth-url")

        assert (refused.status_code, "Discord" in refused.json()["detail"]) == (400, True)

    def test_a_second_hotkey_means_the_same_provider(self, token: str) -> None:
        user = Hotkey.objects.get().user
        second = Keypair.create_from_uri("//Second")
        Hotkey.objects.create(user=user, address=second.ss58_address)

        login = post(Client(), "/auth/login-flexible", signed_time(by=second)).json()

        assert login["miner"]["miner_hotkey"] == WALLET.ss58_address
