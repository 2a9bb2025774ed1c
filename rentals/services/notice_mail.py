"""The mail that says what was announced about the machine of a pod."""

from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse

from rentals.models import PodEvent
from rentals.reasons import reason_of


def send(*, event_id: int) -> None:
    """Mail one event to the owner of its pod's workspace.

    :raises SMTPException, OSError: the mail server refused; try again.
    """
    event = PodEvent.objects.select_related("pod__workspace__owner").get(pk=event_id)
    address = event.pod.workspace.owner.email
    if address:
        subject = f"{event.pod.name}: {event.reason}"[:150]
        send_mail(subject, _text(event), settings.DEFAULT_FROM_EMAIL, [address])


def _text(event: PodEvent) -> str:
    reason = reason_of(event.reason_code)
    where = f"{settings.PUBLIC_URL}{reverse('pod', args=[event.pod.public_id])}"
    lines = [event.reason, event.detail, reason.hint if reason else ""]
    return "\n".join([*(line for line in lines if line), "", where, ""])
