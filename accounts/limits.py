"""How often one may try: by address of the network, and by account."""

from hashlib import sha256
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from core import ratelimit, request_context

LOGIN_PER_ADDRESS: Final = "60/minute"
LOGIN_PER_ACCOUNT: Final = "10/15 minute"
SIGNUP_PER_ADDRESS: Final = "60/hour"
KEYS_PER_ACCOUNT: Final = "60/hour"
INVITATIONS_PER_ACCOUNT: Final = "20/hour"
MAILS_PER_ADDRESS: Final = "60/hour"
MAILS_PER_RECIPIENT: Final = "5/hour"


def login(account: str) -> None:
    """Count a try to sign in to ``account`` (an e-mail address or a fingerprint).

    :raises RateLimited: too many from this address, or to this account.
    """
    ratelimit.check("login-address", network(), LOGIN_PER_ADDRESS)
    ratelimit.check("login-account", _hidden(account), LOGIN_PER_ACCOUNT)


def signature() -> None:
    """Count a signed message that is to prove a key.

    :raises RateLimited: too many from this address.
    """
    ratelimit.check("login-address", network(), LOGIN_PER_ADDRESS)


def login_succeeded(account: str) -> None:
    """Forgive the account's earlier tries; the address's stay, or one good account would buy guesses at others."""
    ratelimit.forgive("login-account", _hidden(account), LOGIN_PER_ACCOUNT)


def signup() -> None:
    """Count a new account.

    :raises RateLimited: too many from this address.
    """
    ratelimit.check("signup", network(), SIGNUP_PER_ADDRESS)


def key_creation(account: object) -> None:
    """Count a new API or SSH key.

    :raises RateLimited: too many of this account.
    """
    ratelimit.check("keys", str(account), KEYS_PER_ACCOUNT)


def invitation(account: object) -> None:
    """Count an invitation, which is a mail to a stranger.

    :raises RateLimited: too many of this account.
    """
    ratelimit.check("invitations", str(account), INVITATIONS_PER_ACCOUNT)


def mail(recipient: str) -> None:
    """Count a mail to an address that somebody typed, with or without an account.

    :raises RateLimited: too many from this address of the network, or to this recipient.
    """
    ratelimit.check("mail-address", network(), MAILS_PER_ADDRESS)
    ratelimit.check("mail-recipient", _hidden(recipient), MAILS_PER_RECIPIENT)


def network() -> str:
    """Name the network that asks: an IPv4 address, or the /64 of an IPv6 one, all of which one subscriber holds."""
    told = request_context.current().ip or "unknown"
    try:
        address = ip_address(told)
    except ValueError:
        return told
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Network((address.packed, 64), strict=False))
    return told


def _hidden(account: str) -> str:
    return sha256(account.strip().lower().encode()).hexdigest()
