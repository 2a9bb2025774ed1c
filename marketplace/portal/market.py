"""Prices: what GPUs usually cost here, and what they would earn."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja import Router

from core import clock
from marketplace import selectors
from marketplace.earnings_simulator import DAYS, Forecast, Plan, forecast
from marketplace.models import GpuModel
from marketplace.portal.auth import PortalAuth
from marketplace.portal.schemas import queries
from marketplace.portal.schemas.common import GpuCount, Usd
from marketplace.portal.wire import number
from marketplace.selectors.price_market import UseAtPrice, use_at_price
from marketplace.services import onboarding

router = Router(tags=["market"])


@router.get("/shared-config", response=queries.SharedConfigOut)
def shared_config(request: HttpRequest) -> dict[str, Any]:
    """Give the usual prices, from which the client takes its default."""
    priced = GpuModel.objects.filter(secure_price_usd__isnull=False).order_by("name")
    return {
        "machine_prices": {gpu.name: float(gpu.secure_price_usd or 0) for gpu in priced},
        "machine_min_price_rate": float(settings.MARKET_MIN_PRICE_RATE),
        "machine_max_price_rate": float(settings.MARKET_MAX_PRICE_RATE),
    }


@router.get("/machines", response=list[queries.MachineOut], auth=PortalAuth())
def machines(request: HttpRequest) -> list[dict[str, Any]]:
    """List the GPUs that the market knows, and what one brings in an hour in which it is rented."""
    return [_machine(gpu) for gpu in GpuModel.objects.order_by("name")]


@router.get("/machines/estimated-rewards", response=queries.EstimateOut, auth=PortalAuth())
def estimated_rewards(
    request: HttpRequest, gpu_type: str, gpu_count: GpuCount, gpu_price: Usd | None = None
) -> dict[str, Any]:
    """Estimate what a machine would earn here in 30 days, before its power, from what such machines did."""
    gpu, now = onboarding.claimed_model(gpu_type), clock.now()
    price = gpu_price or selectors.figures_of(gpu, now=now).median_usd
    price = price or gpu.secure_price_usd
    used = use_at_price(gpu, price, now=now) if price else UseAtPrice(0, None)
    rented = Decimal(str(used.share)) if used.share is not None else None
    month = _forecast(price, gpu_count, rented) if price and rented is not None else None
    hourly = price * gpu_count * (1 - settings.MARKET_FEE_RATE) if price else None
    return {
        "gpu_type": gpu.name,
        "gpu_count": gpu_count,
        "price_per_gpu": number(price),
        "fee_rate": float(settings.MARKET_FEE_RATE),
        "hourly_while_rented_usd": number(hourly),
        "rented_share": number(rented),
        "daily_usd": number(month.net_usd / DAYS if month else None),
        "monthly_usd": number(month.net_usd if month else None),
        "basis": f"{used.machines} machines near this price, last 30 days; power is not counted",
    }


def _forecast(price: Decimal, gpu_count: int, rented: Decimal) -> Forecast:
    plan = Plan(
        gpu_count=gpu_count,
        price_per_gpu_usd=price,
        idle_share=1 - rented,
        watts=0,
        usd_per_kwh=Decimal(0),
        fee_rate=settings.MARKET_FEE_RATE,
    )
    return forecast(plan)


def _machine(gpu: GpuModel) -> dict[str, Any]:
    price = gpu.secure_price_usd
    reward = price * (1 - settings.MARKET_FEE_RATE) if price is not None else None
    return {
        "name": gpu.name,
        "price": number(price),
        "supported": True,
        "score_portion": None,
        "hourly_rewards_in_usd": number(reward),
    }
