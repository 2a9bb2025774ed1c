"""Invoices and the transfers that pay them; those that are held wait for a decision."""

from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin_base import (
    ReadOnlyAdmin,
    ReasonForm,
    columns,
    operator,
    with_reason,
)
from accounts.models import Workspace
from accounts.services import audit
from billing import rates
from billing.admin.events import PaymentEventInline
from billing.chain.gateway import gateway
from billing.models import Deposit, Invoice, LinkedColdkey, StandingAddress
from billing.services import refunding, settlement
from core import clock
from core.actors import Actor
from core.errors import DomainError, NotFound


class InvoiceEventInline(PaymentEventInline):
    """What happened to an invoice, and why."""

    fk_name = "invoice"


class DepositEventInline(PaymentEventInline):
    """What happened to a deposit, and why."""

    fk_name = "deposit"


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    """Invoices in TAO."""

    fields = columns(Invoice)
    list_display = ["public_id", "status", "usd_amount", "paid_rao", "workspace", "created_at"]
    list_filter = ["status"]
    search_fields = ["=public_id", "=address", "=workspace__public_id"]
    list_select_related = ["workspace"]
    ordering = ["-pk"]
    inlines = [InvoiceEventInline]


@admin.register(StandingAddress)
class StandingAddressAdmin(ReadOnlyAdmin):
    """Addresses that workspaces have for good."""

    fields = columns(StandingAddress)
    list_display = ["address", "workspace", "unswept_rao", "created_at"]
    search_fields = ["=address", "=workspace__public_id"]
    list_select_related = ["workspace"]
    ordering = ["-pk"]


@admin.register(LinkedColdkey)
class LinkedColdkeyAdmin(ReadOnlyAdmin):
    """Coldkeys that proved to be a workspace's."""

    fields = columns(LinkedColdkey)
    list_display = ["address", "workspace", "linked_by", "linked_at"]
    search_fields = ["=address", "=workspace__public_id"]
    list_select_related = ["workspace", "linked_by"]
    ordering = ["-pk"]


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

    fields = columns(Deposit)
    list_display = [
        "public_id",
        "status",
        "held_for",
        "amount_rao",
        "netuid",
        "workspace",
        "sender",
        "block_number",
        "seen_at",
    ]
    list_filter = ["status", "held_for", "late", "netuid"]
    list_select_related = ["workspace"]
    search_fields = ["=public_id", "=sender", "=address", "=block_hash", "=extrinsic_hash"]
    ordering = ["-pk"]
    inlines = [DepositEventInline]
    action_form = SettlementForm
    actions = ["credit", "request_refund", "approve_refund", "withdraw_refund"]

    @admin.action(description="Credit to the workspace", permissions=["change"])
    def credit(self, request: HttpRequest, rows: QuerySet[Deposit]) -> None:
        """Credit held transfers to a workspace at the present rate."""
        try:
            named = _workspace(request.POST.get("workspace", ""))
        except NotFound as error:
            messages.error(request, error.message)
            return
        for row in rows.select_related("workspace"):
            workspace = named or row.workspace
            if workspace is None:
                messages.error(request, f"{row}: write the id of the workspace beside the action.")
            else:
                self._credit(request, row, workspace, request.POST.get("reason", ""))

    @with_reason("Ask for a refund")
    def request_refund(self, row: Deposit, actor: Actor, reason: str) -> None:
        """Mark a held transfer to be sent back."""
        settlement.request_refund(
            deposit_id=row.public_id, reason=reason, actor=actor, now=clock.now()
        )

    @with_reason("Approve the refund (another administrator's)")
    def approve_refund(self, row: Deposit, actor: Actor, reason: str) -> None:
        """Let the payout worker send it back."""
        refunding.approve(
            deposit_id=row.public_id,
            fee_rao=gateway().transfer_fee(),
            actor=actor,
            now=clock.now(),
        )

    @with_reason("Withdraw the refund")
    def withdraw_refund(self, row: Deposit, actor: Actor, reason: str) -> None:
        """Take a refund back."""
        settlement.withdraw_refund(
            deposit_id=row.public_id, reason=reason, actor=actor, now=clock.now()
        )

    def _credit(
        self, request: HttpRequest, row: Deposit, workspace: Workspace, reason: str
    ) -> None:
        now, actor = clock.now(), operator(request)
        try:
            price = None if row.netuid is None else gateway().alpha_price(row.netuid)
            settlement.credit(
                deposit_id=row.public_id,
                workspace=workspace,
                rate=rates.current(now=now),
                tao_per_alpha=price.tao_per_alpha if price else None,
                reason=reason,
                actor=actor,
                now=now,
            )
        except DomainError as error:
            messages.error(request, f"{row}: {error.message}")
            return
        audit.record(
            action="admin.credit",
            actor=actor,
            workspace_id=workspace.pk,
            resource=("deposit", row.public_id),
            reason=reason,
            now=now,
        )
        messages.success(request, f"{row}: credited to {workspace}.")


def _workspace(text: str) -> Workspace | None:
    """Give the workspace that was named, None where none was.

    :raises NotFound: one was named, and there is none of that id.
    """
    if not (named := text.strip()):
        return None
    try:
        return Workspace.objects.get(public_id=UUID(named))
    except (ValueError, Workspace.DoesNotExist):
        raise NotFound(f"Nothing was credited: there is no workspace {named}.") from None
