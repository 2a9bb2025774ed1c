"""The mail that tells the old address of an account that it was replaced; sent after that is stored."""

from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import send_mail

log = structlog.get_logger(__name__)


def send(*, old: str, new: str) -> bool:
    """Tell the old address; False when the mail server did not take it."""
    text = (
        f"The e-mail address of your account at {settings.PUBLIC_URL} is now {new}, and its API sessions "
        f"were ended.\n\nIf that was not you, write to the operator of this market at once.\n"
    )
    try:
        send_mail("Your e-mail address was changed", text, settings.DEFAULT_FROM_EMAIL, [old])
    except (SMTPException, OSError) as error:
        log.warning("email_change.mail_lost", error=str(error))
        return False
    return True
