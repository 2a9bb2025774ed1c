"""The operator's view of pods: everything is read, and what can be done is done by services."""

from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline, columns, with_reason
from core import clock
from core.actors import Actor
from rentals import dispatch, selectors
from rentals.models import (
    IdempotentRequest,
    NodeWatch,
    PaidUse,
    Pod,
    PodEvent,
    PodMeter,
    PodPort,
    Quote,
    ReadyInterval,
    Receipt,
    Runway,
    Template,
)
from rentals.reasons import Reason
from rentals.services import lifecycle

SECRET: Final = frozenset({"host_private_key_encrypted", "lease_token", "environment"})


class EventInline(ReadOnlyInline):
    """What happened, oldest first."""

    model = PodEvent
    fields = [
        "occurred_at", "sub_type", "from_status", "to_status", "reason", "detail", "error", "actor_name",
    ]  # fmt: skip
    ordering = ["id"]


class PortInline(ReadOnlyInline):
    """The published ports."""

    model = PodPort
    fields = ["internal", "external"]


class IntervalInline(ReadOnlyInline):
    """The proven ready time that the charges rest on."""

    model = ReadyInterval
    fields = ["started_at", "ended_at", "started_by", "ended_by"]
    ordering = ["started_at"]


class MeterInline(ReadOnlyInline):
    """What was counted and what was posted for it."""

    model = PodMeter
    fields = columns(PodMeter, without=frozenset({"pod"}))


class StuckFilter(admin.SimpleListFilter):
    """Pods that an operator should look at."""

    title = "attention"
    parameter_name = "stuck"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the one choice."""
        return [("1", "Stuck or in doubt")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Pod]) -> QuerySet[Pod]:
        """Keep the pods that wait in vain."""
        if not self.value():
            return queryset
        return queryset.filter(pk__in=selectors.stuck_pods(now=clock.now()).values("pk"))


@admin.register(Pod)
class PodAdmin(ReadOnlyAdmin):
    """Pods; an action leaves its reason in the audit trail, a removal also in the pod's events."""

    list_display = [
        "name", "huid", "workspace", "node", "status", "waiting", "status_reason", "attempt",
        "last_proof_at", "created_at",
    ]  # fmt: skip
    list_filter = [StuckFilter, "status", "phase"]
    search_fields = ["public_id", "name", "node__public_id", "workspace__public_id", "user__email"]
    list_select_related = ["workspace", "node"]
    ordering = ["-pk"]
    exclude = sorted(SECRET)
    inlines = [EventInline, MeterInline, IntervalInline, PortInline]
    actions = ["reconcile_now", "remove"]

    @admin.display(description="In this state for")
    def waiting(self, pod: Pod) -> str:
        """Say how long the pod has been in its state."""
        return str(timedelta(seconds=int((clock.now() - pod.status_since).total_seconds())))

    @with_reason("Look at the pods now")
    def reconcile_now(self, pod: Pod, actor: Actor, reason: str) -> None:
        """Ring the worker for a pod, whenever its next look is due."""
        dispatch.reconcile(pod)

    @with_reason("Remove the pods")
    def remove(self, pod: Pod, actor: Actor, reason: str) -> None:
        """Remove a pod; its renter reads the reason."""
        lifecycle.remove_as(
            pod_id=pod.public_id,
            reason=Reason.REMOVED_BY_ADMIN,
            actor=actor,
            now=clock.now(),
            detail=reason,
        )


@admin.register(Runway)
class RunwayAdmin(ReadOnlyAdmin):
    """Workspaces on the low-balance ladder: at which step, since when, and whether they were told."""

    list_display = ["workspace", "stage", "since", "paused_at"]
    list_filter = ["stage"]
    list_select_related = ["workspace"]
    search_fields = ["workspace__public_id", "workspace__name"]
    ordering = ["since"]


@admin.register(PaidUse)
class PaidUseAdmin(ReadOnlyAdmin):
    """What each renter's usage facts came to, what of it was the renter's own money, and what was lent."""

    list_display = ["renter_account", "charged_usd", "paid_usd", "lent_usd"]
    list_select_related = ["renter_account"]
    search_fields = ["renter_account__code"]
    ordering = ["renter_account"]


@admin.register(NodeWatch)
class NodeWatchAdmin(ReadOnlyAdmin):
    """Our looks at nodes: which ones are silent, and since when."""

    list_display = [
        "node",
        "failures",
        "unknown_containers",
        "answered_at",
        "failed_at",
        "next_look_at",
        "last_error",
    ]
    list_select_related = ["node"]
    search_fields = ["node__public_id", "node__host"]
    ordering = ["-failures"]
    exclude = ["lease_token"]
    actions = ["probe_now", "prepare_again"]

    @with_reason("Probe the nodes now")
    def probe_now(self, watch: NodeWatch, actor: Actor, reason: str) -> None:
        """Ring the worker for a node's running pods."""
        dispatch.probe(node_id=watch.pk)

    @with_reason("Prepare the nodes again")
    def prepare_again(self, watch: NodeWatch, actor: Actor, reason: str) -> None:
        """Put runtime, network, firewall and base image there once more."""
        dispatch.prepare(node_id=watch.pk)


@admin.register(Template)
class TemplateAdmin(ReadOnlyAdmin):
    """Templates, public and private."""

    list_display = [
        "name", "docker_image", "docker_image_tag", "workspace", "built_on_node", "status",
        "is_private", "one_time", "deleted_at",
    ]  # fmt: skip
    list_filter = ["status", "built_on_node", "is_private", "one_time"]
    search_fields = ["public_id", "name", "docker_image"]
    list_select_related = ["workspace"]
    ordering = ["-pk"]
    exclude = ["environment"]


@admin.register(Quote)
class QuoteAdmin(ReadOnlyAdmin):
    """Locked prices."""

    list_display = ["public_id", "workspace", "node", "gpu_count", "hourly_price_usd", "expires_at"]
    search_fields = ["public_id", "workspace__public_id", "node__public_id"]
    list_select_related = ["workspace", "node"]
    ordering = ["-pk"]


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    """What ended pods were charged."""

    list_display = [
        "public_id",
        "pod",
        "ready_seconds",
        "charged_usd",
        "close_reason",
        "created_at",
    ]
    search_fields = ["public_id", "pod__public_id"]
    list_select_related = ["pod"]
    ordering = ["-pk"]


@admin.register(IdempotentRequest)
class IdempotentRequestAdmin(ReadOnlyAdmin):
    """Keyed requests; one without a status is still being decided."""

    list_display = ["key", "workspace", "status_code", "started_at", "finished_at"]
    search_fields = ["key", "workspace__public_id"]
    list_select_related = ["workspace"]
    ordering = ["-pk"]
