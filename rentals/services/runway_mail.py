"""The mails of the low-balance ladder; the row says what is to be sent, so a lost nudge only delays it."""

from datetime import datetime
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse

from rentals.models import Runway, Stage
from rentals.services import ladder

log = structlog.get_logger(__name__)


def send_due(*, now: datetime) -> None:
    """Send every warning that was not sent yet; one that the mail server refused is tried again."""
    for position in Runway.objects.filter(mailed_at=None).select_related("workspace__owner"):
        claimed = Runway.objects.filter(pk=position.pk, stage=position.stage, mailed_at=None)
        if claimed.update(mailed_at=now) and not _send(position, now):
            Runway.objects.filter(pk=position.pk, mailed_at=now).update(mailed_at=None)


def _send(position: Runway, now: datetime) -> bool:
    address = position.workspace.owner.email
    if not address:
        return True
    subject = f"The balance of {position.workspace.name} is {position.get_stage_display()}"
    try:
        send_mail(subject, _text(position, now), settings.DEFAULT_FROM_EMAIL, [address])
    except (SMTPException, OSError) as error:
        log.warning("runway.mail_lost", workspace=position.pk, error=str(error))
        return False
    return True


def _text(position: Runway, now: datetime) -> str:
    steps = [
        f"- {rung.at:%Y-%m-%d %H:%M} UTC: {rung.label.lower()}. {rung.detail}"
        for rung in ladder.preview(position.workspace, now=now)
        if rung.at and rung.state != "done"
    ]
    lines = [ladder.REASONS[Stage(position.stage)].words, "", "If nothing is paid in:", *steps, ""]
    lines += ["Add funds, or remove a pod that you do not need:"]
    lines += [f"{settings.PUBLIC_URL}{reverse('billing')}", ""]
    return "\n".join(lines)
