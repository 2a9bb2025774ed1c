"""The page that tells providers what a machine would earn; anonymous, nothing is written."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core import clock
from marketplace import earnings_simulator, selectors
from marketplace.checks import CHECKS
from marketplace.earnings_simulator import Forecast, Plan, Point
from marketplace.models import GpuModel
from marketplace.selectors.price_market import use_at_price
from marketplace.services.requirements import requirements
from marketplace.setup_forms import SimulatorForm

USUAL_GPU: Final = "NVIDIA GeForce RTX 4090"
USUAL_KWH: Final = Decimal("0.15")
USUAL_IDLE: Final = Decimal(30)
USUAL_WATTS: Final = 350


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: ``share`` of the longest, from 0 to 100."""

    label: str
    usd: Decimal
    share: int


@require_safe
def provide(request: HttpRequest) -> HttpResponse:
    """Show what providing is, and what a machine would earn."""
    models = list(GpuModel.objects.order_by("short_name", "name"))
    given = {name: str(value) for name, value in request.GET.items() if value}
    asked = SimulatorForm(given, models=models)
    asked.is_valid()
    model = _model(models, asked.cleaned_data.get("gpu"))
    values = _usual(model) | {k: v for k, v in asked.cleaned_data.items() if v not in (None, "")}
    form = SimulatorForm(_typed(given, values), models=models)
    context: dict[str, Any] = {"form": form, "checks": CHECKS, "needs": requirements()}
    if model is not None:
        context |= _simulation(model, values)
    return render(request, "provide/landing.html", context)


def _model(models: list[GpuModel], name: str | None) -> GpuModel | None:
    named = {model.name: model for model in models}
    return named.get(name or USUAL_GPU) or (models[0] if models else None)


def _usual(model: GpuModel | None) -> dict[str, Any]:
    price = model.secure_price_usd if model else None
    return {
        "gpu": model.name if model else "",
        "count": 1,
        "price": price or Decimal(1),
        "idle": USUAL_IDLE,
        "watts": (model.power_w if model else None) or USUAL_WATTS,
        "kwh": USUAL_KWH,
    }


def _typed(given: dict[str, str], values: dict[str, Any]) -> dict[str, Any]:
    """Give what the fields show: what was typed, wrong values included, else what is usual."""
    plain = {k: f"{v.normalize():f}" if isinstance(v, Decimal) else v for k, v in values.items()}
    return plain | given


def _simulation(model: GpuModel, values: dict[str, Any]) -> dict[str, Any]:
    plan = Plan(
        gpu_count=values["count"],
        price_per_gpu_usd=values["price"],
        idle_share=values["idle"] / 100,
        watts=values["watts"],
        usd_per_kwh=values["kwh"],
        fee_rate=settings.MARKET_FEE_RATE,
    )
    now, result = clock.now(), earnings_simulator.forecast(plan)
    return {
        "model": model,
        "plan": plan,
        "forecast": result,
        "bars": _bars(_parts(result)),
        "idle_bars": _bars(_idle_rows(earnings_simulator.by_idle_share(plan))),
        "break_even_usd": earnings_simulator.break_even_usd(plan),
        "figures": selectors.figures_of(model, now=now),
        "use": use_at_price(model, plan.price_per_gpu_usd, now=now),
        "idle_draw": earnings_simulator.IDLE_DRAW,
    }


def _bars(rows: list[tuple[str, Decimal]]) -> list[Bar]:
    longest = max(*(abs(usd) for _, usd in rows), Decimal(1))
    return [Bar(label, usd, round(100 * abs(usd) / longest)) for label, usd in rows]


def _parts(result: Forecast) -> list[tuple[str, Decimal]]:
    return [
        ("Rent", result.rent_usd),
        ("Our fee", -result.fee_usd),
        ("Power", -result.power_usd),
        ("Left for you", result.net_usd),
    ]


def _idle_rows(points: list[Point]) -> list[tuple[str, Decimal]]:
    return [(f"{point.idle_share * 100:.0f} %", point.net_usd) for point in points]
