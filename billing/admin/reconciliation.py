"""The ledger against the chain, hour by hour."""

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline, columns
from billing.models import Reconciliation, ReconciliationLine


class ReconciliationLineInline(ReadOnlyInline):
    """What each key showed, and what could explain it."""

    model = ReconciliationLine
    fields = [
        "key",
        "address",
        "currency",
        "recorded_rao",
        "found_rao",
        "difference_rao",
        "between",
    ]
    ordering = ["pk"]


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    """Comparisons of every key with the chain."""

    fields = columns(Reconciliation)
    list_display = ["started_at", "status", "keys", "read_upto", "final_upto", "note"]
    list_filter = ["status"]
    ordering = ["-pk"]
    inlines = [ReconciliationLineInline]
