"""Samples as plots: each with a sentence and a table, because the table is the record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rentals.models import Pod
from rentals.services.metrics import Sample


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


def series_of(pod: Pod, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Give every plot of a pod, or none while there is no sample."""
    if not samples:
        return []
    maxima = {"cpu": 100.0, "gpu": 100.0, "memory": pod.memory_mib / 1024}
    gib = pod.node.gpu_model.memory_mib / 1024
    maxima["gpu_memory"] = round(gib * pod.gpu_count, 1)
    return [_series(plot, samples, maxima[plot.key]) for plot in PLOTS]


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
