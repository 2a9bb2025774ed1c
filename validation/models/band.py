"""Bands: the time that a GPU model takes for a proof, published with the samples they rest on."""

from django.db import models

from marketplace.models import GpuModel


class Band(models.Model):
    """Median and median absolute deviation of one shape of proof on one GPU model, in microseconds.

    Rows are never changed: figures that moved are a new version.
    """

    gpu_model = models.ForeignKey(GpuModel, on_delete=models.PROTECT, related_name="bands")
    shape = models.CharField(max_length=80, help_text="the parameters that times depend on")
    version = models.PositiveIntegerField()
    simulated = models.BooleanField(default=False)
    fill_median_us = models.PositiveBigIntegerField()
    fill_mad_us = models.PositiveBigIntegerField()
    sweep_median_us = models.PositiveBigIntegerField()
    sweep_mad_us = models.PositiveBigIntegerField()
    sample_count = models.PositiveIntegerField()
    machine_count = models.PositiveIntegerField()
    shadow = models.BooleanField(help_text="nobody is held to it")
    met_by = models.ForeignKey(
        GpuModel,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="a cheaper model whose cards could meet it",
    )
    published_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["gpu_model", "shape", "version"], name="band_version_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.gpu_model_id} {self.shape} v{self.version}"
