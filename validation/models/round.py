"""A round challenges every idle machine at one block, so that each listed card needs a real one then."""

from django.db import models


class Round(models.Model):
    """A block to come, at which all that are ready by then are challenged; the others get ready for a second one."""

    chain = models.CharField(max_length=120, help_text="the beacon's chain, by name and genesis")
    beacon_number = models.PositiveBigIntegerField()
    second_number = models.PositiveBigIntegerField(help_text="the block of those that were late")
    machine_count = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(help_text="from here on machines get ready")
    second_at = models.DateTimeField(help_text="when those that were late get ready")
    next_at = models.DateTimeField(help_text="when the next round is due")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["chain", "beacon_number"], name="proof_round_one_a_block"
            )
        ]

    def __str__(self) -> str:
        return f"round at block {self.beacon_number}"
