"""The GPU catalogue: canonical names, aliases and data-sheet figures."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class GpuModel(models.Model):
    """A GPU product as nvidia-smi names it."""

    name = models.CharField(max_length=100, unique=True, help_text="as nvidia-smi reports it")
    short_name = models.CharField(max_length=30, unique=True)
    aliases = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    memory_mib = models.PositiveIntegerField()
    memory_bandwidth_gbs = models.PositiveIntegerField(null=True, blank=True)
    int8_dense_tops = models.PositiveIntegerField(null=True, blank=True)
    fp16_dense_tflops = models.PositiveIntegerField(null=True, blank=True)
    power_w = models.PositiveIntegerField(null=True, blank=True)
    compute_capability = models.CharField(max_length=6, blank=True)
    secure_price_usd = models.DecimalField(
        max_digits=30, decimal_places=9, null=True, blank=True, help_text="reference, per GPU-hour"
    )
    spot_price_usd = models.DecimalField(
        max_digits=30, decimal_places=9, null=True, blank=True, help_text="reference, per GPU-hour"
    )

    def __str__(self) -> str:
        return self.short_name
