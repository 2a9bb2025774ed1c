"""What the admin pages of every app share: rows are read, and changed only by services, with a reason."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.models import User
from accounts.services import audit
from core import clock
from core.actors import Actor, ActorKind
from core.errors import DomainError

OnRow = Callable[[Any, Any, Actor, str], None]
OnRows = Callable[[Any, HttpRequest, QuerySet[Any]], None]


def columns(model: type[Model], *, without: frozenset[str] = frozenset()) -> list[str]:
    """Name every field of a model but some."""
    return [field.name for field in model._meta.fields if field.name not in without]


class ReasonForm(ActionForm):  # type: ignore[misc]
    """The bar above a list: which action, and why."""

    reason = forms.CharField(
        label="",
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget({"placeholder": "Reason", "aria-label": "Reason"}),
    )


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows to look at: nothing is added, edited or deleted here."""

    action_form = ReasonForm
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Rows are made by services only."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows are records."""
        return False

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """Show what is named, else every column but the excluded ones.

        Django's own answer asks for the form, which asks for the fields that are only read, which is this again.
        """
        hidden = frozenset({"id", *(self.exclude or ())})
        return list(self.fields or columns(self.model, without=hidden))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Show every field, edit none."""
        return [name for name in self.get_fields(request, obj) if isinstance(name, str)]

    def has_save_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """There is nothing to save."""
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a row without a button to save it, and save none.

        :raises PermissionDenied: it is posted. A form without a field writes every column back as it was read.
        """
        can_save = self.has_save_permission(request)
        if request.method == "POST" and not can_save:
            raise PermissionDenied("This row is only read here.")
        buttons = {} if can_save else {"show_save": False, "show_save_and_continue": False}
        shown: HttpResponse = super().changeform_view(
            request, object_id, form_url, {**buttons, **(extra_context or {})}
        )
        return shown


class ReadOnlyInline(TabularInline):  # type: ignore[misc]
    """Rows that belong to a row, to look at."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows are made by services only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows are records."""
        return False


def operator(request: HttpRequest) -> Actor:
    """Name the admin in events and audit."""
    user = cast(User, request.user)
    return Actor(kind=ActorKind.ADMIN, id=str(user.public_id), name=user.display_name)


def with_reason(description: str) -> Callable[[OnRow], OnRows]:
    """Make an admin action of a function on one row: a reason is demanded and kept, refusals are shown row by row.

    The reason lands in the audit trail here, whatever the service itself writes down.
    """

    def decorate(act: OnRow) -> OnRows:
        @wraps(act)
        def run(admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> None:
            reason = request.POST.get("reason", "").strip()
            if not reason:
                messages.error(request, "Say why, in the field beside the action.")
                return
            done = [row for row in rows if _done(admin, request, act, row, reason)]
            if done:
                messages.success(request, f"{description}: {len(done)} done.")

        run.short_description = description  # type: ignore[attr-defined]
        run.allowed_permissions = ["change"]  # type: ignore[attr-defined]
        return run

    return decorate


def _done(admin: Any, request: HttpRequest, act: OnRow, row: Model, reason: str) -> bool:
    actor = operator(request)
    try:
        act(admin, row, actor, reason)
    except DomainError as error:
        messages.error(request, f"{row}: {error.message}")
        return False
    audit.record(
        action=f"admin.{act.__name__}",
        actor=actor,
        reason=reason,
        resource=(str(row._meta.model_name), getattr(row, "public_id", row.pk)),
        now=clock.now(),
    )
    return True
