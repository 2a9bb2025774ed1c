"""From a node's row to the machine behind it."""

from django.conf import settings

from core import crypto
from marketplace.machine import MachineAddress, fingerprint
from marketplace.models import Node, Provider


def machine_address(node: Node) -> MachineAddress:
    """Give the way to a node's machine, with the provider's key opened.

    :raises core.crypto.SecretUnreadable: the key ring does not open the provider's key.
    """
    return MachineAddress(
        host=node.host,
        port=node.ssh_port,
        user=node.ssh_user,
        host_key_sha256=fingerprint(node.host_key),
        private_key=open_key(node.provider),
    )


def open_key(provider: Provider) -> str:
    """Decrypt the platform's private key for a provider's machines."""
    return crypto.decrypt(
        provider.ssh_private_key_encrypted,
        binding=str(provider.public_id),
        keys=settings.FIELD_KEYS,
    )


def seal_key(provider: Provider, private_key: str) -> None:
    """Encrypt a private key into the provider's row, bound to it; the caller saves."""
    provider.ssh_private_key_encrypted = crypto.encrypt(
        private_key, binding=str(provider.public_id), keys=settings.FIELD_KEYS
    )
