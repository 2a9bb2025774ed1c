"""What this market asks of a machine, from its settings and its GPU catalogue."""

from django.conf import settings

from marketplace.checks import Requirements
from marketplace.models import GpuModel
from marketplace.services.hardware import may_simulate
from marketplace.simulated import SIMULATED_MODELS


def requirements() -> Requirements:
    """Give what a machine must have now."""
    return Requirements(
        min_driver=settings.MARKET_MIN_DRIVER,
        min_cpu_threads=settings.MARKET_MIN_CPU_THREADS,
        min_ram_gib=settings.MARKET_MIN_RAM_GIB,
        min_disk_gib=settings.MARKET_MIN_DISK_GIB,
        min_ports_a_gpu=settings.MARKET_MIN_PORTS_A_GPU,
        min_download_mbps=settings.MARKET_MIN_DOWNLOAD_MBPS,
        min_upload_mbps=settings.MARKET_MIN_UPLOAD_MBPS,
        known_gpus=dict(GpuModel.objects.values_list("name", "power_w")),
        simulated_gpus=SIMULATED_MODELS if may_simulate() else frozenset(),
    )
