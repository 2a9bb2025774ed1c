"""The operator's view of the market: rows are read; freezing, delisting and the like go through services."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline, with_reason
from billing.services import payout_holds
from core import clock
from core.actors import Actor
from marketplace import selectors
from marketplace.models import (
    CheckRun,
    Fact,
    GpuModel,
    HandOver,
    MachineRequest,
    Node,
    NodeEvent,
    NodeGpu,
    Notice,
    PortReservation,
    Provider,
    StartOutcome,
    UsageFact,
)
from marketplace.selectors.standing import OFF_THE_MARKET, WORDS
from marketplace.services import listing, oversight


class NodeGpuInline(ReadOnlyInline):
    """Which GPU is with whom."""

    model = NodeGpu
    fields = ["position", "uuid", "holder", "missing_since"]
    ordering = ["position"]


class FactInline(ReadOnlyInline):
    """What is known of the node, and who says so."""

    model = Fact
    fields = ["name", "claimed", "measured", "unit", "measured_by", "measured_at", "failures"]
    ordering = ["name"]


class CheckRunInline(ReadOnlyInline):
    """How its checks went; each run has a page with what every check measured."""

    model = CheckRun
    fields = ["started_at", "finished_at", "trigger", "outcome"]
    ordering = ["-id"]
    per_page = 10
    show_change_link = True


class NoticeInline(ReadOnlyInline):
    """What is, or was, announced about it."""

    model = Notice
    fields = ["starts_at", "minutes", "permanent", "reason", "cancelled_at", "ended_at"]
    ordering = ["-id"]
    per_page = 10


class EventWords:
    """An event's two states in the words of all other pages."""

    @admin.display(description="From")
    def was(self, event: NodeEvent) -> str:
        """Name the state before."""
        return selectors.status_word(event.from_status)

    @admin.display(description="To")
    def became(self, event: NodeEvent) -> str:
        """Name the state after."""
        return selectors.status_word(event.to_status)


class StandingFilter(admin.SimpleListFilter):
    """Machines by where they stand; rented is a state here, as everywhere."""

    title, parameter_name = "state", "standing"
    left = "OFF"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every state."""
        states = [(standing.value, WORDS[standing]) for standing in selectors.Standing]
        return [*states, (self.left, OFF_THE_MARKET)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Node]) -> QuerySet[Node]:
        """Keep the machines in the chosen state; an unknown one keeps all."""
        wanted = self.value() or ""
        if wanted == self.left:
            return queryset.exclude(delisted_at=None)
        if wanted not in list(selectors.Standing):
            return queryset
        return queryset.filter(selectors.stands(selectors.Standing(wanted)))


class NodeEventInline(EventWords, ReadOnlyInline):
    """Why the node is as it is."""

    model = NodeEvent
    fields = ["created_at", "was", "became", "reason_code", "reason", "actor_name"]
    readonly_fields = ["was", "became"]
    ordering = ["-id"]
    per_page = 20


@admin.register(Node)
class NodeAdmin(ReadOnlyAdmin):
    """Machines, with what an operator may decide about them."""

    list_display = [
        "huid", "gpu_model", "gpu_count", "free_gpu_count", "price_per_gpu_usd", "standing",
        "simulated", "frozen_at", "last_seen_at", "missed_probes", "starts_proven", "starts_failed",
    ]  # fmt: skip
    list_filter = [StandingFilter, "simulated", "tier", "gpu_model__short_name"]
    list_select_related = ["gpu_model"]
    search_fields = ["public_id", "name", "host", "provider__name"]
    ordering = ["-pk"]
    exclude = ["offer_json", "status", "status_reason"]
    readonly_fields = ["standing", "standing_message"]
    inlines = [NodeGpuInline, NoticeInline, CheckRunInline, FactInline, NodeEventInline]
    actions = ["verify_again", "freeze", "unfreeze", "move_renters", "let_stay", "delist"]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Begin with where the machine stands, in the words of all other pages."""
        return ["standing", "standing_message", *super().get_fields(request, obj)]

    @admin.display(description="State", ordering="status")
    def standing(self, row: Node) -> str:
        """Name the state."""
        return OFF_THE_MARKET if row.delisted_at else selectors.standing_of(row).word

    @admin.display(description="Why")
    def standing_message(self, row: Node) -> str:
        """Give the sentence that provider and renter read."""
        return selectors.standing_of(row).message

    @with_reason("Check again now")
    def verify_again(self, row: Node, actor: Actor, reason: str) -> None:
        """Start a run of all checks; the evidence is on the run's page."""
        oversight.verify_again(node_id=row.pk, why=reason, actor=actor, now=clock.now())

    @with_reason("Move renters: hide, tell them, end in 48 h")
    def move_renters(self, row: Node, actor: Actor, reason: str) -> None:
        """Tell renters to move, with equivalents and a countdown."""
        oversight.move_renters(node_id=row.pk, why=reason, actor=actor, now=clock.now())

    @with_reason("Let renters stay: take the move back, show again")
    def let_stay(self, row: Node, actor: Actor, reason: str) -> None:
        """Take a move back."""
        oversight.let_stay(node_id=row.pk, why=reason, actor=actor, now=clock.now())

    @with_reason("Hide from new renters")
    def freeze(self, row: Node, actor: Actor, reason: str) -> None:
        """Hide the node; its pods go on."""
        listing.freeze(node_id=row.pk, why=reason, actor=actor, now=clock.now())

    @with_reason("Show to renters again")
    def unfreeze(self, row: Node, actor: Actor, reason: str) -> None:
        """Show the node again."""
        listing.unfreeze(node_id=row.pk, why=reason, actor=actor, now=clock.now())

    @with_reason("Take off the market for good")
    def delist(self, row: Node, actor: Actor, reason: str) -> None:
        """Delist the node; its pods go on."""
        listing.delist(node_id=row.pk, why=reason, actor=actor, now=clock.now())


@admin.register(Provider)
class ProviderAdmin(ReadOnlyAdmin):
    """Who hosts; the private key is never shown."""

    list_display = ["name", "public_id", "workspace", "hotkey", "created_at"]
    search_fields = ["name", "public_id", "hotkey"]
    list_select_related = ["workspace"]
    ordering = ["-pk"]
    exclude = ["ssh_private_key_encrypted"]
    actions = ["hold_payouts", "lift_payout_hold"]

    @with_reason("Put payouts on hold (the provider reads the reason)")
    def hold_payouts(self, row: Provider, actor: Actor, reason: str) -> None:
        """Keep a provider from being paid until the hold is lifted."""
        payout_holds.place(
            provider_id=row.public_id,
            provider_name=row.name,
            reason=reason,
            actor=actor,
            now=clock.now(),
        )

    @with_reason("Lift the hold on payouts")
    def lift_payout_hold(self, row: Provider, actor: Actor, reason: str) -> None:
        """Let a provider be paid again."""
        payout_holds.lift(provider_id=row.public_id, reason=reason, actor=actor, now=clock.now())


@admin.register(GpuModel)
class GpuModelAdmin(ReadOnlyAdmin):
    """The GPU catalogue, as loaded from its file."""

    list_display = ["name", "short_name", "memory_mib", "secure_price_usd", "spot_price_usd"]
    search_fields = ["name", "short_name"]
    ordering = ["name"]


@admin.register(NodeEvent)
class NodeEventAdmin(EventWords, ReadOnlyAdmin):
    """What happened to nodes."""

    list_display = ["created_at", "node", "was", "became", "reason_code", "reason", "actor_name"]
    list_filter = ["reason_code", "to_status"]
    list_select_related = ["node"]
    search_fields = ["node__public_id", "reason"]
    ordering = ["-pk"]


@admin.register(Fact)
class FactAdmin(ReadOnlyAdmin):
    """Figures with their evidence."""

    list_display = ["node", "name", "claimed", "measured", "unit", "measured_by", "measured_at", "failures"]  # fmt: skip
    list_filter = ["name", "measured_by"]
    list_select_related = ["node"]
    search_fields = ["node__public_id"]
    ordering = ["-pk"]


@admin.register(PortReservation)
class PortReservationAdmin(ReadOnlyAdmin):
    """Ports that pods hold."""

    list_display = ["node", "port", "holder"]
    list_select_related = ["node"]
    search_fields = ["holder", "node__public_id"]
    ordering = ["-pk"]


@admin.register(StartOutcome)
class StartOutcomeAdmin(ReadOnlyAdmin):
    """How starts went."""

    list_display = ["occurred_at", "node", "proven", "ready_seconds"]
    list_filter = ["proven"]
    list_select_related = ["node"]
    ordering = ["-pk"]


@admin.register(UsageFact)
class UsageFactAdmin(ReadOnlyAdmin):
    """Proven, paid use."""

    list_display = [
        "started_at",
        "ended_at",
        "node",
        "gpu_count",
        "charged_usd",
        "paid_usd",
        "holder",
    ]
    list_select_related = ["node"]
    search_fields = ["holder"]
    ordering = ["-pk"]


@admin.register(HandOver)
class HandOverAdmin(ReadOnlyAdmin):
    """GPUs changing hands."""

    list_display = ["occurred_at", "node", "direction", "gpu_count", "holder"]
    list_filter = ["direction"]
    list_select_related = ["node"]
    search_fields = ["holder"]
    ordering = ["-pk"]


@admin.register(MachineRequest)
class MachineRequestAdmin(ReadOnlyAdmin):
    """Demand that found no machine."""

    list_display = ["requested_at", "gpu_count", "machine_name", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["machine_name"]
    ordering = ["-requested_at"]
