"""A result in words and as published JSON; exact numbers as fractions, rounded ones for reading only."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from validation.scoring.data import Data, digest
from validation.scoring.scores import Score
from validation.scoring.weights import Result


def as_json(data: Data, result: Result) -> Mapping[str, Any]:
    """Give the result as it is published beside its data."""
    return {
        "netuid": data.netuid,
        "block": data.block,
        "data_sha256": digest(data),
        "burnt": str(result.burnt),
        "uids": list(result.vector.uids),
        "weights": list(result.vector.weights),
        "machines": [_machine(score) for score in result.scores],
    }


def lines(data: Data, result: Result) -> Iterator[str]:
    """Write the result for a terminal: one line a machine, then the vector."""
    yield f"subnet {data.netuid}, block {data.block}, {len(result.scores)} machines, data {digest(data)}"
    for score in sorted(result.scores, key=lambda one: -one.share):
        machine = score.machine
        yield f"{machine.node}  {machine.gpu_count} x {machine.gpu_model}  {_terms(score)}"
    yield f"burnt {_percent(result.burnt)}"
    for uid, weight in zip(result.vector.uids, result.vector.weights, strict=True):
        yield f"uid {uid:5d}  weight {weight:5d}"


def _machine(score: Score) -> Mapping[str, Any]:
    terms = ("uptime", "capacity", "rented", "idle", "price", "idle_points", "rented_points")
    return {
        "node": score.machine.node,
        "hotkey": score.machine.hotkey,
        **{name: str(getattr(score, name)) for name in (*terms, "share", "withheld")},
        "why_not": score.why_not,
    }


def _terms(score: Score) -> str:
    if score.why_not:
        return f"nothing: {score.why_not}"
    return (
        f"share {_percent(score.share)} = capacity {float(score.capacity):.2f} USD/h"
        f", rented {_percent(score.rented)}, idle {_percent(score.idle)}, price {_percent(score.price)}"
        + (f", withheld {_percent(score.withheld)}" if score.withheld else "")
    )


def _percent(part: Fraction) -> str:
    return f"{float(part):.2%}"
