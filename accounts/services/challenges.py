"""Signed messages that prove who holds a key: what is to be signed, and taking it once while it is fresh.

A challenge carries our own seal, so that nothing is stored until somebody has signed it; it names what it is
good for, so that a signature made for one thing cannot be relayed for another.
"""

import re
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Final

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction

from accounts.models import UsedSignature
from core import clock, ss58
from core.errors import Unauthenticated

SIGN_IN: Final = "Sign in"
CHALLENGE_LIFE: Final = timedelta(minutes=10)
# The published client signs the time of its own clock: this far from ours in either direction.
TIMESTAMP_WINDOW: Final = timedelta(minutes=2)
KEPT: Final = CHALLENGE_LIFE + TIMESTAMP_WINDOW + timedelta(hours=2)
TEXT: Final = re.compile(
    r"(?P<purpose>.+) at (?P<site>\S+) until (?P<until>\S+), nonce (?P<nonce>[0-9a-f]{32})\."
)
TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
HEX: Final = re.compile(r"(0x)?[0-9a-fA-F]{128}")


class BadSignature(Unauthenticated):
    """A signed message that proves nothing: wrong, stale, or taken before."""

    code = "bad_signature"


def challenge(*, now: datetime, purpose: str = SIGN_IN) -> str:
    """Write the line that a key is to sign, good for ten minutes and for one thing."""
    until = clock.iso((now + CHALLENGE_LIFE).replace(microsecond=0))
    text = f"{purpose} at {settings.PUBLIC_URL} until {until}, nonce {token_hex(16)}."
    return _seal().sign(text)


def verify(*, address: str, message: str, signature: str) -> None:
    """Check that ``address`` signed ``message``; browser extensions wrap what they sign in ``<Bytes>``.

    :raises Invalid: the address is none of this network. :raises BadSignature: it did not sign this.
    """
    public_key = ss58.public_key_of(address)
    signed = (
        bytes.fromhex(signature.strip().removeprefix("0x"))
        if HEX.fullmatch(signature.strip())
        else b""
    )
    plain = message.encode()
    if not any(
        ss58.verifies(public_key, text, signed) for text in (plain, b"<Bytes>%b</Bytes>" % plain)
    ):
        raise BadSignature(
            f"This is not the signature of {address[:8]}… over this text.",
            hint="Sign exactly the text shown, with the sr25519 key of this address.",
        )


def require_challenge(message: str, *, purpose: str, now: datetime) -> None:
    """Check that a message is a challenge of ours, for this purpose, and not past its time.

    :raises BadSignature: it is not.
    """
    try:
        found = TEXT.fullmatch(_seal().unsign(message))
    except signing.BadSignature:
        found = None
    if found is None or found["purpose"] != purpose or found["site"] != settings.PUBLIC_URL:
        raise BadSignature(
            "The signed text is none that this page showed for this.",
            hint="Load the page again and sign the text that it shows.",
        )
    if datetime.fromisoformat(found["until"]) < now:
        raise BadSignature(
            "The signed text has expired.", hint="Load the page again and sign anew."
        )


def require_fresh_time(message: str, *, now: datetime) -> None:
    """Check that a message is a Unix time of about now, as the published client signs it.

    :raises BadSignature: it is not.
    """
    off = abs(now.timestamp() - int(message)) if is_timestamp(message) else float("inf")
    if off > TIMESTAMP_WINDOW.total_seconds():
        raise BadSignature(
            f"The signed time is not within {TIMESTAMP_WINDOW.total_seconds():.0f} seconds of now.",
            hint="Set this computer's clock, then sign in again.",
        )


def is_timestamp(message: str) -> bool:
    """Tell a bare Unix time from a challenge."""
    return TIMESTAMP.fullmatch(message) is not None


def burn(*, address: str, message: str, now: datetime) -> None:
    """Take a signed message, this once; joins the caller's transaction.

    :raises BadSignature: it was taken before.
    """
    try:
        with transaction.atomic():
            UsedSignature.objects.create(address=address, message=message, used_at=now)
    except IntegrityError as error:
        raise BadSignature(
            "This signature was used before.", hint="Sign a new text: each counts once."
        ) from error


def forget_stale(*, now: datetime) -> int:
    """Delete the used signatures that are too old to be fresh ever again, and say how many."""
    return UsedSignature.objects.filter(used_at__lt=now - KEPT).delete()[0]


def _seal() -> signing.Signer:
    return signing.Signer(sep=" Seal ", salt="accounts.challenge")
