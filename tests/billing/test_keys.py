"""Addresses: what the web process derives is what the sweeping worker can sign for."""

import pytest
from bittensor_core import Keypair
from hypothesis import given
from hypothesis import strategies as st

from billing.chain import keys
from core.errors import Invalid

PARENT = Keypair.create_from_uri("//Seed")


@given(index=st.integers(min_value=0, max_value=2**63 - 1))
def test_public_derivation_equals_the_secret_one(index: int) -> None:
    derived = keys.address_of(keys.derive_public_key(PARENT.public_key, index))

    assert derived == keys.child_keypair("//Seed", index).ss58_address


def test_a_mnemonic_is_a_seed_too() -> None:
    mnemonic = Keypair.generate_mnemonic()
    parent = Keypair.create_from_uri(mnemonic)

    derived = keys.derive_public_key(parent.public_key, 7)

    assert derived == keys.child_keypair(mnemonic, 7).public_key


@pytest.mark.parametrize("text", [PARENT.ss58_address, "0x" + PARENT.public_key.hex()])
def test_reads_both_forms_of_a_public_key(text: str) -> None:
    assert keys.parse_public_key(text) == PARENT.public_key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5Junk",
        "0x12",
        "0xzz",
        Keypair(public_key=PARENT.public_key, ss58_format=0).ss58_address,
    ],
)
def test_refuses_what_is_no_key(text: str) -> None:
    with pytest.raises(Invalid):
        keys.parse_public_key(text)


def test_a_short_signature_is_not_one() -> None:
    assert not keys.verifies(PARENT.public_key, b"message", b"short")
