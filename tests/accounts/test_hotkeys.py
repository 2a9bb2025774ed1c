"""Hotkeys: a signature opens an account once, while it is fresh, and for what it was made."""

import threading
from datetime import timedelta

import pytest
from bittensor_core import Keypair
from django.db import connection

from accounts.models import AuditEvent, Hotkey, UsedSignature
from accounts.services import challenges, hotkeys
from accounts.services.challenges import BadSignature
from accounts.services.hotkeys import HotkeyTaken
from core import clock
from core.errors import Conflict, Invalid, NotFound, RateLimited
from tests.factories.accounts import NOON, Person

WALLET = Keypair.create_from_uri("//Bob")
OTHER = Keypair.create_from_uri("//Dave")


def signed(message: str, *, by: Keypair = WALLET, wrapped: bool = False) -> dict[str, str]:
    text = f"<Bytes>{message}</Bytes>" if wrapped else message
    return {
        "address": by.ss58_address,
        "message": message,
        "signature": by.sign(text.encode()).hex(),
    }


@pytest.fixture(autouse=True)
def database(db: None) -> None:
    """Each of these writes rows."""


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_signed_challenge_opens_an_account_with_a_workspace(wrapped: bool) -> None:
    message = hotkeys.challenge(now=NOON)

    user = hotkeys.sign_in(**signed(message, wrapped=wrapped), now=NOON)

    assert Hotkey.objects.get(user=user).address == WALLET.ss58_address
    assert (user.email, user.has_usable_password()) == (None, False)
    opened = AuditEvent.objects.get(action="account.create")
    assert opened.summary == {"result": {"login": "hotkey"}}


def test_the_same_hotkey_finds_the_same_account() -> None:
    first = hotkeys.sign_in(**signed(hotkeys.challenge(now=NOON)), now=NOON)
    second = hotkeys.sign_in(**signed(str(int(NOON.timestamp()))), now=NOON)

    assert first == second


@pytest.mark.parametrize("off", [-120, 0, 120])
def test_the_clients_bare_time_counts_within_two_minutes(off: int) -> None:
    message = str(int(NOON.timestamp()) + off)

    assert hotkeys.sign_in(**signed(message), now=NOON)


@pytest.mark.parametrize("message", ["0", "99999999999", "", "-5", "١٢", "noon", "1e9"])
def test_any_other_message_is_refused(message: str) -> None:
    with pytest.raises(BadSignature):
        hotkeys.sign_in(**signed(message), now=NOON)


@pytest.mark.parametrize("off", [-121, 121])
def test_a_time_out_of_the_window_is_refused(off: int) -> None:
    with pytest.raises(BadSignature, match="120 seconds"):
        hotkeys.sign_in(**signed(str(int(NOON.timestamp()) + off)), now=NOON)


@pytest.mark.parametrize(
    "message",
    [hotkeys.challenge(now=NOON), str(int(NOON.timestamp()))],
    ids=["challenge", "timestamp"],
)
def test_each_signed_message_counts_once(message: str) -> None:
    hotkeys.sign_in(**signed(message), now=NOON)

    with pytest.raises(BadSignature, match="used before"):
        hotkeys.sign_in(**signed(message, wrapped=True), now=NOON)


def test_a_challenge_expires() -> None:
    message = hotkeys.challenge(now=NOON - challenges.CHALLENGE_LIFE - timedelta(seconds=1))

    with pytest.raises(BadSignature, match="expired"):
        hotkeys.sign_in(**signed(message), now=NOON)


def test_a_challenge_that_was_changed_is_refused() -> None:
    message = hotkeys.challenge(now=NOON).replace("2026", "2036")

    with pytest.raises(BadSignature, match="none that this page showed"):
        hotkeys.sign_in(**signed(message), now=NOON)


def test_a_challenge_for_one_thing_does_not_do_for_another(alice: Person, bob: Person) -> None:
    to_alice = challenges.challenge(now=NOON, purpose=hotkeys.link_purpose(alice.user))

    with pytest.raises(BadSignature):
        hotkeys.sign_in(**signed(to_alice), now=NOON)
    with pytest.raises(BadSignature):
        hotkeys.link(user=bob.user, **signed(to_alice), now=NOON)
    with pytest.raises(BadSignature):
        hotkeys.link(user=alice.user, **signed(hotkeys.challenge(now=NOON)), now=NOON)


@pytest.mark.parametrize(
    "change",
    [
        {"address": OTHER.ss58_address},
        {"signature": "0x" + "00" * 64},
        {"signature": "zz"},
        {"signature": ""},
        {"signature": "00" * 63},
    ],
)
def test_a_signature_of_somebody_else_or_none_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        hotkeys.sign_in(**signed(hotkeys.challenge(now=NOON)) | change, now=NOON)
    assert not Hotkey.objects.exists()


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid):
        hotkeys.sign_in(**signed(hotkeys.challenge(now=NOON)) | {"address": "5Nobody"}, now=NOON)


def test_a_signature_may_carry_0x() -> None:
    proof = signed(hotkeys.challenge(now=NOON))

    assert hotkeys.sign_in(**proof | {"signature": "0x" + proof["signature"]}, now=NOON)


def test_tries_are_limited_by_network_address() -> None:
    for _ in range(60):
        with pytest.raises(BadSignature):
            hotkeys.sign_in(**signed("0"), now=NOON)

    with pytest.raises(RateLimited) as refused:
        hotkeys.sign_in(**signed("0"), now=NOON)
    assert refused.value.headers["Retry-After"]


def test_a_linked_hotkey_signs_the_account_in(alice: Person) -> None:
    message = challenges.challenge(now=NOON, purpose=hotkeys.link_purpose(alice.user))
    hotkeys.link(user=alice.user, **signed(message), now=NOON)

    assert hotkeys.sign_in(**signed(hotkeys.challenge(now=NOON)), now=NOON) == alice.user
    assert AuditEvent.objects.filter(action="hotkey.link", workspace=alice.workspace).count() == 1


def test_a_hotkey_signs_one_account_in(alice: Person, bob: Person) -> None:
    for person, refused in ((alice, False), (bob, True)):
        message = challenges.challenge(now=NOON, purpose=hotkeys.link_purpose(person.user))
        if not refused:
            hotkeys.link(user=person.user, **signed(message), now=NOON)
            continue
        with pytest.raises(HotkeyTaken):
            hotkeys.link(user=person.user, **signed(message), now=NOON)


def test_an_unlinked_hotkey_opens_an_account_of_its_own(alice: Person, bob: Person) -> None:
    message = challenges.challenge(now=NOON, purpose=hotkeys.link_purpose(alice.user))
    hotkeys.link(user=alice.user, **signed(message), now=NOON)
    with pytest.raises(NotFound):
        hotkeys.unlink(user=bob.user, address=WALLET.ss58_address, now=NOON)

    hotkeys.unlink(user=alice.user, address=WALLET.ss58_address, now=NOON)

    assert hotkeys.sign_in(**signed(hotkeys.challenge(now=NOON)), now=NOON) != alice.user


def test_the_last_way_into_an_account_stays() -> None:
    user = hotkeys.sign_in(**signed(hotkeys.challenge(now=NOON)), now=NOON)

    with pytest.raises(Conflict, match="only way"):
        hotkeys.unlink(user=user, address=WALLET.ss58_address, now=NOON)


def test_used_signatures_are_forgotten_once_they_are_stale() -> None:
    hotkeys.sign_in(**signed(hotkeys.challenge(now=NOON)), now=NOON)

    assert challenges.forget_stale(now=NOON + timedelta(hours=1)) == 0
    assert challenges.forget_stale(now=NOON + timedelta(days=1)) == 1
    assert not UsedSignature.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_first_sign_ins_at_once_make_one_account() -> None:
    now, found = clock.now(), []
    proofs = [signed(hotkeys.challenge(now=now)) for _ in range(4)]

    def enter(proof: dict[str, str]) -> None:
        try:
            found.append(hotkeys.sign_in(**proof, now=now))
        finally:
            connection.close()

    threads = [threading.Thread(target=enter, args=[proof]) for proof in proofs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert len({user.pk for user in found}) == 1
