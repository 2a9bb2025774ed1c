"""The chart of accounts and its entries."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline, columns
from billing import ledger
from billing.models import Account, AccountDay, Entry, Posting


class PostingInline(ReadOnlyInline):
    """The legs of an entry."""

    model = Posting
    fields = ["leg", "account", "amount"]
    ordering = ["leg"]


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """The chart of accounts with its trial balance above."""

    fields = columns(Account)
    list_display = ["code", "kind", "currency", "balance", "created_at"]
    list_filter = ["kind", "currency"]
    search_fields = ["code", "owner_id"]
    ordering = ["code"]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Say above the list whether the ledger balances."""
        for currency, total in sorted(ledger.trial_balance().items()):
            level = messages.error if total else messages.success
            level(request, f"Trial balance: all {currency} postings sum to {total:f}.")
        return super().changelist_view(request, extra_context)


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """The ledger's entries."""

    fields = columns(Entry)
    list_display = ["idempotency_key", "kind", "subject_kind", "memo", "occurred_at"]
    list_filter = ["kind"]
    search_fields = ["idempotency_key", "=subject_id"]
    ordering = ["-pk"]
    inlines = [PostingInline]


@admin.register(AccountDay)
class AccountDayAdmin(ReadOnlyAdmin):
    """What providers' accounts moved, by day."""

    fields = columns(AccountDay)
    list_display = ["day", "account", "kind", "subject_kind", "entries", "amount", "fee"]
    list_filter = ["kind"]
    list_select_related = ["account"]
    search_fields = ["account__code", "account__owner_id"]
    ordering = ["-day", "account", "kind"]
