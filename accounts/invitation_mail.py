"""The mail that carries an invitation's link; sent after the invitation is stored, never within a transaction."""

from django.conf import settings
from django.urls import reverse

from accounts.mailing import mail
from accounts.models import Invitation, User


def send(*, invitation: Invitation, token: str, sender: User) -> bool:
    """Send the link; False when the mail server did not take it."""
    link = f"{settings.PUBLIC_URL}{reverse('invitation', args=[token])}"
    text = (
        f"{sender.display_name} invites you to the workspace {invitation.workspace.name} "
        f"as {invitation.role}.\n\nTo join, sign in or sign up as {invitation.email} and open\n"
        f"{link}\n\nThe link works until {invitation.expires_at:%Y-%m-%d %H:%M} UTC. "
        "If you do not know the sender, ignore this mail.\n"
    )
    subject = f"Invitation to the workspace {invitation.workspace.name}"
    return mail(subject, text, to=invitation.email, kind="invitation", invitation=invitation.pk)
