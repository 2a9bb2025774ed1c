"""What the cards of honest proofs took: the samples that bands are computed from."""

from django.db import models

from marketplace.models import GpuModel, Node
from validation.models.proof import Proof


class CardSample(models.Model):
    """One card in one proof whose arithmetic held; the times are its machine's, by the validator's clock."""

    proof = models.ForeignKey(Proof, on_delete=models.CASCADE, related_name="samples")
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="card_samples")
    gpu_model = models.ForeignKey(GpuModel, on_delete=models.PROTECT, related_name="card_samples")
    uuid = models.CharField(max_length=64)
    shape = models.CharField(max_length=80, help_text="the parameters that times depend on")
    simulated = models.BooleanField(default=False)
    fill_us = models.PositiveBigIntegerField(help_text="microseconds, without the round trip")
    sweep_us = models.PositiveBigIntegerField(help_text="microseconds, without the round trip")
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["proof", "uuid"], name="card_sample_once")]
        indexes = [
            models.Index("gpu_model", "shape", models.F("id").desc(), name="card_sample_latest"),
            models.Index(fields=["uuid"], name="card_sample_by_uuid"),
        ]

    def __str__(self) -> str:
        return f"{self.uuid} in {self.proof_id}"
