"""The public page of scores: every term of every machine, and what was set on chain."""

from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.errors import NotFound
from core.huid import huid
from validation import weighings
from validation.models import Weighing
from validation.scoring.data import Data
from validation.scoring.scores import Score

SHOWN: Final = 200
RECENT: Final = 12


@require_safe
def scores(request: HttpRequest) -> HttpResponse:
    """Show the newest scores, or those of ?at=BLOCK."""
    asked = request.GET.get("at", weighings.LATEST)
    context: dict[str, Any] = {"recent": weighings.recent(RECENT), "asked": asked}
    try:
        context |= _shown(weighings.find(asked))
    except NotFound:
        if asked != weighings.LATEST:
            raise
    return render(request, "validation/scores.html", context)


def _shown(weighing: Weighing) -> dict[str, Any]:
    data, result = weighings.scored(weighing)
    ranked = sorted(result.scores, key=lambda score: (-score.share, score.machine.node))
    return {
        "weighing": weighing,
        "data": data,
        "burnt": float(result.burnt),
        "rows": [_row(score, data) for score in ranked[:SHOWN]],
        "more": max(0, len(ranked) - SHOWN),
        "vector": list(zip(weighing.uids, weighing.weights, strict=True)),
    }


def _row(score: Score, data: Data) -> dict[str, Any]:
    machine = score.machine
    return {
        "node": machine.node,
        "name": huid(machine.node),
        "uid": data.uids.get(machine.hotkey),
        "hotkey": machine.hotkey,
        "gpus": machine.gpu_count,
        "model": machine.gpu_model,
        "capacity": _decimal(score.capacity),
        "uptime": float(score.uptime),
        "rounds": f"{machine.passed} of {len(data.rounds)}",
        "idle": float(score.idle),
        "rented": float(score.rented),
        "paid": machine.paid_usd,
        "price": float(score.price),
        "share": float(score.share),
        "withheld": float(score.withheld),
        "why_not": score.why_not,
    }


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
