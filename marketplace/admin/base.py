"""What all admin pages of the market share: rows are read, and changed by services only."""

from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import TabularInline

from accounts.admin_base import ReadOnlyAdmin


class MarketAdmin(ReadOnlyAdmin):
    """Every field of a row but the excluded ones."""

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """List the model's own fields."""
        hidden = {"id", *(self.exclude or ())}
        return [field.name for field in self.model._meta.fields if field.name not in hidden]


class ReadOnlyInline(TabularInline):
    """Rows of a node, to look at."""

    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, *args: object) -> bool:
        """Rows are made by services only."""
        return False

    def has_change_permission(self, *args: object) -> bool:
        """Nothing is edited here."""
        return False
