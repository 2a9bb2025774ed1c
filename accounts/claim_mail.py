"""The mail that tells the first proven owner of an account what ended with the password; sent after that is stored."""

from collections.abc import Mapping

from django.conf import settings
from django.urls import reverse

from accounts.mailing import mail
from core.words import counted


def send(*, to: str, ended: Mapping[str, int]) -> bool:
    """Tell the owner; False when the mail server did not take it."""
    things = ", ".join(counted(number, noun) for noun, number in ended.items() if number)
    text = (
        f"You set a new password for the account {to} at {settings.PUBLIC_URL}, whose address nobody had confirmed "
        f"before. Anybody could have made it, so what opened it until then, or was added to it, has ended with its "
        f"sessions: {things or 'nothing else'}.\n\nThe address is confirmed now. If the account was yours all along, make new keys at "
        f"{settings.PUBLIC_URL}{reverse('keys')}. If there are pods or teams that you do not know, remove them.\n"
    )
    return mail("Your account is yours alone now", text, to=to, kind="claim")
