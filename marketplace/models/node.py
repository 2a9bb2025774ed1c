"""A node is one GPU machine of a provider: what it has, what of it is free, and how to reach it."""

from enum import StrEnum
from uuid import UUID, uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from core.huid import huid
from marketplace.models.gpu_model import GpuModel
from marketplace.models.provider import Provider
from marketplace.simulated import SIMULATED_UUID_PREFIX


class NodeStatus(models.TextChoices):
    """The life of a node on the market; the table is in marketplace/transitions.py.

    Whether it is rented is no status of its own: `marketplace.selectors.standing` tells it from the GPUs.
    """

    VALIDATION_PENDING = "validation_pending"
    AVAILABLE = "available"
    VALIDATION_FAILED = "validation_failed"
    OFFLINE = "offline"
    NOT_DETECTED = "not_detected"
    RECLAIMING = "reclaiming"


class Met(StrEnum):
    """What a missed probe met, where it is more than silence, in the words of its event."""

    ANOTHER_KEY = "Another host key is presented at its address."
    REFUSAL = "Our key is refused."


class Tier(models.TextChoices):
    """What a renter may expect: a spot node can be reclaimed with notice."""

    SECURE = "secure"
    SPOT = "spot"


class GpuAccess(models.TextChoices):
    """How GPUs get into a container; decided at enrolment, never guessed at rent."""

    SIMULATED = "simulated"
    CDI = "cdi"
    GPUS = "gpus"


class ProofVerdict(models.TextChoices):
    """What stands of the latest proof of a node's GPUs; what could not be told changes nothing."""

    PASS = "pass", "Passed"
    FAIL = "fail", "Failed"


class NodeQuerySet(models.QuerySet["Node"]):
    """Read predicates over nodes."""

    def listed(self) -> "NodeQuerySet":
        """Keep the nodes that renters may see."""
        return self.filter(status=NodeStatus.AVAILABLE, delisted_at=None, frozen_at=None)

    def idle(self) -> "NodeQuerySet":
        """Keep the listed nodes none of whose GPUs a pod holds."""
        return self.listed().filter(free_gpu_count=F("gpu_count"))

    def rentable(self) -> "NodeQuerySet":
        """Keep the listed nodes with a free GPU."""
        return self.listed().filter(free_gpu_count__gt=0)


class Node(models.Model):
    """One GPU machine. Figures are measured unless the fact beside them says claimed; null is unknown."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="nodes")
    name = models.CharField(max_length=100, blank=True)
    status = models.CharField(
        max_length=20, choices=NodeStatus.choices, default=NodeStatus.VALIDATION_PENDING
    )
    status_reason = models.CharField(max_length=300, blank=True)
    simulated = models.BooleanField(default=False)

    gpu_model = models.ForeignKey(GpuModel, on_delete=models.PROTECT, related_name="nodes")
    gpu_count = models.PositiveSmallIntegerField()
    free_gpu_count = models.PositiveSmallIntegerField(
        help_text="kept by marketplace.services.reservations under the row lock"
    )
    min_gpu_count = models.PositiveSmallIntegerField(default=1, help_text="smallest pod")
    price_per_gpu_usd = models.DecimalField(max_digits=30, decimal_places=9)
    tier = models.CharField(max_length=10, choices=Tier.choices, default=Tier.SECURE)

    host = models.CharField(max_length=253, help_text="where the platform reaches sshd")
    ssh_port = models.PositiveIntegerField(default=22)
    ssh_user = models.CharField(max_length=32, default="lium")
    host_key = models.TextField(
        blank=True, help_text="pinned openssh public key line; empty until it was looked at"
    )
    public_host = models.CharField(max_length=253, help_text="where renters reach pods")
    bind_address = models.GenericIPAddressField(
        default="0.0.0.0",  # noqa: S104  # renters reach pods from outside
        help_text="address on the node that pods' ports are published on",
    )
    first_port = models.PositiveIntegerField(default=40000)
    last_port = models.PositiveIntegerField(default=40999)
    free_port_count = models.PositiveIntegerField(
        default=1000, help_text="kept by marketplace.services.reservations, as the GPUs are"
    )
    state_dir = models.CharField(max_length=300, default="/var/lib/lium-node")
    gpu_access = models.CharField(
        max_length=10, choices=GpuAccess.choices, blank=True, help_text="empty until it was checked"
    )

    cpu_count = models.PositiveIntegerField(null=True, blank=True, help_text="threads")
    ram_mib = models.PositiveIntegerField(null=True, blank=True)
    disk_gib = models.PositiveIntegerField(null=True, blank=True, help_text="rentable")
    download_mbps = models.FloatField(null=True, blank=True)
    upload_mbps = models.FloatField(null=True, blank=True)
    driver_version = models.CharField(max_length=30, blank=True)
    cuda_version = models.DecimalField(max_digits=4, decimal_places=1, null=True, blank=True)
    nvlink = models.BooleanField(null=True, blank=True)
    power_limit_watts = models.PositiveIntegerField(null=True, blank=True, help_text="of a GPU")
    interconnect = models.JSONField(
        null=True, blank=True, help_text="how GPU and GPU are linked: rows of `nvidia-smi topo -m`"
    )
    power_limited = models.BooleanField(null=True, blank=True)
    country_code = models.CharField(max_length=2, blank=True)
    country = models.CharField(max_length=60, blank=True)
    city = models.CharField(max_length=60, blank=True)
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)

    starts_proven = models.PositiveIntegerField(default=0, help_text="pods that became ready")
    starts_failed = models.PositiveIntegerField(default=0, help_text="starts the node failed")
    typical_ready_seconds = models.FloatField(null=True, blank=True)
    proven_at = models.DateTimeField(
        null=True, blank=True, help_text="we logged in over its host key; empty while it is a claim"
    )
    last_verified_at = models.DateTimeField(null=True, blank=True)
    proof_verdict = models.CharField(
        max_length=10,
        choices=ProofVerdict.choices,
        blank=True,
        help_text="of the latest proof of its GPUs that passed or failed; empty before the first",
    )
    proof_at = models.DateTimeField(null=True, blank=True, help_text="when it was told")
    proof_id: "models.UUIDField[UUID | None, UUID | None]" = models.UUIDField(
        null=True, blank=True, help_text="the proof's public id"
    )
    last_seen_at = models.DateTimeField(null=True, blank=True)
    boot_id = models.CharField(max_length=40, blank=True)
    next_probe_at = models.DateTimeField(null=True, blank=True, help_text="heartbeat; null is now")
    missed_probes = models.PositiveSmallIntegerField(default=0, help_text="in a row")
    missing_since = models.DateTimeField(null=True, blank=True, help_text="first missed probe")
    missed_why = models.CharField(
        max_length=100,
        blank=True,
        help_text="of the last missed probe, where it is more than silence",
    )
    prepared_digest = models.CharField(
        max_length=64, blank=True, help_text="of the runtime, network and base image put there"
    )
    cached_images = ArrayField(models.CharField(max_length=300), default=list, blank=True)

    notice_hours = models.PositiveSmallIntegerField(
        default=24, help_text="how long before a maintenance renters are told, at least"
    )
    next_checks_at = models.DateTimeField(null=True, blank=True, help_text="the next full run")
    listing_wanted_at = models.DateTimeField(
        null=True, blank=True, help_text="the provider wants it on the market once its checks pass"
    )
    first_listed_at = models.DateTimeField(null=True, blank=True, help_text="public since")

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    delisted_at = models.DateTimeField(null=True, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)
    offer_json = models.TextField(
        default="", editable=False, help_text="the row of GET /executors; the database writes it"
    )

    objects = NodeQuerySet.as_manager()

    class Meta:
        constraints = [
            # A claim of one provider keeps nobody else out; only who was reached there does.
            models.UniqueConstraint(
                fields=["provider", "host", "ssh_port"],
                condition=Q(delisted_at=None),
                name="node_claimed_once",
            ),
            models.UniqueConstraint(
                fields=["host", "ssh_port"],
                condition=Q(delisted_at=None, proven_at__isnull=False),
                name="node_one_per_address",
            ),
            models.UniqueConstraint(
                fields=["host_key"],
                condition=Q(delisted_at=None, proven_at__isnull=False) & ~Q(host_key=""),
                name="node_one_per_host_key",
            ),
            models.CheckConstraint(
                condition=Q(free_gpu_count__lte=F("gpu_count")), name="node_free_within_count"
            ),
            models.CheckConstraint(
                condition=Q(status__in=NodeStatus.values), name="node_status_known"
            ),
            models.CheckConstraint(
                condition=Q(gpu_access__in=["", *GpuAccess.values]), name="node_gpu_access_known"
            ),
            models.CheckConstraint(
                condition=Q(proof_verdict__in=["", *ProofVerdict.values]),
                name="node_proof_verdict_known",
            ),
            models.CheckConstraint(
                condition=Q(price_per_gpu_usd__gt=0), name="node_price_positive"
            ),
            models.CheckConstraint(condition=Q(tier__in=Tier.values), name="node_tier_known"),
            models.CheckConstraint(
                condition=Q(min_gpu_count__gte=1, min_gpu_count__lte=F("gpu_count")),
                name="node_smallest_pod_within_count",
            ),
            models.CheckConstraint(
                condition=Q(first_port__gte=1, first_port__lte=F("last_port"), last_port__lt=65536),
                name="node_ports_in_order",
            ),
        ]
        indexes = [
            models.Index(
                "gpu_model",
                "price_per_gpu_usd",
                "id",
                include=["free_gpu_count"],
                condition=Q(
                    status="available",
                    delisted_at=None,
                    frozen_at=None,
                    free_gpu_count__gt=0,
                ),
                name="node_rentable_by_model",
            ),
            models.Index(
                "price_per_gpu_usd",
                "id",
                condition=Q(
                    status="available",
                    delisted_at=None,
                    frozen_at=None,
                    free_gpu_count__gt=0,
                ),
                name="node_rentable_by_price",
            ),
            models.Index(
                fields=["next_probe_at"], condition=Q(delisted_at=None), name="node_probe_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.huid} ({self.gpu_count} x {self.gpu_model_id})"

    @property
    def huid(self) -> str:
        """The human id that the client shows too."""
        return huid(self.public_id)

    def gpu_counts(self) -> list[int]:
        """Give the pod sizes this node can be split into right now."""
        return list(range(self.min_gpu_count, self.free_gpu_count + 1))


class NodeGpu(models.Model):
    """One GPU of a node by UUID; ``holder`` is the pod that has it."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="gpus")
    uuid = models.CharField(max_length=64)
    position = models.PositiveSmallIntegerField(help_text="nvidia-smi index, for people only")
    holder: "models.UUIDField[UUID | None, UUID | None]" = models.UUIDField(null=True, blank=True)
    missing_since = models.DateTimeField(
        null=True, blank=True, help_text="the machine no longer shows it, but a pod still holds it"
    )

    given_up_at = models.DateTimeField(
        null=True, blank=True, help_text="its node is off the market, and no pod holds it"
    )

    class Meta:
        verbose_name = "GPU"
        constraints = [
            models.UniqueConstraint(fields=["node", "uuid"], name="node_gpu_once"),
            # Simulated machines that were copied from each other share their stand-ins.
            models.UniqueConstraint(
                fields=["uuid"],
                condition=Q(given_up_at=None) & ~Q(uuid__startswith=SIMULATED_UUID_PREFIX),
                name="gpu_on_one_node",
            ),
        ]
        indexes = [
            models.Index(fields=["uuid"], name="gpu_by_uuid"),
            models.Index(
                fields=["holder"], condition=Q(holder__isnull=False), name="gpu_by_holder"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.uuid} on {self.node_id}"


class PortReservation(models.Model):
    """An external port of a node that a pod holds."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="port_reservations")
    port = models.PositiveIntegerField()
    holder = models.UUIDField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["node", "port"], name="node_port_once"),
        ]
        indexes = [models.Index(fields=["holder"], name="port_by_holder")]

    def __str__(self) -> str:
        return f"port {self.port} of {self.node_id}"
