"""Callers of the portal: with a wallet, with a session, with a provider key."""

from typing import Any

from bittensor_core import Keypair
from django.test import Client

from core import clock
from marketplace.models import Provider
from marketplace.services import providers
from tests.factories.accounts import Person, make_key

WALLET = Keypair.create_from_uri("//Hotkey")


def signed_time(*, by: Keypair = WALLET, off: int = 0) -> dict[str, str]:
    """Sign the time as the published client does."""
    message = str(int(clock.now().timestamp()) + off)
    signature = by.sign(message.encode()).hex()
    return {"miner_hotkey": by.ss58_address, "message": message, "signature": signature}


def post(client: Client, path: str, body: Any) -> Any:
    """Send JSON to the portal."""
    return client.post(f"/portal{path}", body, content_type="application/json")


def bearer(token: str) -> Client:
    """Give a caller that sends a token."""
    return Client(headers={"Authorization": f"Bearer {token}"})


def provider_key(person: Person) -> Client:
    """Give a caller with a provider key."""
    return bearer(make_key(person.user, scopes=["provide"])[1])


def provider_of(person: Person) -> Provider:
    """Give a person's provider."""
    return providers.provider_of(person.principal, now=clock.now())
