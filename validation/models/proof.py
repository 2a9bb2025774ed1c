"""A proof of GPU: why it was wanted, how far it is, what its bundle showed."""

from uuid import uuid4

from django.db import models
from django.db.models import F, Q

from marketplace.models import GpuModel, HandOver, Node
from validation.models.round import Round


class Purpose(models.TextChoices):
    """Why a machine is proven; the values stand in signed bundles and stay as they are."""

    ROUND = "sweep", "Round of all idle machines"
    LOOK = "hand_over", "Look at rented GPUs"
    RETURN = "return", "Given back by a renter"
    ON_DEMAND = "on_demand", "Asked for"


class ProofStatus(models.TextChoices):
    """How far a proof is; the table is in validation/transitions.py."""

    WANTED = "wanted", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"


class Verdict(models.TextChoices):
    """What a finished proof says; unknown and not run neither punish nor earn."""

    PASS = "pass", "Passed"
    FAIL = "fail", "Failed"
    UNKNOWN = "unknown", "Could not be told"
    NOT_RUN = "not_run", "Not run"


class CheckStatus(models.TextChoices):
    """How one check of a proof went."""

    PASS = "pass", "Passed"
    FAIL = "fail", "Failed"
    UNKNOWN = "unknown", "Could not be told"
    NOT_CHECKED = "not_checked", "Not checked"


class Proof(models.Model):
    """One proof of one machine; a machine has at most one that is not done."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="proofs")
    gpu_model = models.ForeignKey(GpuModel, on_delete=models.PROTECT, related_name="proofs")
    gpu_count = models.PositiveSmallIntegerField(help_text="as claimed")
    hotkey = models.CharField(
        max_length=60, blank=True, help_text="of the provider, when it was asked; empty: none"
    )
    simulated = models.BooleanField(default=False)
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    round = models.ForeignKey(
        Round, on_delete=models.PROTECT, null=True, blank=True, related_name="proofs"
    )
    hand_over = models.OneToOneField(
        HandOver, on_delete=models.SET_NULL, null=True, blank=True, related_name="proof"
    )

    status = models.CharField(
        max_length=10, choices=ProofStatus.choices, default=ProofStatus.WANTED
    )
    verdict = models.CharField(max_length=10, choices=Verdict.choices, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="why it stands as it does")
    wanted_at = models.DateTimeField()
    next_try_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True, help_text="the latest try")
    finished_at = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)

    beacon_number = models.PositiveBigIntegerField(null=True, blank=True)
    beacon_hash = models.CharField(max_length=64, blank=True, help_text="hexadecimal")
    coin_number = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="the later block that the openings were drawn with"
    )
    previous = models.CharField(
        max_length=64, blank=True, help_text="commitment of the machine's proof before this one"
    )
    commitment = models.CharField(max_length=64, blank=True, help_text="hexadecimal")
    fill_us = models.PositiveBigIntegerField(null=True, blank=True)
    sweep_us = models.PositiveBigIntegerField(null=True, blank=True)
    bundle = models.BinaryField(null=True, editable=False, help_text="canonical bytes, as signed")
    bundle_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["node"], condition=~Q(status="done"), name="proof_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ProofStatus.values), name="proof_status_known"
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=Purpose.values), name="proof_purpose_known"
            ),
            # Done and judged are one.
            models.CheckConstraint(
                condition=Q(status="done", verdict__in=Verdict.values)
                | (~Q(status="done") & Q(verdict="")),
                name="proof_verdict_when_done",
            ),
        ]
        indexes = [
            models.Index("node", F("id").desc(), name="proof_latest"),
            models.Index(fields=["bundle_sha256"], name="proof_by_bundle"),
            models.Index(fields=["next_try_at"], condition=~Q(status="done"), name="proof_due"),
        ]

    def __str__(self) -> str:
        return f"proof of {self.node_id} at {self.wanted_at:%Y-%m-%d %H:%M}"

    @property
    def standing(self) -> str:
        """Give the verdict, or how far it is before there is one."""
        return self.verdict or self.status

    @property
    def is_open(self) -> bool:
        """Say whether it is still to come or under way."""
        return self.status != ProofStatus.DONE

    @property
    def is_look(self) -> bool:
        """Say whether it only asks who uses rented GPUs: nothing is computed, and nothing proven."""
        return self.purpose == Purpose.LOOK


class ProofTry(models.Model):
    """A try that did not end its proof: what was exchanged before it broke off, or its bundle where times alone were wrong."""

    proof = models.ForeignKey(Proof, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField()
    ended_at = models.DateTimeField()
    reason = models.CharField(max_length=300)
    record = models.BinaryField(editable=False, help_text="canonical JSON, as it is published")
    record_sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["proof", "number"], name="proof_try_once")]

    def __str__(self) -> str:
        return f"try {self.number} of {self.proof_id}"


class ProofCheck(models.Model):
    """One check of a proof: what was measured, what is required, and how to mend it."""

    proof = models.ForeignKey(Proof, on_delete=models.CASCADE, related_name="checks")
    position = models.PositiveSmallIntegerField()
    check_id = models.CharField(max_length=40)
    status = models.CharField(max_length=12, choices=CheckStatus.choices)
    measured = models.CharField(max_length=500, blank=True)
    required = models.CharField(max_length=500, blank=True)
    remedy = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["proof", "position"], name="proof_check_once"),
            models.CheckConstraint(
                condition=Q(status__in=CheckStatus.values), name="proof_check_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.check_id}: {self.status}"


class ProofEvent(models.Model):
    """One step of a proof, with who took it and why."""

    proof = models.ForeignKey(Proof, on_delete=models.CASCADE, related_name="events")
    from_status = models.CharField(max_length=10, blank=True)
    to_status = models.CharField(max_length=10)
    reason_code = models.CharField(max_length=40)
    reason = models.CharField(max_length=300, blank=True)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["proof", "id"], name="proof_event_in_order")]

    def __str__(self) -> str:
        return f"{self.proof_id}: {self.from_status} -> {self.to_status} ({self.reason_code})"
