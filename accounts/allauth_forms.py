"""Forms of allauth's pages whose tries we count ourselves, before anything is written or mailed."""

from allauth.account import forms

from accounts import limits


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
        return email


class AddEmailForm(forms.AddEmailForm):  # type: ignore[misc]
    """A mail to an address that nobody has proven to own."""

    def clean_email(self) -> str:
        """Count the mail."""
        email: str = super().clean_email()
        limits.mail(email)
        return email
