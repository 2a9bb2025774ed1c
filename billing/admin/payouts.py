"""Paying providers: batches, payouts, holds."""

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline, columns
from billing.models import PaymentEvent, Payout, PayoutBatch, PayoutHold


class BatchEventInline(ReadOnlyInline):
    """What happened to a batch, by whom, and why."""

    model = PaymentEvent
    fk_name = "batch"
    fields = ["created_at", "from_status", "to_status", "reason", "actor_name"]
    ordering = ["pk"]


class PayoutEventInline(BatchEventInline):
    """What happened to a payout, and why."""

    fk_name = "payout"


class PayoutInline(ReadOnlyInline):
    """The payouts of a batch."""

    model = Payout
    fields = ["provider_name", "status", "usd", "rao", "coldkey", "reason"]
    ordering = ["pk"]


@admin.register(PayoutBatch)
class PayoutBatchAdmin(ReadOnlyAdmin):
    """Batches, and the two administrators who decided each."""

    fields = columns(PayoutBatch)
    list_display = ["__str__", "status", "usd", "proposer_name", "decider_name", "expires_at"]
    list_filter = ["status"]
    search_fields = ["=public_id"]
    ordering = ["-pk"]
    inlines = [PayoutInline, BatchEventInline]


@admin.register(Payout)
class PayoutAdmin(ReadOnlyAdmin):
    """What each provider was paid."""

    fields = columns(Payout)
    list_display = ["provider_name", "status", "usd", "rao", "coldkey", "created_at", "ended_at"]
    list_filter = ["status"]
    search_fields = ["=public_id", "=provider_id", "=coldkey", "provider_name"]
    list_select_related = ["batch"]
    ordering = ["-pk"]
    inlines = [PayoutEventInline]


@admin.register(PayoutHold)
class PayoutHoldAdmin(ReadOnlyAdmin):
    """Who is not paid for now, and why; a hold is placed and lifted on the list of providers."""

    fields = columns(PayoutHold)
    list_display = ["provider_name", "reason", "placed_by", "placed_at", "lifted_by", "lifted_at"]
    search_fields = ["=provider_id", "provider_name"]
    ordering = ["-pk"]
