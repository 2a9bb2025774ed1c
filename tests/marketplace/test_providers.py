"""A workspace's provider: made once, with a key of its own, paid to a coldkey that was proven."""

from dataclasses import replace
from importlib import import_module

import pytest
from bittensor_core import Keypair
from django.apps import apps

from accounts.models import AuditEvent, Hotkey, Workspace
from accounts.services import challenges
from accounts.services.challenges import BadSignature
from core.errors import Conflict, Invalid, NotFound
from marketplace.machine.keys import load_private_key
from marketplace.models import Provider
from marketplace.services import providers
from marketplace.services.machines import open_key
from tests.factories.accounts import NOON, Person
from tests.factories.marketplace import make_node

COLDKEY = Keypair.create_from_uri("//Cold")


def test_a_provider_is_made_when_it_is_first_needed(bob: Person) -> None:
    assert providers.find_provider(bob.principal) is None

    provider = providers.provider_of(bob.principal, now=NOON)

    assert providers.provider_of(bob.principal, now=NOON) == provider
    assert providers.find_provider(bob.principal) == provider
    assert provider.workspace == bob.workspace
    assert AuditEvent.objects.filter(action="provider.create").count() == 1


def test_a_team_provides_nothing(bob: Person) -> None:
    team = Workspace.objects.create(name="Team", owner=bob.user)

    with pytest.raises(Conflict, match="personal workspace"):
        providers.provider_of(replace(bob.principal, workspace=team), now=NOON)
    assert not Provider.objects.exists()


def test_nobody_is_named_on_the_market_by_what_they_typed_elsewhere(bob: Person) -> None:
    provider = providers.provider_of(bob.principal, now=NOON)

    assert bob.user.email
    assert bob.user.email.split("@")[0] not in provider.name
    assert provider.name == f"provider-{provider.public_id.hex[:6]}"


def test_a_public_name_is_chosen_and_given_up(bob: Person) -> None:
    provider = providers.provider_of(bob.principal, now=NOON)

    def rename(name: str) -> str:
        providers.rename(principal=bob.principal, provider=provider, name=name, now=NOON)
        return Provider.objects.get(pk=provider.pk).name

    assert rename("  Bob\u2019s  GPUs ".replace("\u2019", "'")) == "Bob's GPUs"
    assert AuditEvent.objects.get(action="provider.rename").summary["result"] == {
        "name": "Bob's GPUs"
    }
    for wrong in ("bob@example.com", "x", "a\u202eb", "<b>", "a" * 41):
        with pytest.raises(Invalid):
            rename(wrong)
    assert rename("") == providers.neutral_name(provider.public_id)


def test_each_provider_has_a_key_pair_of_its_own(bob: Person, charlie: Person) -> None:
    one, other = (providers.provider_of(who.principal, now=NOON) for who in (bob, charlie))

    assert one.ssh_public_key != other.ssh_public_key
    key = load_private_key(open_key(one))
    assert one.ssh_public_key == f"ssh-ed25519 {key.get_base64()}"


def test_a_provider_is_known_by_the_first_hotkey_of_its_owner(bob: Person) -> None:
    assert providers.provider_of(bob.principal, now=NOON).hotkey is None
    for address in ("5First", "5Second"):
        Hotkey.objects.create(user=bob.user, address=address)

    assert providers.provider_of(bob.principal, now=NOON).hotkey == "5First"


def prove(bob: Person, message: str, *, by: Keypair = COLDKEY) -> None:
    providers.prove_coldkey(
        principal=bob.principal,
        address=COLDKEY.ss58_address,
        message=message,
        signature=by.sign(message.encode()).hex(),
        now=NOON,
    )


def test_a_coldkey_is_proven_by_its_signature(bob: Person) -> None:
    provider = providers.provider_of(bob.principal, now=NOON)
    message = challenges.challenge(now=NOON, purpose=providers.coldkey_purpose(provider))

    prove(bob, message)

    provider.refresh_from_db()
    assert (provider.coldkey, provider.coldkey_proven_at) == (COLDKEY.ss58_address, NOON)
    with pytest.raises(BadSignature, match="used before"):
        prove(bob, message)


def test_what_was_signed_for_another_provider_proves_nothing(bob: Person, charlie: Person) -> None:
    provider = providers.provider_of(bob.principal, now=NOON)
    message = challenges.challenge(now=NOON, purpose=providers.coldkey_purpose(provider))
    with pytest.raises(NotFound):
        prove(charlie, message)
    providers.provider_of(charlie.principal, now=NOON)

    with pytest.raises(BadSignature):
        prove(charlie, message)
    with pytest.raises(BadSignature):
        prove(bob, challenges.challenge(now=NOON))
    with pytest.raises(BadSignature):
        prove(bob, message, by=Keypair.create_from_uri("//Dave"))


def test_opting_out_waits_until_the_machines_are_gone(bob: Person) -> None:
    provider = providers.provider_of(bob.principal, now=NOON)
    node = make_node(provider=provider)
    with pytest.raises(Conflict, match="1 of your machines"):
        providers.set_opted_in(principal=bob.principal, provider=provider, opted_in=False, now=NOON)
    node.delisted_at = NOON
    node.save(update_fields=["delisted_at"])

    providers.set_opted_in(principal=bob.principal, provider=provider, opted_in=False, now=NOON)

    provider.refresh_from_db()
    assert not provider.opted_in


def test_names_that_were_parts_of_an_email_address_are_replaced(
    bob: Person, charlie: Person
) -> None:
    migration = import_module("marketplace.migrations.0006_neutral_provider_names")
    assert bob.user.email
    theirs, fine = (providers.provider_of(who.principal, now=NOON) for who in (bob, charlie))
    for provider, name in ((theirs, bob.user.email.split("@")[0].title()), (fine, "Northern GPUs")):
        Provider.objects.filter(pk=provider.pk).update(name=name)

    for _ in range(2):
        migration.rename(apps, None)

    theirs.refresh_from_db()
    fine.refresh_from_db()
    assert theirs.name == providers.neutral_name(theirs.public_id)
    assert fine.name == "Northern GPUs"
