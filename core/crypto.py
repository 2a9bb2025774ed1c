"""Secrets at rest: a key ring outside the database, newest key first; each value is bound to its row."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

SEPARATOR = b"\x00"


class SecretUnreadable(Exception):
    """No key of the ring opens the value, or it belongs to another row."""


def encrypt(secret: str, *, binding: str, keys: Sequence[str]) -> str:
    """Encrypt a secret under the first key of the ring, bound to ``binding``."""
    plaintext = binding.encode() + SEPARATOR + secret.encode()
    return _ring(keys).encrypt(plaintext).decode("ascii")


def decrypt(token: str, *, binding: str, keys: Sequence[str]) -> str:
    """Decrypt what `encrypt` made.

    :raises SecretUnreadable: wrong key ring, or the value was copied from another row.
    """
    try:
        owner, _, secret = _ring(keys).decrypt(token.encode("ascii")).partition(SEPARATOR)
    except InvalidToken as error:
        raise SecretUnreadable("No key of MARKET_FIELD_KEYS opens this value.") from error
    if owner != binding.encode():
        raise SecretUnreadable("This value was encrypted for another row.")
    return secret.decode()


def _ring(keys: Sequence[str]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
