"""The GPU catalogue: canonical names, aliases and data-sheet figures."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models


class GpuModel(models.Model):
    """A GPU product as nvidia-smi names it."""

    name = models.CharField(max_length=100, unique=True, help_text="as nvidia-smi reports it")
    short_name = models.CharField(max_length=30, help_text="as people say it, e.g. RTX4090")
    aliases = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        help_text="every spelling that finds it, normalized (marketplace/gpu_names.py)",
    )
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

    class Meta:
        verbose_name = "GPU model"
        indexes = [GinIndex(fields=["aliases"], name="gpu_model_by_alias")]

    def __str__(self) -> str:
        return self.name
