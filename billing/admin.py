"""The operator's view of the money: everything is read, only held deposits are decided, by services, with a reason."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline

from accounts.admin_base import ReadOnlyAdmin, ReasonForm, operator, with_reason
from accounts.models import Workspace
from billing import ledger, rates
from billing.models import (
    Account,
    ChainCursor,
    Deposit,
    Entry,
    Invoice,
    PaymentEvent,
    Posting,
    Sweep,
)
from billing.services import settlement
from core import clock
from core.actors import Actor
from core.errors import DomainError


def _columns(model: type[Model], *, without: frozenset[str] = frozenset()) -> list[str]:
    return [field.name for field in model._meta.fields if field.name not in without]


class ReadOnlyInline(TabularInline):
    """Rows of a record."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is added by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is edited by hand."""
        return False


class PostingInline(ReadOnlyInline):
    """The legs of an entry."""

    model = Posting
    fields = ["leg", "account", "amount"]
    ordering = ["leg"]


class InvoiceEventInline(ReadOnlyInline):
    """What happened to an invoice, and why."""

    model = PaymentEvent
    fk_name = "invoice"
    fields = ["created_at", "from_status", "to_status", "reason", "actor_name"]
    ordering = ["pk"]


class DepositEventInline(InvoiceEventInline):
    """What happened to a deposit, and why."""

    fk_name = "deposit"


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """The chart of accounts with its trial balance above."""

    fields = _columns(Account)
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

    fields = _columns(Entry)
    list_display = ["idempotency_key", "kind", "subject_kind", "memo", "occurred_at"]
    list_filter = ["kind"]
    search_fields = ["idempotency_key", "=subject_id"]
    ordering = ["-pk"]
    inlines = [PostingInline]


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    """Invoices in TAO."""

    fields = _columns(Invoice)
    list_display = ["public_id", "status", "usd_amount", "paid_rao", "workspace", "created_at"]
    list_filter = ["status"]
    search_fields = ["=public_id", "=address", "=workspace__public_id"]
    list_select_related = ["workspace"]
    ordering = ["-pk"]
    inlines = [InvoiceEventInline]


class SettlementForm(ReasonForm):
    """The bar above the deposits: which action, for whom, and why."""

    workspace = forms.UUIDField(
        required=False,
        label="",
        widget=forms.TextInput({"placeholder": "Workspace id", "aria-label": "Workspace id"}),
    )


@admin.register(Deposit)
class DepositAdmin(ReadOnlyAdmin):
    """Transfers to our addresses; those that are held wait here for a decision."""

    fields = _columns(Deposit)
    list_display = [
        "public_id",
        "status",
        "late",
        "amount_rao",
        "sender",
        "block_number",
        "seen_at",
    ]
    list_filter = ["status", "late"]
    search_fields = ["=public_id", "=sender", "=address", "=block_hash"]
    ordering = ["-pk"]
    inlines = [DepositEventInline]
    action_form = SettlementForm
    actions = ["credit", "request_refund", "withdraw_refund"]

    @admin.action(description="Credit to the workspace", permissions=["change"])
    def credit(self, request: HttpRequest, rows: QuerySet[Deposit]) -> None:
        """Credit held transfers to a workspace at the present rate."""
        workspace = _workspace(request.POST.get("workspace", ""))
        if workspace is None:
            messages.error(request, "Write the id of the workspace beside the action.")
            return
        self._credit(request, rows, workspace, request.POST.get("reason", ""))

    @with_reason("Ask for a refund")
    def request_refund(self, row: Deposit, actor: Actor, reason: str) -> None:
        """Mark a held transfer to be sent back."""
        settlement.request_refund(
            deposit_id=row.public_id, reason=reason, actor=actor, now=clock.now()
        )

    @with_reason("Withdraw the refund")
    def withdraw_refund(self, row: Deposit, actor: Actor, reason: str) -> None:
        """Take a refund back."""
        settlement.withdraw_refund(
            deposit_id=row.public_id, reason=reason, actor=actor, now=clock.now()
        )

    def _credit(
        self, request: HttpRequest, rows: QuerySet[Deposit], workspace: Workspace, reason: str
    ) -> None:
        for row in rows:
            try:
                settlement.credit(
                    deposit_id=row.public_id,
                    workspace=workspace,
                    rate=rates.current(now=clock.now()),
                    reason=reason,
                    actor=operator(request),
                    now=clock.now(),
                )
            except DomainError as error:
                messages.error(request, f"{row}: {error.message}")
            else:
                messages.success(request, f"{row}: credited to {workspace}.")


@admin.register(Sweep)
class SweepAdmin(ReadOnlyAdmin):
    """Transfers from deposit addresses to the treasury."""

    fields = _columns(Sweep, without=frozenset({"signed_body"}))
    list_display = ["address", "status", "amount_rao", "fee_rao", "error", "updated_at"]
    list_filter = ["status"]
    search_fields = ["=address"]
    ordering = ["-pk"]


@admin.register(ChainCursor)
class ChainCursorAdmin(ReadOnlyAdmin):
    """How far the chain is read."""

    fields = _columns(ChainCursor)
    list_display = ["network", "number", "best", "block_at", "read_at"]
    ordering = ["-read_at"]


def _workspace(text: str) -> Workspace | None:
    try:
        return Workspace.objects.filter(public_id=UUID(text.strip())).first()
    except ValueError:
        return None
