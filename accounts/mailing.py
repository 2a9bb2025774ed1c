"""Sending the mails of accounts: one that the mail server does not take is logged, and loses nothing else."""

from collections.abc import Callable
from functools import partial
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import send_mail

log = structlog.get_logger(__name__)


def mail(subject: str, text: str, *, to: str, kind: str, **about: object) -> bool:
    """Send a mail of ours; False when the mail server did not take it. ``kind`` and ``about`` are for the log."""
    send = partial(send_mail, subject, text, settings.DEFAULT_FROM_EMAIL, [to])
    return is_taken(send, kind=kind, **about)


def is_taken(send: Callable[[], object], *, kind: str, **about: object) -> bool:
    """Send, and say whether the mail server took it."""
    try:
        send()
    except (SMTPException, OSError) as error:
        log.warning(f"{kind}.mail_lost", **about, error=str(error))
        return False
    return True
