"""High-entropy tokens: stored as SHA-256 only (a password hash would cost 0.2 s a request and add nothing)."""

from hashlib import sha256
from secrets import token_urlsafe


def new_token(prefix: str) -> str:
    """Make a token with 256 bits of entropy, e.g. ``sk_...``."""
    return f"{prefix}_{token_urlsafe(32)}"


def digest(token: str) -> str:
    """Give the hex SHA-256 under which a token is stored and looked up."""
    return sha256(token.encode()).hexdigest()
