"""What was checked on a machine, step by step: the same rows for wizard, sweep, provider and operator."""

from uuid import uuid4

from django.db import models
from django.db.models import Q

from marketplace.models.node import Node


class CheckStatus(models.TextChoices):
    """How a check went; unknown means that it could not be told, and is no failure."""

    PENDING = "pending"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class Trigger(models.TextChoices):
    """Who wanted the run."""

    WIZARD = "wizard"
    PROVIDER = "provider"
    SCHEDULE = "schedule"
    OPERATOR = "operator"


class Outcome(models.TextChoices):
    """How a run ended; incomplete means that the machine left something open, broken off that we did."""

    PASSED = "passed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    BROKEN_OFF = "broken_off"


class CheckRun(models.Model):
    """One pass over a node's checks; a node has at most one unfinished."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="check_runs")
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    attempt = models.PositiveSmallIntegerField(default=0, help_text="workers that took it up")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["node"], condition=Q(finished_at=None), name="check_run_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["", *Outcome.values]), name="check_run_outcome_known"
            ),
        ]
        indexes = [models.Index("node", models.F("id").desc(), name="check_run_latest")]

    def __str__(self) -> str:
        return f"checks of {self.node_id} at {self.started_at:%Y-%m-%d %H:%M}"

    def keeps(self, result: "CheckResult") -> bool:
        """Say whether a result of this run was tried in an earlier one."""
        return result.started_at is not None and result.started_at < self.started_at


class CheckResult(models.Model):
    """One check of a run: what was measured, what is required, why, and how to mend it."""

    run = models.ForeignKey(CheckRun, on_delete=models.CASCADE, related_name="results")
    position = models.PositiveSmallIntegerField()
    check_id = models.CharField(max_length=40)
    status = models.CharField(
        max_length=10, choices=CheckStatus.choices, default=CheckStatus.PENDING
    )
    code = models.CharField(max_length=60, blank=True, help_text="what is wrong, in one word")
    measured = models.CharField(max_length=300, blank=True)
    required = models.CharField(max_length=300, blank=True)
    why = models.CharField(max_length=300, blank=True)
    fix = models.CharField(max_length=500, blank=True)
    fix_command = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "check_id"], name="check_result_once"),
            models.CheckConstraint(
                condition=Q(status__in=CheckStatus.values), name="check_result_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.check_id}: {self.status}"
