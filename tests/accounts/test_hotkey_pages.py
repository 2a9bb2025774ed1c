"""The pages that sign in with a wallet, link hotkeys and prove a coldkey."""

import re
from html import unescape

import pytest
from allauth.usersessions.models import UserSession
from bittensor_core import Keypair
from django.test import Client

from accounts.models import Hotkey
from tests.factories.accounts import Person

WALLET = Keypair.create_from_uri("//Hotkey")
SIGN_IN, LINK, COLDKEY = "/provide/sign-in", "/account/hotkeys", "/provide/coldkey"
PAYER = "/billing/coldkeys"
# What btcli 9.23 prints in a terminal of 80 columns, prompt of the shell included.
PRINTED = """Message signed successfully!

Signature:
{first}
{second}
Signer address: {signer}
admin@laptop:~$ """


def shown(client: Client, path: str) -> str:
    """Read the text that a page asks to be signed."""
    found = re.search(r'name="message" value="([^"]+)"', client.get(path).content.decode())
    assert found
    return unescape(found[1])


def sent(client: Client, path: str, message: str, **more: str):
    signature = WALLET.sign(message.encode()).hex()
    proof = {"address": WALLET.ss58_address, "message": message, "signature": signature}
    return client.post(path, proof | more)


@pytest.mark.parametrize("path", [SIGN_IN, LINK, COLDKEY, PAYER])
def test_all_that_btcli_printed_is_a_proof(path: str, alice: Person, anonymous: Client) -> None:
    client = anonymous if path == SIGN_IN else alice.browser
    message = shown(client, path)
    digits = WALLET.sign(message.encode()).hex()
    printed = PRINTED.format(first=digits[:80], second=digits[80:], signer=WALLET.ss58_address)

    proof = {"message": message, "signature": printed.replace("\n", "\r\n"), "address": ""}
    assert client.post(path, proof).status_code == 302


def test_a_line_of_digits_is_not_taken_for_the_signer(anonymous: Client) -> None:
    message = shown(anonymous, SIGN_IN)
    # One signature in some three hundred: the second line begins with 5 and, like an address, has no 0.
    signatures = (WALLET.sign(message.encode()).hex() for _ in range(20_000))
    digits = next(found for found in signatures if found[80] == "5" and "0" not in found[80:])
    printed = PRINTED.format(first=digits[:80], second=digits[80:], signer=WALLET.ss58_address)

    proof = {"message": message, "signature": printed, "address": ""}
    assert anonymous.post(SIGN_IN, proof).status_code == 302


@pytest.mark.parametrize("path", [SIGN_IN, LINK, COLDKEY, PAYER])
def test_a_browsers_wallet_signs_the_text_in_a_wrapping(
    path: str, alice: Person, anonymous: Client
) -> None:
    client = anonymous if path == SIGN_IN else alice.browser
    message = shown(client, path)
    # polkadot.js gives 0x and lower-case digits, over the bytes between these two words.
    signature = "0x" + WALLET.sign(f"<Bytes>{message}</Bytes>".encode()).hex()

    proof = {"message": message, "signature": signature, "address": WALLET.ss58_address}
    assert client.post(path, proof).status_code == 302


def test_a_signature_alone_needs_its_signer(anonymous: Client) -> None:
    message = shown(anonymous, SIGN_IN)

    refused = anonymous.post(SIGN_IN, {"message": message, "signature": "ab" * 64})

    assert refused.status_code == 422
    assert "Whose signature is it?" in refused.content.decode()


def test_a_wallet_signs_in_and_is_sent_on(anonymous: Client) -> None:
    answer = sent(anonymous, SIGN_IN, shown(anonymous, SIGN_IN), next="/provide/coldkey")

    assert (answer.status_code, answer["Location"]) == (302, "/provide/coldkey")
    assert anonymous.get("/account").status_code == 200


def test_nobody_is_sent_to_another_site(anonymous: Client) -> None:
    message = shown(anonymous, SIGN_IN)

    answer = sent(anonymous, SIGN_IN, message, next="https://evil.example/")
    assert answer["Location"] == "/provide/machines"


def test_the_usual_sign_in_leads_here_and_keeps_the_way(anonymous: Client) -> None:
    page = anonymous.get("/accounts/login/", {"next": "/provide/earnings"}).content.decode()

    assert f'href="{SIGN_IN}?next=/provide/earnings"' in page
    shown_there = anonymous.get(SIGN_IN, {"next": "/provide/earnings"}).content.decode()
    assert 'name="next" value="/provide/earnings"' in shown_there


def test_the_page_shows_the_command_and_works_without_javascript(anonymous: Client) -> None:
    page = anonymous.get(SIGN_IN).content.decode()

    assert "btcli wallet sign" in page
    assert re.search(r"<div [^>]*data-wallet hidden>", page)


@pytest.mark.parametrize("path", [SIGN_IN, LINK, COLDKEY])
def test_a_refusal_keeps_the_address_and_shows_a_new_text(path: str, alice: Person) -> None:
    client = alice.browser
    before = shown(client, path)

    refused = client.post(
        path, {"address": WALLET.ss58_address, "message": before, "signature": "00" * 64}
    )

    page = refused.content.decode()
    assert refused.status_code == 401
    assert "This is not the signature of" in page
    assert WALLET.ss58_address in page
    assert before not in unescape(page)
    assert client.post(path, {"address": ""}).status_code == 422


def test_a_suspended_person_is_not_signed_in(anonymous: Client, alice: Person) -> None:
    Hotkey.objects.create(user=alice.user, address=WALLET.ss58_address)
    alice.user.is_active = False
    alice.user.save()

    assert sent(anonymous, SIGN_IN, shown(anonymous, SIGN_IN)).status_code == 403
    assert anonymous.get("/account").status_code == 302


def test_a_hotkey_is_linked_and_unlinked(alice: Person) -> None:
    client = alice.browser

    assert sent(client, LINK, shown(client, LINK))["Location"] == LINK
    assert WALLET.ss58_address in client.get(LINK).content.decode()

    client.post(f"{LINK}/{WALLET.ss58_address}/unlink")
    assert not Hotkey.objects.exists()


def test_a_browser_that_a_wallet_opened_is_listed_and_can_be_signed_out(alice: Person) -> None:
    Hotkey.objects.create(user=alice.user, address=WALLET.ss58_address)
    thief, home = Client(HTTP_USER_AGENT="Thief/1.0"), alice.browser
    sent(thief, SIGN_IN, shown(thief, SIGN_IN))

    assert "Thief" in home.get("/account").content.decode()
    home.post(f"/account/browsers/{UserSession.objects.get().pk}/end")
    assert thief.get("/account").status_code == 302


def test_unlinking_ends_every_session_but_the_one_that_asks(alice: Person) -> None:
    Hotkey.objects.create(user=alice.user, address=WALLET.ss58_address)
    thief, home = Client(), Client()
    for browser in (thief, home):
        sent(browser, SIGN_IN, shown(browser, SIGN_IN))

    home.post(f"{LINK}/{WALLET.ss58_address}/unlink")

    assert [browser.get("/account").status_code for browser in (thief, home)] == [302, 200]
    assert alice.session.get("/api/users/me").status_code == 401


def test_the_only_way_in_is_not_unlinked(anonymous: Client) -> None:
    sent(anonymous, SIGN_IN, shown(anonymous, SIGN_IN))

    refused = anonymous.post(f"{LINK}/{WALLET.ss58_address}/unlink")

    assert refused.status_code == 409
    assert "only way into the account" in refused.content.decode()


def test_a_coldkey_is_proven(alice: Person) -> None:
    client = alice.browser

    assert sent(client, COLDKEY, shown(client, COLDKEY))["Location"] == COLDKEY
    page = client.get(COLDKEY).content.decode()
    assert f">{WALLET.ss58_address}<" in page
