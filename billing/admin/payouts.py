"""Paying providers: the dry run, batches that two administrators decide, payouts, holds."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline, columns, operator, with_reason
from accounts.services import audit
from billing import payables, rates
from billing.admin.events import PaymentEventInline
from billing.chain.gateway import gateway
from billing.models import BatchStatus, Payout, PayoutBatch, PayoutHold
from billing.services import payout_batches, payout_plan
from billing.services.payout_plan import Line, Plan
from core import clock
from core.actors import Actor
from core.errors import DomainError
from core.money import rao_to_tao

HEADERS = (
    "Provider",
    "Verdict",
    "Balance",
    "On hold",
    "Not paid by renters",
    "Payable",
    "Pays",
    "TAO",
)
# A coldkey is broken here on narrow screens.
PIECE = 8


class BatchEventInline(PaymentEventInline):
    """What happened to a batch, by whom, and why."""

    fk_name = "batch"


class PayoutEventInline(PaymentEventInline):
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
    actions = ["approve", "refuse"]
    actions_list = ["dry_run"]

    @with_reason("Approve (another administrator's)")
    def approve(self, row: PayoutBatch, actor: Actor, reason: str) -> None:
        """Post a proposed batch and send it."""
        payout_batches.approve(
            batch_id=row.public_id,
            fee_rao=gateway().transfer_fee(),
            reason=reason,
            actor=actor,
            now=clock.now(),
        )

    @with_reason("Refuse")
    def refuse(self, row: PayoutBatch, actor: Actor, reason: str) -> None:
        """Close a proposed batch; nothing was posted."""
        payout_batches.refuse(batch_id=row.public_id, reason=reason, actor=actor, now=clock.now())

    @action(description="Dry run", url_path="dry-run", permissions=["change"], icon="rule")
    def dry_run(self, request: HttpRequest) -> HttpResponse:
        """Show who would be paid what now, and let it be proposed."""
        if request.method == "POST" and _propose(request):
            return redirect(reverse("admin:billing_payoutbatch_changelist"))
        context = {**self.admin_site.each_context(request), **_run(request)}
        return TemplateResponse(request, "admin/payout_run.html", context)


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


def _propose(request: HttpRequest) -> bool:
    now, reason = clock.now(), request.POST.get("reason", "")
    actor = operator(request)
    try:
        batch = payout_batches.propose(
            rate=rates.current(now=now), reason=reason, actor=actor, now=now
        )
    except DomainError as error:
        messages.error(request, " ".join(filter(None, (error.message, error.hint))))
        return False
    audit.record(
        action="admin.propose_payouts",
        actor=actor,
        reason=reason,
        resource=("payoutbatch", batch.public_id),
        now=now,
    )
    messages.success(request, f"Proposed: {batch}. Another administrator approves or refuses it.")
    return True


def _run(request: HttpRequest) -> dict[str, Any]:
    now = clock.now()
    common = {
        "title": "Dry run of payouts",
        "now": now,
        "due": payables.next_run(now=now),
        "proposed": PayoutBatch.objects.filter(status=BatchStatus.PROPOSED).first(),
        "minutes": int(settings.MARKET_PAYOUT_PROPOSAL.total_seconds() // 60),
        "reason": request.POST.get("reason", ""),
    }
    try:
        plan = payout_plan.draw_up(rate=rates.current(now=now), now=now)
    except DomainError as error:
        return {**common, "unknown": error.message}
    return {**common, "plan": plan, "tao": f"{rao_to_tao(plan.rao):f}", "table": _table(plan)}


def _table(plan: Plan) -> dict[str, Any]:
    rows = [
        [
            _who(line),
            format_html("<span><strong>{}</strong><br>{}</span>", line.verdict.value, line.why),
            f"{line.payable.balance_usd:.2f}",
            f"{line.payable.on_hold_usd:.2f}",
            f"{line.payable.unpaid_usd:.2f}",
            f"{line.payable.payable_usd:.2f}",
            f"{line.usd:.2f}" if line.pays else "",
            f"{rao_to_tao(line.rao):f}" if line.pays else "",
        ]
        for line in plan.lines
    ]
    return {"headers": list(HEADERS), "rows": rows}


def _who(line: Line) -> SafeString:
    key = line.coldkey
    pieces = [(key[start : start + PIECE],) for start in range(0, len(key), PIECE)]
    return format_html("<span>{}<br>{}</span>", line.name, format_html_join("", "{}<wbr>", pieces))
