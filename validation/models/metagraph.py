"""The subnet as the chain told it: its places and what it demands of weights."""

from django.db import models


class Metagraph(models.Model):
    """A subnet at a final block; one row a subnet, read anew every few minutes."""

    netuid = models.PositiveIntegerField(unique=True)
    block = models.PositiveBigIntegerField()
    tempo = models.PositiveIntegerField(help_text="blocks between two epochs")
    weights_rate_limit = models.PositiveBigIntegerField(help_text="blocks between two vectors")
    commit_reveal = models.BooleanField(help_text="weights are hidden until they are revealed")
    reveal_period_epochs = models.PositiveIntegerField()
    min_allowed_weights = models.PositiveIntegerField()
    max_weights_limit = models.PositiveIntegerField(help_text="most for one place, of 65,535")
    weights_version = models.PositiveBigIntegerField()
    read_at = models.DateTimeField()

    class Meta:
        verbose_name = "validator"
        verbose_name_plural = "validator"

    def __str__(self) -> str:
        return f"subnet {self.netuid} at block {self.block}"


class MetagraphPlace(models.Model):
    """One place of a subnet and who holds it."""

    metagraph = models.ForeignKey(Metagraph, on_delete=models.CASCADE, related_name="places")
    uid = models.PositiveIntegerField()
    hotkey = models.CharField(max_length=48)
    coldkey = models.CharField(max_length=48, blank=True)
    stake_rao = models.BigIntegerField(help_text="the weight of its stake, in rao of alpha")
    validator_permit = models.BooleanField()
    active = models.BooleanField(help_text="set weights lately")
    last_update_block = models.PositiveBigIntegerField(help_text="0: it never set weights")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["metagraph", "uid"], name="metagraph_place_once"),
            models.UniqueConstraint(fields=["metagraph", "hotkey"], name="metagraph_hotkey_once"),
        ]

    def __str__(self) -> str:
        return f"{self.uid}: {self.hotkey}"
