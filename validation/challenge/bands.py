"""What a band allows: from the published median of a model to the microseconds that a phase of a proof may take."""

from validation.proof.bundle.records import Band
from validation.proof.parameters import Parameters

# Clocks differ by 13 % between boards of a model, and power caps take more; the next model is farther away, or has other memory.
LOW, HIGH = 0.80, 1.25


def shape_of(parameters: Parameters, *, cards: int) -> str:
    """Name what the times of a proof depend on, beside the model: its cards' memory is within the bands' width."""
    return f"n={parameters.n} sweeps={parameters.sweeps} cards={cards}"


def around(median_us: int) -> Band:
    """Give the microseconds that a phase may take."""
    return Band(low=round(LOW * median_us), high=round(HIGH * median_us))
