"""The market as providers ask about it: prices, demand, earnings."""

from ninja import Schema
from pydantic import Field

from core.moments import Day


class SharedConfigOut(Schema):
    """Usual prices in USD per GPU-hour by GPU, and how far from them a price may be."""

    machine_prices: dict[str, float]
    machine_min_price_rate: float
    machine_max_price_rate: float


class MachineOut(Schema):
    """A GPU that the market knows; USD per GPU-hour, the reward after the fee and only while rented."""

    name: str
    price: float | None
    supported: bool
    score_portion: float | None
    hourly_rewards_in_usd: float | None


class EstimateOut(Schema):
    """What machines would earn here; USD, null where the market has no figures yet."""

    gpu_type: str
    gpu_count: int
    price_per_gpu: float | None
    fee_rate: float
    hourly_while_rented_usd: float | None
    rented_share: float | None
    daily_usd: float | None
    monthly_usd: float | None
    basis: str


class RequestOut(Schema):
    """A renter's wish for machines that are not on offer."""

    id: str
    machine_name: str
    gpu_count: int
    cpu: int | None = None
    ram: int | None = None
    achieved: bool
    requested_at: str


class ByGpu(Schema):
    """Open wishes for one GPU."""

    machine_name: str
    open_requests: int


class RequestSumsOut(Schema):
    """Open wishes in sum, for providers without a verified machine."""

    tier: str
    open_requests: int
    by_gpu_class: list[ByGpu]
    by_hourly_budget_band: list[dict[str, str]]


class Window(Schema):
    """Days in UTC, both ends included."""

    since: Day | None = Field(None, alias="from")
    until: Day | None = Field(None, alias="to")


class LedgerRow(Schema):
    """What one day brought or took by kind, in USD."""

    day: str
    kind: str
    title: str
    gross_usd: float
    fee_usd: float
    amount_usd: float


class LedgerOut(Schema):
    """Days of the ledger."""

    rows: list[LedgerRow]
    date_from: str
    date_to: str
