"""Plots as they are written down: figures with units, and gaps where nobody saw."""

from datetime import UTC, datetime, timedelta

from marketplace.models import GpuModel, Node
from rentals.models import Pod
from rentals.plots import series_of
from rentals.services.metrics import Sample

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
POD = Pod(
    memory_mib=6144, gpu_count=1, node=Node(gpu_model=GpuModel(memory_mib=24_576), gpu_count=1)
)


def sample(second: int, **values: float) -> Sample:
    return Sample(NOON + timedelta(seconds=second), {**values})


def test_figures_carry_their_unit() -> None:
    cpu, memory, *_ = series_of(POD, [sample(0, cpu=41.6, memory=1.25)])

    assert (cpu["latest"], cpu["maximum"]) == ("42 %", 100.0)
    assert (memory["latest"], memory["maximum"]) == ("1.25 GiB", 6.0)


def test_samples_that_are_late_are_no_gap() -> None:
    cpu = series_of(POD, [sample(0, cpu=10), sample(15, cpu=20)])[0]

    assert [point["value"] for point in cpu["points"]] == [10, 20]


def test_what_nobody_saw_is_a_gap() -> None:
    cpu = series_of(POD, [sample(0, cpu=10), sample(60, cpu=20)])[0]

    assert [point["text"] for point in cpu["points"]] == ["10 %", "—", "20 %"]
    assert "between 10 % and 20 %" in cpu["summary"]


def test_nothing_known_is_said_so() -> None:
    gpu = series_of(POD, [sample(0, cpu=10)])[2]

    assert gpu["latest"] == "—"
    assert gpu["summary"] == "GPU: not known."
