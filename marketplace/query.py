"""Reading filters out of a URL: one place, and a clear word for each value that means nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from django.http import QueryDict

from core.errors import Invalid
from marketplace.filters import SORTS, Near, OfferFilters, Order
from marketplace.gpu_names import normalize
from marketplace.models import Tier

MAX_WORDS: Final = 60
MAX_WORD_LENGTH: Final = 100
MAX_INTEGER: Final = 2**31 - 1
MAX_NUMBER: Final = Decimal(10) ** 12
QUANTUM: Final = Decimal("1e-9")


class Unreadable(ValueError):
    """A value that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class OfferQuery:
    """A parsed request for offers; ``problems`` has a sentence for each parameter that was ignored."""

    filters: OfferFilters = field(default_factory=OfferFilters)
    order: Order = field(default_factory=Order)
    limit: int | None = None
    offset: int = 0
    problems: dict[str, str] = field(default_factory=dict)

    def or_refuse(self) -> "OfferQuery":
        """Give the query itself.

        :raises Invalid: naming every parameter that could not be read.
        """
        if self.problems:
            listed = [{"field": name, "message": why} for name, why in self.problems.items()]
            raise Invalid(
                " ".join(f"{name}: {why}" for name, why in self.problems.items()),
                hint="Leave the parameter out or send such a value; /api/docs lists them all.",
                data={"fields": listed},
            )
        return self


def parse(params: QueryDict) -> OfferQuery:
    """Read the known parameters; empty values are no wish, unknown parameters are left alone."""
    values, problems = dict[str, Any](), dict[str, str]()
    for name in params:
        if parameter := PARAMETERS.get(name):
            try:
                value = parameter.read(params.getlist(name))
            except Unreadable as why:
                problems[name] = str(why)
            else:
                if value is not None:
                    values[parameter.target] = value
    order = values.pop("order", Order())
    limit, offset = values.pop("limit", None), values.pop("offset", 0)
    _place(values, problems, order)
    return OfferQuery(OfferFilters(**values), order, limit, offset, problems)


@lru_cache(maxsize=1024)
def read(query_string: str) -> OfferQuery:
    """Parse a URL's query string; the same few are asked for again and again."""
    return parse(QueryDict(query_string))


def documentation() -> dict[str, Any]:
    """Describe the parameters for the API's documentation (OpenAPI)."""
    listed = [
        {"name": name, "in": "query", "schema": {"type": "string"}, "description": parameter.says}
        for name, parameter in PARAMETERS.items()
    ]
    return {"parameters": listed}


def _place(values: dict[str, Any], problems: dict[str, str], order: Order) -> None:
    latitude, longitude = values.pop("latitude", None), values.pop("longitude", None)
    miles = values.pop("max_miles", None)
    if latitude is not None and longitude is not None:
        values["near"] = Near(latitude, longitude, miles)
    elif miles is not None:
        problems["max_distance_mile"] = "needs lat and lon, the place to measure from."
    elif order.by == "distance":
        problems["sort"] = "distance needs lat and lon, the place to measure from."


Reader = Callable[[list[str]], Any]


def _one(values: list[str]) -> str:
    text = values[-1].strip() if values else ""
    if "\x00" in text:
        raise Unreadable("must not contain a null character.")
    return text


def whole(low: int, high: int = MAX_INTEGER) -> Reader:
    """Read a whole number within bounds."""

    def read(values: list[str]) -> int | None:
        text = _one(values)
        if not text:
            return None
        # Longer digit strings are only a way to keep a server busy.
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 12:
            raise Unreadable(f"{text[:40]!r} is not a whole number.")
        if not low <= int(text) <= high:
            raise Unreadable(f"must be from {low:,} to {high:,}.")
        return int(text)

    return read


def number(low: float = 0, high: float = float(MAX_NUMBER)) -> Reader:
    """Read an exact number within bounds."""

    def read(values: list[str]) -> Decimal | None:
        text = _one(values)
        if not text:
            return None
        try:
            value = Decimal(text[:40])
        except InvalidOperation as error:
            raise Unreadable(f"{text[:40]!r} is not a number.") from error
        if not value.is_finite() or not low <= value <= high:
            raise Unreadable(f"must be a number from {low:,.0f} to {high:,.0f}.")
        return value.quantize(QUANTUM)

    return read


def real(low: float = 0, high: float = float(MAX_NUMBER)) -> Reader:
    """Read a measured figure within bounds."""
    exact = number(low, high)

    def read(values: list[str]) -> float | None:
        value = exact(values)
        return None if value is None else float(value)

    return read


def words(change: Callable[[str], str] = str) -> Reader:
    """Read a list: repeated, or separated by commas."""

    def read(values: list[str]) -> tuple[str, ...] | None:
        found = [part.strip() for value in values for part in value.split(",") if part.strip()]
        if len(found) > MAX_WORDS or any(len(word) > MAX_WORD_LENGTH for word in found):
            raise Unreadable(f"at most {MAX_WORDS} names of {MAX_WORD_LENGTH} characters.")
        if any("\x00" in word for word in found):
            raise Unreadable("must not contain a null character.")
        return tuple(dict.fromkeys(change(word) for word in found)) or None

    return read


def flag(values: list[str]) -> bool | None:
    """Read yes or no."""
    text = _one(values).lower()
    if text in ("true", "1", "on", "yes"):
        return True
    if text in ("", "false", "0", "off", "no", "any"):
        return None
    raise Unreadable(f"{text[:40]!r} is neither true nor false.")


def choice(options: Sequence[str]) -> Reader:
    """Read one of the known words."""

    def read(values: list[str]) -> str | None:
        text = _one(values).lower()
        if text and text not in options:
            raise Unreadable(f"{text[:40]!r} is not one of: {', '.join(options)}.")
        return text or None

    return read


def order(values: list[str]) -> Order | None:
    """Read a sort key; a leading minus turns it round."""
    text = _one(values).lower()
    key = text.removeprefix("-")
    if text and key not in SORTS:
        raise Unreadable(
            f"{text[:40]!r} is not one of: {', '.join(SORTS)}; - in front turns it round."
        )
    return Order(key, descending=text.startswith("-")) if text else None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A URL parameter: what it sets, how it is read, and what the documentation says of it."""

    target: str
    read: Reader
    says: str


PARAMETERS: Final[dict[str, Parameter]] = {
    "machine_names": Parameter("gpu_names", words(normalize), "GPUs, full or short names"),
    "gpu": Parameter("gpu_names", words(normalize), "the same as machine_names"),
    "gpus": Parameter("gpus", whole(1, 1024), "size of the pod: GPUs that can be rented together"),
    "gpu_count_gte": Parameter("min_gpu_count", whole(0), "GPUs of the whole machine, at least"),
    "gpu_count_lte": Parameter("max_gpu_count", whole(0), "GPUs of the whole machine, at most"),
    "min_vram": Parameter("min_vram_gib", real(), "GiB of memory of a GPU"),
    "max_price": Parameter("max_price_usd", number(), "USD per GPU-hour"),
    "country": Parameter("country", words(), "ISO codes or names"),
    "tier": Parameter("tier", choice(Tier.values), "secure or spot"),
    "min_cpus": Parameter("min_cpus", real(), "CPU threads, of the pod's share where gpus is sent"),
    "min_ram": Parameter("min_ram_gib", real(), "GiB of memory, of the pod's share with gpus"),
    "min_disk": Parameter("min_disk_gib", real(), "GiB of disk, of the pod's share with gpus"),
    "min_download_mbps": Parameter("min_download_mbps", real(), "measured Mbit/s"),
    "min_download": Parameter("min_download_mbps", real(), "the same as min_download_mbps"),
    "min_upload": Parameter("min_upload_mbps", real(), "measured Mbit/s"),
    "min_cuda": Parameter("min_cuda", number(), "newest CUDA version of the driver, at least"),
    "min_ports": Parameter("min_ports", whole(0), "free external ports"),
    "nvlink": Parameter("nvlink", flag, "only machines seen with NVLink"),
    "reliable_only": Parameter("reliable", flag, "hide machines whose starts often fail"),
    "full_power": Parameter("full_power", flag, "only GPUs seen at their stock power limit"),
    "real_gpus": Parameter("real_gpus", flag, "hide machines with simulated GPUs"),
    "verified_hours": Parameter("verified_hours", real(0, 10**7), "proven within so many hours"),
    "lat": Parameter("latitude", real(-90, 90), "degrees, with lon"),
    "lon": Parameter("longitude", real(-180, 180), "degrees, with lat"),
    "max_distance_mile": Parameter("max_miles", real(), "miles from lat and lon"),
    "sort": Parameter("order", order, f"{', '.join(SORTS)}; - in front turns it round"),
    "limit": Parameter("limit", whole(1), "rows, at most; all without it"),
    "offset": Parameter("offset", whole(0), "rows to skip"),
}
