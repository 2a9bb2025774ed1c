"""The times of both phases, by the validator's clock, against the band of the model."""

from typing import Final

from validation.proof.bundle.records import Band, Status, Transcript
from validation.verifier.report import Check, check

# Echoes are answered by the machine, which may delay them: more than this is never taken off.
MOST_ROUND_TRIP_US: Final = 250_000
MODEL_REMEDY: Final = "List the model that the machine has; close what else uses the card."


def check_times(transcript: Transcript) -> Check:
    """Judge how long the fill and the sweeps took; without a band, or over a slow network, that is unknown."""
    statement = transcript.statement
    bands, round_trip = statement.bands, statement.round_trip_us
    fill = phase_us(statement.sent_at, transcript.commitment.received_at, round_trip)
    residency = phase_us(transcript.residency.sent_at, transcript.residency.answered_at, round_trip)
    measured = f"fill {fill / 1e6:.3f} s, sweeps {residency / 1e6:.3f} s, round trip {round_trip / 1e3:.1f} ms"
    if bands is None:
        required = f"a published band for {statement.machine.claimed_model}: there is none yet"
        return Check("times", Status.UNKNOWN, measured, required)
    required = (
        f"fill {_seconds(bands.fill_us)}, sweeps {_seconds(bands.residency_us)}"
        f" ({bands.model}, band {bands.version}, {bands.samples} samples)"
    )
    if round_trip > MOST_ROUND_TRIP_US:
        remedy = f"The network must answer within {MOST_ROUND_TRIP_US / 1e3:.0f} ms."
        return Check("times", Status.UNKNOWN, measured, required, remedy)
    holds = (
        bands.model == statement.machine.claimed_model
        and bands.fill_us.low <= fill <= bands.fill_us.high
        and bands.residency_us.low <= residency <= bands.residency_us.high
    )
    return check("times", holds, measured=measured, required=required, remedy=MODEL_REMEDY)


def phase_us(sent_at: int, answered_at: int, round_trip_us: int) -> int:
    """Return a phase's microseconds without the network's share, which is capped."""
    return answered_at - sent_at - min(round_trip_us, MOST_ROUND_TRIP_US)


def _seconds(band: Band) -> str:
    return f"{band.low / 1e6:.3f} to {band.high / 1e6:.3f} s"
