"""How far the chain was read."""

from django.db import models


class ChainCursor(models.Model):
    """The newest finalized block whose transfers are credited; it moves with the credits, never alone."""

    genesis = models.CharField(max_length=66, unique=True)
    network = models.CharField(max_length=60)
    number = models.BigIntegerField()
    block_hash = models.CharField(max_length=66)
    block_at = models.DateTimeField()
    best = models.BigIntegerField(help_text="the newest block that was seen, final or not")
    read_at = models.DateTimeField()
    problem = models.CharField(
        max_length=500,
        blank=True,
        help_text="why the chain could not be read since, if it could not",
    )

    def __str__(self) -> str:
        return f"{self.network} at {self.number}"
