"""What a document says, apart from how it looks: facts, tables for people, and records for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.rates import Rate
from core.money import PLACES

UNKNOWN = "—"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table: its heading, its share of the width, and whether it holds numbers."""

    title: str
    width: int
    number: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text under headings; the last row is a total where ``totalled``."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    totalled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document: ``name`` is that of its file, ``records`` are its lines with exact amounts."""

    name: str
    title: str
    made_at: datetime
    facts: Sequence[tuple[str, str]]
    tables: Sequence[Table]
    notes: Sequence[str]
    records: Sequence[Mapping[str, str]]


def moment(at: datetime | None) -> str:
    """Write a time in full, UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else UNKNOWN


def usd(amount: Decimal | None, *, places: int = 2) -> str:
    """Write an amount in USD."""
    return UNKNOWN if amount is None else f"{amount:,.{places}f}"


def tao(amount: Decimal | None) -> str:
    """Write an amount in TAO, exactly."""
    return UNKNOWN if amount is None else f"{amount:.{PLACES}f}"


def in_tao(amount: Decimal | None, rate: Rate | None) -> str:
    """Write what an amount in USD is in TAO at a rate."""
    if amount is None or rate is None:
        return UNKNOWN
    return tao(amount / rate.usd_per_tao)


def rate_words(rate: Rate | None, *, now: datetime) -> str:
    """Say at which rate a document converts, who told it and how old it is."""
    if rate is None:
        return "No rate could be had when this was made, so amounts in TAO are left out."
    age = max(0, int((now - rate.observed_at).total_seconds()))
    return (
        f"1 TAO = {usd(rate.usd_per_tao)} USD, from {rate.source}, "
        f"observed {moment(rate.observed_at)}, {age} s before this was made"
    )
