"""The mails to the old and the new address of an account, sent after that is stored: it was replaced; confirm it."""

from functools import partial

from allauth.account.models import EmailAddress
from django.conf import settings
from django.http import HttpRequest

from accounts.mailing import is_taken, mail
from accounts.models import User


def send(*, old: str, new: str) -> bool:
    """Tell the old address; False when the mail server did not take it."""
    text = (
        f"The e-mail address of your account at {settings.PUBLIC_URL} is now {new}, and its API sessions "
        f"were ended.\n\nIf that was not you, write to the operator of this market at once.\n"
    )
    return mail("Your e-mail address was changed", text, to=old, kind="email_change")


def ask_to_confirm(*, user: User, request: HttpRequest) -> bool:
    """Send the new address the link that confirms it; False when the mail server did not take it."""
    address = EmailAddress.objects.get(user=user, primary=True)
    return is_taken(partial(address.send_confirmation, request), kind="email_confirmation")
