"""Forms of allauth's pages whose tries we count ourselves, before anything is written or mailed."""

from allauth.account import forms
from allauth.account.adapter import get_adapter

from accounts import claim_mail, limits
from accounts.models import User
from accounts.services import passwords
from core import clock


class SignupForm(forms.SignupForm):  # type: ignore[misc]
    """A new account."""

    def validate_unique_email(self, value: str) -> str:
        """Refuse what the API refuses, and not an address that somebody has merely typed as one more of theirs."""
        if User.objects.known_by(value).exists():
            raise get_adapter().validation_error("email_taken")
        return value


class ChangePasswordForm(forms.ChangePasswordForm):  # type: ignore[misc]
    """A guess at the present password, which counts like one at the sign-in page."""

    def clean_oldpassword(self) -> str:
        """Count a try, and forgive a right one."""
        account = self.user.email or str(self.user.pk)
        limits.login(account)
        password: str = super().clean_oldpassword()
        limits.login_succeeded(account)
        return password


class ResetPasswordForm(forms.ResetPasswordForm):  # type: ignore[misc]
    """A mail to whoever was named."""

    def clean_email(self) -> str:
        """Count the mail, whether there is an account or not."""
        email: str = super().clean_email()
        limits.mail(email)
        # Not whoever has merely typed it as one more address of theirs.
        self.users = list(User.objects.known_by(email).filter(is_active=True))
        return email


class ResetPasswordKeyForm(forms.ResetPasswordKeyForm):  # type: ignore[misc]
    """A password of who reads the account's mail."""

    def save(self) -> None:
        """Store it, and tell what ended where nobody had read that mail before."""
        password = self.cleaned_data["password1"]
        ended = passwords.reset(user=self.user, password=password, now=clock.now())
        if ended:
            claim_mail.send(to=self.user.email, ended=ended)


class AddEmailForm(forms.AddEmailForm):  # type: ignore[misc]
    """A mail to an address that nobody has proven to own."""

    def clean_email(self) -> str:
        """Count the mail, and refuse an address of another account, as signing up does."""
        email: str = super().clean_email()
        limits.mail(email)
        if User.objects.known_by(email).exclude(pk=self.user.pk).exists():
            raise get_adapter().validation_error("email_taken")
        return email
