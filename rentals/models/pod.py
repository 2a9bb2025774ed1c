"""A pod is a rented container on a node; its states are in docs/lifecycle.md."""

from decimal import Decimal
from typing import Final
from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Concat

from accounts.models import ApiKey, User, Workspace
from billing.models import Posting
from core.huid import huid
from marketplace.models import Node, NodeGpu
from rentals.models.quote import Quote
from rentals.models.template import Template

# Of the key of the entry that pays back, before the pod's id.
REFUND_KEY: Final = "reclaimed-early:"


class PodStatus(models.TextChoices):
    """The states of docs/lifecycle.md."""

    PENDING = "pending"
    RUNNING = "running"
    UNREACHABLE = "unreachable"
    REBOOTING = "rebooting"
    REBOOT_FAILED = "reboot_failed"
    STOPPING = "stopping"
    STOPPED = "stopped"
    STARTING = "starting"
    LOST = "lost"
    FAILED = "failed"
    REMOVING = "removing"
    REMOVED = "removed"


# Its end was asked for: in no listing.
UNLISTED: Final = frozenset({PodStatus.REMOVING, PodStatus.REMOVED})
# Nothing of it comes back.
OVER: Final = UNLISTED | {PodStatus.FAILED}
# It has its receipt.
ENDED: Final = frozenset({PodStatus.FAILED, PodStatus.REMOVED})
# It was proven, and nothing shows that it ended.
UP: Final = frozenset({PodStatus.RUNNING, PodStatus.UNREACHABLE})
RESTARTING: Final = frozenset({PodStatus.REBOOTING, PodStatus.STARTING})
# It was proven once and has to be proven again.
TO_PROVE_AGAIN: Final = RESTARTING | {PodStatus.UNREACHABLE}


class Phase(models.TextChoices):
    """How far a start has come."""

    RESERVED = "reserved"
    CONNECTING = "connecting"
    IMAGE = "image"
    CONTAINER = "container"
    SSH = "ssh"

    def is_before(self, other: "Phase") -> bool:
        """Say whether a start comes to this phase before it comes to another."""
        order = list(Phase)
        return order.index(self) < order.index(other)


class PodQuerySet(models.QuerySet["Pod"]):
    """Read predicates over pods."""

    def listed(self) -> "PodQuerySet":
        """Keep the pods that a listing shows: all but removing and removed ones."""
        return self.exclude(status__in=UNLISTED)

    def with_hold(self) -> "PodQuerySet":
        """Add ``holds_gpus``: whether GPUs of the node are reserved for the pod."""
        held = NodeGpu.objects.filter(node=OuterRef("node"), holder=OuterRef("public_id"))
        return self.annotate(holds_gpus=Exists(held))  # type: ignore[no-redef]  # typed on the model

    def with_cost(self) -> "PodQuerySet":
        """Add ``refunded_usd``, what was paid back, and ``net_usd``, what was charged less that; the one rule of a cost."""
        key = Concat(Value(REFUND_KEY), Cast(OuterRef("public_id"), models.CharField()))
        paid_back = Posting.objects.filter(
            entry__idempotency_key=key, account=OuterRef("meter__renter_account")
        )
        refunded = Coalesce(Subquery(paid_back.values("amount")), Decimal(0))
        return self.annotate(  # type: ignore[no-redef]  # typed on the model
            refunded_usd=refunded, net_usd=F("meter__posted_usd") - refunded
        )


class Pod(models.Model):
    """One rental: what was agreed, where it runs, and where its reconciliation stands."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="pods")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="pods")
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.PROTECT, null=True, blank=True, related_name="pods"
    )
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="pods")
    quote = models.ForeignKey(Quote, on_delete=models.PROTECT, related_name="pods")
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="pods")
    name = models.CharField(max_length=100)

    status = models.CharField(max_length=15, choices=PodStatus.choices, default=PodStatus.PENDING)
    status_reason_code = models.CharField(max_length=60, blank=True)
    status_reason = models.CharField(max_length=500, blank=True)
    status_since = models.DateTimeField()
    phase = models.CharField(max_length=12, choices=Phase.choices, default=Phase.RESERVED)
    phase_since = models.DateTimeField()
    phase_seconds = models.JSONField(
        default=dict, blank=True, help_text="how long each phase of the last start took"
    )

    gpu_count = models.PositiveSmallIntegerField()
    gpu_uuids = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    price_per_gpu_usd = models.DecimalField(max_digits=30, decimal_places=9)
    hourly_price_usd = models.DecimalField(max_digits=30, decimal_places=9)
    fee_rate = models.DecimalField(max_digits=6, decimal_places=5)
    notice_hours = models.PositiveSmallIntegerField(
        default=24, help_text="promised at rent: told so long before a maintenance, at least"
    )
    cpus = models.FloatField(help_text="its share of the node's threads")
    memory_mib = models.PositiveIntegerField(help_text="its share of the node's memory")
    image = models.CharField(max_length=400, help_text="full reference, fixed at rent")
    environment = models.JSONField(default=dict, blank=True)
    startup_commands = models.TextField(blank=True)
    authorized_keys = models.TextField(help_text="public key lines")
    host_public_key = models.TextField(help_text="made by us, told before the first connection")
    host_private_key_encrypted = models.TextField(editable=False)

    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(auto_now=True)
    ready_at = models.DateTimeField(null=True, blank=True, help_text="first proof of readiness")
    last_proof_at = models.DateTimeField(null=True, blank=True, help_text="last good probe")
    removal_scheduled_at = models.DateTimeField(null=True, blank=True)
    low_balance_since = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    container_started_at = models.CharField(max_length=40, blank=True)

    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    next_look_at = models.DateTimeField(help_text="when reconciliation looks again")
    deadline_at = models.DateTimeField(null=True, blank=True, help_text="of the present phase")
    attempt = models.PositiveSmallIntegerField(
        default=0, help_text="tries of the present step, or probes that failed in a row"
    )
    last_error = models.TextField(blank=True, help_text="why the present step is tried again")
    gone_at = models.DateTimeField(
        null=True, blank=True, help_text="when the machine showed that no container is left"
    )

    objects = PodQuerySet.as_manager()

    # Added by `with_hold`: the reservation itself says it, so no field repeats it.
    holds_gpus: bool
    # Added by `with_cost`.
    refunded_usd: Decimal
    net_usd: Decimal

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=PodStatus.values), name="pod_status_known"
            ),
            models.CheckConstraint(condition=Q(phase__in=Phase.values), name="pod_phase_known"),
            models.CheckConstraint(condition=Q(gpu_count__gt=0), name="pod_has_gpus"),
        ]
        indexes = [
            models.Index(
                fields=["next_look_at"],
                condition=~Q(status="removed"),
                name="pod_due",
            ),
            models.Index("workspace", models.F("created_at").desc(), name="pod_by_workspace"),
            models.Index(
                fields=["node"],
                condition=~Q(status__in=["removed"]),
                name="pod_by_node_live",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def huid(self) -> str:
        """The human id that the client shows too."""
        return huid(self.public_id)


class PodPort(models.Model):
    """A port of the container and the port of the node it is published on."""

    pod = models.ForeignKey(Pod, on_delete=models.CASCADE, related_name="ports")
    internal = models.PositiveIntegerField()
    external = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pod", "internal"], name="pod_port_once"),
        ]

    def __str__(self) -> str:
        return f"{self.internal} -> {self.external}"
