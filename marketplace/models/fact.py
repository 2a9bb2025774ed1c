"""Facts, not claims: each figure of a node with who measured it and when."""

from django.db import models

from marketplace.models.node import Node


class Fact(models.Model):
    """The current value of one figure of a node; null ``measured`` means nobody measured it yet."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="facts")
    name = models.CharField(max_length=40)
    unit = models.CharField(max_length=12, blank=True)
    claimed = models.CharField(max_length=200, null=True, blank=True)
    measured = models.CharField(max_length=200, null=True, blank=True)
    measured_by = models.CharField(max_length=60, blank=True)
    measured_at = models.DateTimeField(null=True, blank=True)
    samples = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "name"], name="fact_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.node_id}: {self.measured or self.claimed}"


class FactSample(models.Model):
    """One measurement, kept for the history chart."""

    fact = models.ForeignKey(Fact, on_delete=models.CASCADE, related_name="history")
    value = models.CharField(max_length=200, null=True)
    measured_by = models.CharField(max_length=60)
    measured_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index("fact", models.F("measured_at").desc(), name="fact_sample_latest")]

    def __str__(self) -> str:
        return f"{self.value} at {self.measured_at:%Y-%m-%d %H:%M}"
