"""The operator's view of people and their credentials: no secret is shown, nothing is edited by hand."""

from typing import Any, Final

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.forms import CharField, Form, ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.admin_base import ReadOnlyAdmin, operator, with_reason
from accounts.models import (
    ApiKey,
    ApiSession,
    AuditEvent,
    BudgetRefusal,
    Hotkey,
    Invitation,
    Membership,
    SshKey,
    UsedSignature,
    User,
    Workspace,
)
from accounts.services import api_keys, invitations, powers, sessions, suspension
from core import clock
from core.actors import Actor

# One login page with one rate limit for everybody, admins included.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


POWERS: Final = ("is_staff", "is_superuser", "groups")


class ReasonedForm(ModelForm):
    """A change of what administrators may do, and why."""

    reason = CharField(max_length=500, widget=UnfoldAdminTextInputWidget())


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """People; only a superuser makes staff, with a reason."""

    form = ReasonedForm
    list_display = ["__str__", "name", "is_active", "is_staff", "created_at", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "name", "public_id"]
    ordering = ["-pk"]
    fields = [
        "public_id", "email", "name", "is_active", "created_at", "last_login",
        "is_staff", "is_superuser", "groups",
    ]  # fmt: skip
    actions = ["suspend", "reinstate"]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """Ask who may change something for the reason."""
        fields: list[Any] = super().get_fields(request, obj)
        return [*fields, "reason"] if request.user.is_superuser else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Let a superuser choose who is staff."""
        fields = super().get_readonly_fields(request, obj)
        asked = {*POWERS, "reason"} if request.user.is_superuser else set()
        return [name for name in fields if name not in asked]

    def has_save_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only a superuser has something to save."""
        return bool(request.user.is_superuser)

    def save_model(self, request: HttpRequest, obj: User, form: Form, change: bool) -> None:
        """Give and take powers by their service, which keeps what they were."""
        chosen = {name: form.cleaned_data[name] for name in (*POWERS, "reason")}
        powers.change(user=obj, **chosen, actor=operator(request), now=clock.now())

    def save_related(self, *args: Any) -> None:
        """Nothing is left to save."""

    @with_reason("Suspend the accounts")
    def suspend(self, row: User, actor: Actor, reason: str) -> None:
        """Refuse every credential of the account."""
        suspension.suspend(user=row, actor=actor, reason=reason, now=clock.now())

    @with_reason("Reinstate the accounts")
    def reinstate(self, row: User, actor: Actor, reason: str) -> None:
        """Accept the account's credentials again."""
        suspension.reinstate(user=row, actor=actor, reason=reason, now=clock.now())


class MembershipInline(TabularInline):
    """The people of a workspace."""

    model = Membership
    extra = 0
    can_delete = False
    fields = readonly_fields = ["user", "role", "created_at"]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """People join by invitation."""
        return False


@admin.register(Workspace)
class WorkspaceAdmin(ReadOnlyAdmin):
    """Teams."""

    list_display = ["name", "owner", "is_personal", "created_at", "closed_at"]
    list_filter = ["is_personal"]
    list_select_related = ["owner"]
    search_fields = ["name", "public_id", "owner__email"]
    ordering = ["-pk"]
    fields = ["public_id", "name", "owner", "is_personal", "created_at", "closed_at"]
    inlines = [MembershipInline]


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """API keys by prefix and last four."""

    list_display = ["name", "hint", "user", "scopes", "created_at", "last_used_at", "revoked_at"]
    list_select_related = ["user"]
    search_fields = ["name", "public_id", "last_four", "user__email"]
    ordering = ["-pk"]
    fields = [
        "public_id", "name", "hint", "user", "workspace", "scopes", "pod_visibility",
        "daily_budget_usd", "monthly_budget_usd", "max_budget_usd",
        "created_at", "last_used_at", "expires_at", "revoked_at",
    ]  # fmt: skip
    actions = ["revoke"]

    @with_reason("Revoke the keys")
    def revoke(self, row: ApiKey, actor: Actor, reason: str) -> None:
        """End the key at once."""
        api_keys.revoke(key=row, actor=actor, reason=reason, now=clock.now())


@admin.register(ApiSession)
class ApiSessionAdmin(ReadOnlyAdmin):
    """Signed-in API clients."""

    list_display = ["user", "ip", "user_agent", "created_at", "expires_at", "revoked_at"]
    list_select_related = ["user"]
    search_fields = ["user__email", "public_id"]
    ordering = ["-pk"]
    fields = [
        "public_id", "user", "ip", "user_agent",
        "created_at", "last_used_at", "expires_at", "revoked_at",
    ]  # fmt: skip
    actions = ["end"]

    @with_reason("End the sessions")
    def end(self, row: ApiSession, actor: Actor, reason: str) -> None:
        """End the session at once."""
        sessions.end(session=row, actor=actor, reason=reason, now=clock.now())


@admin.register(SshKey)
class SshKeyAdmin(ReadOnlyAdmin):
    """SSH public keys."""

    list_display = ["name", "fingerprint", "workspace", "created_at"]
    list_select_related = ["workspace"]
    search_fields = ["name", "fingerprint", "user__email"]
    ordering = ["-pk"]
    fields = ["public_id", "name", "fingerprint", "public_key", "workspace", "user", "created_at"]


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Invitations to teams; the link is not kept."""

    list_display = ["email", "workspace", "role", "created_at", "expires_at", "accepted_at"]
    list_select_related = ["workspace"]
    search_fields = ["email"]
    ordering = ["-pk"]
    fields = [
        "public_id", "email", "workspace", "role", "invited_by",
        "created_at", "expires_at", "accepted_at",
    ]  # fmt: skip
    actions = ["withdraw"]

    @with_reason("Withdraw the invitations")
    def withdraw(self, row: Invitation, actor: Actor, reason: str) -> None:
        """End the invitation at once."""
        invitations.withdraw(invitation=row, actor=actor, reason=reason, now=clock.now())


@admin.register(BudgetRefusal)
class BudgetRefusalAdmin(ReadOnlyAdmin):
    """What budgets of keys refused."""

    list_display = ["api_key", "window", "amount_usd", "budget_usd", "spent_usd", "created_at"]
    list_select_related = ["api_key"]
    ordering = ["-pk"]
    fields = ["api_key", "window", "route", "amount_usd", "budget_usd", "spent_usd", "created_at"]


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """The audit trail; the database itself refuses to change it."""

    list_display = ["created_at", "action", "actor_kind", "actor_name", "ip", "source", "reason"]
    list_filter = ["action", "actor_kind", "source"]
    search_fields = ["action", "actor_id", "resource_id", "request_id", "ip"]
    ordering = ["-pk"]
    fields = [
        "public_id", "created_at", "workspace", "action", "actor_kind", "actor_id", "actor_name",
        "reason", "source", "ip", "user_agent", "request_id", "method", "route",
        "resource_type", "resource_id", "summary",
    ]  # fmt: skip


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(ModelAdmin):
    """Which staff may do what; only a superuser says so, with a reason, and one that ends is emptied."""

    form = ReasonedForm
    fields = ["name", "permissions", "reason"]
    search_fields = ["name"]
    filter_horizontal = ["permissions"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Powers are a superuser's to give."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Powers are a superuser's to give."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """The audit trail names it."""
        return False

    def save_model(self, request: HttpRequest, obj: Group, form: Form, change: bool) -> None:
        """Change it by the service, which keeps what it was."""
        powers.change_group(
            group=obj, **form.cleaned_data, actor=operator(request), now=clock.now()
        )

    def save_related(self, *args: Any) -> None:
        """Nothing is left to save."""


@admin.register(Hotkey)
class HotkeyAdmin(ReadOnlyAdmin):
    """Wallet keys that sign people in."""

    list_display = ["address", "user", "created_at"]
    search_fields = ["address", "user__email"]
    list_select_related = ["user"]
    ordering = ["-pk"]
    fields = ["address", "user", "created_at"]


@admin.register(UsedSignature)
class UsedSignatureAdmin(ReadOnlyAdmin):
    """Signed messages that were taken; each is taken once."""

    list_display = ["used_at", "address", "message"]
    search_fields = ["address"]
    ordering = ["-pk"]
    fields = ["address", "message", "used_at"]
