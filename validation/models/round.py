"""A round challenges every idle machine at one beacon block, so that each listed card needs a real one then."""

from django.db import models


class Round(models.Model):
    """One beacon block and the machines that were challenged at it."""

    chain = models.CharField(max_length=120, help_text="the beacon's chain, by name and genesis")
    beacon_number = models.PositiveBigIntegerField()
    beacon_hash = models.CharField(max_length=64, help_text="hexadecimal")
    machine_count = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    next_at = models.DateTimeField(help_text="when the next round is due")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["chain", "beacon_number"], name="proof_round_one_a_block"
            )
        ]

    def __str__(self) -> str:
        return f"round at block {self.beacon_number}"
