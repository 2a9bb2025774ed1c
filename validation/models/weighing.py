"""What was weighed at a block, from which data, and what the chain said to it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


class Weighing(models.Model):
    """The scores of a window that ended at a block; the data is kept as it is published, byte for byte."""

    netuid = models.PositiveIntegerField()
    block = models.PositiveBigIntegerField()
    block_hash = models.CharField(max_length=66)
    simulated = models.BooleanField(help_text="the chain, and so the emission, is a simulation")
    window_started_at = models.DateTimeField()
    window_ended_at = models.DateTimeField()
    data = models.BinaryField(editable=False, help_text="canonical bytes; all else follows from it")
    data_sha256 = models.CharField(max_length=64)
    uids = ArrayField(models.PositiveIntegerField())
    weights = ArrayField(models.PositiveIntegerField(), help_text="u16, by place")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["netuid", "block"], name="weighing_once_a_block"),
            models.CheckConstraint(
                condition=Q(window_ended_at__gt=F("window_started_at")),
                name="weighing_window_forward",
            ),
        ]

    def __str__(self) -> str:
        return f"weights of subnet {self.netuid} at block {self.block}"


class SubmissionStatus(models.TextChoices):
    """What became of a vector that was sent."""

    SENT = "sent", "Sent, no answer known"
    ACCEPTED = "accepted", "Accepted"
    REFUSED = "refused", "Refused"
    UNKNOWN = "unknown", "The chain did not answer"


class WeightsSubmission(models.Model):
    """One try to set a weighing's vector on chain: written before it is sent, with the answer after."""

    weighing = models.ForeignKey(Weighing, on_delete=models.PROTECT, related_name="submissions")
    hotkey = models.CharField(max_length=48, help_text="SS58 of the validator")
    status = models.CharField(
        max_length=10, choices=SubmissionStatus.choices, default=SubmissionStatus.SENT
    )
    answer = models.CharField(
        max_length=500, blank=True, help_text="the chain's words, or the hash"
    )
    uids = ArrayField(
        models.PositiveIntegerField(), default=list, help_text="as sent: fitted to the subnet"
    )
    weights = ArrayField(models.PositiveIntegerField(), default=list)
    min_allowed = models.PositiveIntegerField(
        null=True, blank=True, help_text="places that the subnet wanted named then"
    )
    max_share = models.PositiveIntegerField(
        null=True, blank=True, help_text="most for one place then, of 65,535"
    )
    sent_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index("weighing", F("id").desc(), name="weights_submission_latest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=SubmissionStatus.values),
                name="weights_submission_status_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.weighing_id}: {self.status}"
