"""Which bands a cheaper model could meet: times do not tell the two apart, so nobody is held to them."""

from typing import Final

from django.db.models import Q

from marketplace.models import GpuModel
from validation.challenge.bands import around
from validation.models import Band
from validation.proof.parameters import RESERVED_BYTES
from validation.verifier.claims import LEAST_MEMORY

PHASES: Final = ("fill_median_us", "sweep_median_us")


def cheaper_that_meets(band: Band) -> GpuModel | None:
    """Give the cheapest model whose cards could pass for the band's; None where times and memory tell all of them apart.

    What a model asks is the catalogue's reference price. A band of too few samples says nothing of its model.
    """
    for other in _of_cheaper_models(band):
        if _can_hold(other.gpu_model, band.gpu_model) and _is_fast_enough(other, band):
            return other.gpu_model
    return None


def _of_cheaper_models(band: Band) -> list[Band]:
    """Give the newest band of each cheaper model, the cheapest first."""
    price = band.gpu_model.secure_price_usd
    if price is None:
        return []
    rows = Band.objects.filter(
        shape=band.shape, simulated=False, gpu_model__secure_price_usd__lt=price
    )
    newest = rows.order_by("gpu_model", "-version").distinct("gpu_model").values("pk")
    sampled = Band.objects.filter(Q(shadow=False) | Q(met_by__isnull=False), pk__in=newest)
    return list(sampled.select_related("gpu_model").order_by("gpu_model__secure_price_usd", "pk"))


def _can_hold(cheaper: GpuModel, dearer: GpuModel) -> bool:
    """Say whether a card of one model has the least memory that one of the other may claim."""
    return cheaper.memory_mib >= LEAST_MEMORY * dearer.memory_mib


def _is_fast_enough(cheaper: Band, dearer: Band) -> bool:
    """Say whether the fastest of the cheaper model's cards does both phases in the dearer one's time.

    A card that is faster than a band allows need only wait. Both phases take as long as there is memory to fill.
    """
    scale = _filled(dearer.gpu_model) / _filled(cheaper.gpu_model)
    return all(
        around(round(scale * getattr(cheaper, phase))).low <= around(getattr(dearer, phase)).high
        for phase in PHASES
    )


def _filled(model: GpuModel) -> int:
    return max(1, (model.memory_mib << 20) - RESERVED_BYTES)
