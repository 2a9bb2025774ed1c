"""How allauth's pages make accounts, sign people in and change passwords: through the services of the API."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts import email_address, limits
from accounts.models import User
from accounts.services import emails, passwords, sessions, signup
from core import clock, request_context
from core.errors import Invalid


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Lead every page of allauth to our services and limits."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Count each form that is sent: a refused one tells whether its address has an account."""
        if request.method == "POST":
            limits.signup()
        return True

    def save_user(
        self, request: HttpRequest, user: User, form: Any, commit: bool = True
    ) -> AbstractBaseUser:
        """Make the account with workspace, credit and audit."""
        super().save_user(request, user, form, commit=False)
        signup.open_account(user=user, now=clock.now())
        return user

    def clean_email(self, email: str) -> str:
        """Read an address as the API does; a refusal is shown beside the field."""
        try:
            return email_address.parse(email)
        except Invalid as error:
            raise ValidationError(f"{error.message} {error.hint}") from error

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the try in the same windows as the API, in place of allauth's own."""
        limits.login(credentials.get("email", ""))

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Forgive the account's earlier tries after a right password."""
        user: AbstractBaseUser | None = super().authenticate(request, **credentials)
        if user is not None:
            limits.login_succeeded(credentials.get("email", ""))
        return user

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> Any:
        """Note the sign-in in the audit trail."""
        sessions.note_login(user=user, now=clock.now())
        return super().post_login(request, user, **kwargs)

    def send_confirmation_mail(
        self, request: HttpRequest, emailconfirmation: Any, signup: bool
    ) -> None:
        """Count what is asked for once more; the form that gave the address has counted the first."""
        if "action_send" in request.POST:
            limits.mail(emailconfirmation.email_address.email)
        super().send_confirmation_mail(request, emailconfirmation, signup)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Confirm an address in a browser that is signed in to its account.

        Without that, the link in an unasked mail would vouch for whoever made the account.
        """
        if request.user != email_address.user:
            messages.error(request, "Sign in to the account first, then open the link again.")
            return False
        with transaction.atomic():
            confirmed: bool = super().confirm_email(request, email_address)
            if confirmed:
                emails.follow_confirmed(email_address)
        return confirmed

    def set_password(self, user: User, password: str) -> None:
        """Change the password and end the sessions that the old one opened."""
        passwords.set_password(user=user, password=password, now=clock.now())

    def get_client_ip(self, request: HttpRequest) -> str:
        """Give the address that the rest of the market sees."""
        return request_context.current().ip or "0.0.0.0"  # noqa: S104 - a column, not a socket
