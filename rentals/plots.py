"""Samples as plots: each with a sentence and a table, because the table is the record."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from rentals.models import Pod
from rentals.services.metrics import KEPT, Sample


@dataclass(frozen=True, slots=True)
class Plot:
    """What one figure is called and how it is written."""

    key: str
    label: str
    unit: str
    digits: int


PLOTS: Final = (
    Plot("cpu", "CPU", "%", 0),
    Plot("memory", "Memory", "GiB", 2),
    Plot("gpu", "GPU", "%", 0),
    Plot("gpu_memory", "GPU memory", "GiB", 1),
)
# A sample is due every five seconds while somebody looks; this many were missed before a plot breaks off.
DUE: Final = timedelta(seconds=5)
GAP: Final = 4 * DUE


def series_of(pod: Pod, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Give every plot of a pod, or none while there is no sample."""
    if not samples:
        return []
    maxima = {"cpu": 100.0, "gpu": 100.0, "memory": pod.memory_mib / 1024}
    gib = pod.node.gpu_model.memory_mib / 1024
    maxima["gpu_memory"] = round(gib * pod.gpu_count, 1)
    shown = list(_with_gaps(samples))[-KEPT:]
    return [_series(plot, shown, maxima[plot.key]) for plot in PLOTS]


def _with_gaps(samples: Sequence[Sample]) -> Iterable[Sample]:
    """Put an unknown where samples are missing, so that nothing is drawn across what nobody saw."""
    for before, sample in zip([None, *samples], samples, strict=False):
        if before and sample.at - before.at > GAP:
            yield Sample(before.at + DUE, {})
        yield sample


def _series(plot: Plot, samples: Sequence[Sample], maximum: float) -> dict[str, Any]:
    values = [sample.values.get(plot.key) for sample in samples]
    points = [
        {"at": sample.at, "value": value, "text": _text(plot, value)}
        for sample, value in zip(samples, values, strict=True)
    ]
    return {
        "key": plot.key,
        "label": plot.label,
        "unit": plot.unit,
        "digits": plot.digits,
        "maximum": round(maximum, 2),
        "gap_seconds": int(GAP.total_seconds()),
        "points": points,
        "latest": _text(plot, values[-1]),
        "summary": _summary(plot, values),
    }


def _summary(plot: Plot, values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return f"{plot.label}: not known."
    low, high = _text(plot, min(known)), _text(plot, max(known))
    return (
        f"{plot.label}: now {_text(plot, known[-1])}, between {low} and {high} in the time shown."
    )


def _text(plot: Plot, value: float | None) -> str:
    return "—" if value is None else f"{value:.{plot.digits}f} {plot.unit}"
