"""Bands: what a GPU model takes for a proof, from stored samples; published, versioned, and never guessed."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import Final

from django.conf import settings

from marketplace.models import GpuModel
from validation.challenge.bands import around
from validation.models import Band, CardSample
from validation.proof.bundle import records
from validation.services import overlaps

# Nobody may make the band alone: of each provider, the latest proofs count.
PER_PROVIDER: Final = 20
SAMPLES: Final = 2_000
# A band whose figures moved by less, as a part of its median, is the same band.
MOVED: Final = 0.01
# Simulated cards are held to no time but the deadline: their times say how busy a CPU was.
SIMULATED_VERSION: Final = 0


def band_of(gpu_model: GpuModel, shape: str) -> Band | None:
    """Give the newest band of a model, if anybody is held to it."""
    newest = Band.objects.filter(gpu_model=gpu_model, shape=shape).order_by("-version").first()
    return newest if newest and not newest.shadow else None


def limits_of(band: Band) -> records.Bands:
    """Write a band as a bundle carries it: the microseconds that each phase may take."""
    return records.Bands(
        version=band.version,
        model=band.gpu_model.name,
        memory_bytes=band.gpu_model.memory_mib << 20,
        samples=band.sample_count,
        fill_us=around(band.fill_median_us),
        residency_us=around(band.sweep_median_us),
    )


def simulated_limits(
    model: str, *, memory_bytes: int, fill_seconds: float, sweep_seconds: float
) -> records.Bands:
    """Write the deadlines as the band of a simulated card."""
    return records.Bands(
        version=SIMULATED_VERSION,
        model=model,
        memory_bytes=memory_bytes,
        samples=0,
        fill_us=records.Band(low=0, high=round(fill_seconds * 1e6)),
        residency_us=records.Band(low=0, high=round(sweep_seconds * 1e6)),
    )


def publish(now: datetime) -> int:
    """Publish a new version of each band that moved, cheaper models first; give how many."""
    kinds = CardSample.objects.values_list("gpu_model", "shape").distinct()
    kinds = kinds.order_by("gpu_model__secure_price_usd", "gpu_model", "shape")
    return sum(_publish(model, shape, now=now) for model, shape in kinds)


def _publish(gpu_model_id: int, shape: str, *, now: datetime) -> bool:
    band = _computed(_fair_share(gpu_model_id, shape), now=now)
    if not band.shadow:
        band.met_by = overlaps.cheaper_that_meets(band)
        band.shadow = band.met_by is not None
    newest = Band.objects.filter(gpu_model=gpu_model_id, shape=shape).order_by("-version").first()
    if newest is not None and not _moved(newest, band):
        return False
    band.version = newest.version + 1 if newest else 1
    band.save()
    return True


def _computed(samples: Sequence[CardSample], *, now: datetime) -> Band:
    """Compute the band of samples of one model and shape; in shadow while they are too few."""
    fill_median, fill_mad = _middle([sample.fill_us for sample in samples])
    sweep_median, sweep_mad = _middle([sample.sweep_us for sample in samples])
    simulated = samples[0].simulated
    return Band(
        gpu_model=samples[0].gpu_model,
        shape=samples[0].shape,
        simulated=simulated,
        fill_median_us=fill_median,
        fill_mad_us=fill_mad,
        sweep_median_us=sweep_median,
        sweep_mad_us=sweep_mad,
        sample_count=len(samples),
        machine_count=len({sample.node_id for sample in samples}),
        shadow=simulated or not _enough(samples),
        published_at=now,
    )


def _enough(samples: Sequence[CardSample]) -> bool:
    providers = {sample.node.provider_id for sample in samples}
    return (
        len(providers) >= settings.MARKET_BAND_MIN_MACHINES
        and len(samples) >= settings.MARKET_BAND_MIN_SAMPLES
    )


def _fair_share(gpu_model_id: int, shape: str) -> list[CardSample]:
    """Give one sample a proof, for its cards were timed together, and of each provider the latest alone."""
    rows = CardSample.objects.filter(gpu_model=gpu_model_id, shape=shape)
    rows = rows.select_related("node", "gpu_model")
    taken: Counter[int] = Counter()
    chosen = []
    for sample in rows.order_by("-proof_id", "id").distinct("proof_id")[:SAMPLES]:
        taken[sample.node.provider_id] += 1
        if taken[sample.node.provider_id] <= PER_PROVIDER:
            chosen.append(sample)
    return chosen


def _middle(values: Sequence[int]) -> tuple[int, int]:
    """Give the median and the median absolute deviation from it."""
    middle = median(values)
    return round(middle), round(median(abs(value - middle) for value in values))


def _moved(old: Band, new: Band) -> bool:
    if (old.shadow, old.met_by_id) != (new.shadow, new.met_by_id):
        return True
    return any(
        abs(now - before) > MOVED * middle
        for middle, before, now in (
            (old.fill_median_us, old.fill_median_us, new.fill_median_us),
            (old.fill_median_us, old.fill_mad_us, new.fill_mad_us),
            (old.sweep_median_us, old.sweep_median_us, new.sweep_median_us),
            (old.sweep_median_us, old.sweep_mad_us, new.sweep_mad_us),
        )
    )
