"""Prices over HTTP, from feeds that are not trusted: bounded, and anything but a plain price is refused."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, DecimalException
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from billing.models import SourceKind
from billing.rates.port import Reading, SourceFailed
from core import outbound
from core.moments import in_utc
from core.money import quantize

LARGEST_BODY: Final = 64 * 1024
# Whatever is outside is no price of TAO, or does not fit a row.
LOWEST: Final = Decimal("0.000001")
HIGHEST: Final = Decimal(10) ** 9
# Clocks differ; more than this ahead is not the time of anything.
SKEW: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """An address that answers with JSON; ``price`` and ``time`` are JSON Pointers (RFC 6901) into it."""

    name: str
    url: str
    price: str
    time: str = ""
    trial: bool = False

    @property
    def kind(self) -> SourceKind:
        """A feed."""
        return SourceKind.FEED

    @property
    def host(self) -> str:
        """Whom it asks; the rest of the address may hold a secret."""
        return urlsplit(self.url).hostname or ""

    @property
    def simulated(self) -> bool:
        """Feeds tell real prices."""
        return False

    def read(self, *, now: datetime) -> Reading:
        """Ask once.

        :raises SourceFailed: it did not answer, or not with a price.
        """
        try:
            body = outbound.fetch(self.url, most_bytes=LARGEST_BODY, trial=self.trial)
        except (outbound.AddressRefused, outbound.NoAnswer) as error:
            raise SourceFailed(str(error)) from error
        return self.parse(body, now=now)

    def parse(self, body: bytes, *, now: datetime) -> Reading:
        """Read an answer.

        :raises SourceFailed: it holds no price, or one of a time that cannot be.
        """
        document = _document(body)
        usd_per_tao = _price(find(document, self.price))
        observed_at = _moment(find(document, self.time)) if self.time else now
        if observed_at > now + SKEW:
            raise SourceFailed(f"It tells the price of {observed_at:%F %T} UTC, which is to come.")
        return Reading(usd_per_tao=usd_per_tao, observed_at=min(observed_at, now))


def find(document: Any, pointer: str) -> Any:
    """Give what a JSON Pointer leads to.

    :raises SourceFailed: nothing is there.
    """
    found = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = _step(found, key, pointer)
    return found


def _step(found: Any, key: str, pointer: str) -> Any:
    try:
        if isinstance(found, Mapping):
            return found[key]
        if isinstance(found, list) and key.isascii() and key.isdigit():
            return found[int(key)]
    except (KeyError, IndexError):
        pass
    raise SourceFailed(f"Its answer has nothing at {pointer}.")


def _document(body: bytes) -> Any:
    try:
        return json.loads(
            body, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse_constant
        )
    # Nested deeper than Python goes, or a number that no Decimal holds.
    except (ValueError, RecursionError, DecimalException) as error:
        raise SourceFailed("Its answer is no JSON.") from error


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(word)


def _price(value: Any) -> Decimal:
    price = _number(value)
    if price is None or not LOWEST <= price < HIGHEST:
        raise SourceFailed(f"Its answer holds no price of TAO: {str(value)[:60]!r}.")
    return quantize(price)


def _number(value: Any) -> Decimal | None:
    if not isinstance(value, str | Decimal):
        return None
    try:
        number = Decimal(value)
    except DecimalException:
        return None
    return number if number.is_finite() else None


def _moment(value: Any) -> datetime:
    """Read seconds or milliseconds since 1970, or ISO 8601; without a zone it is UTC."""
    try:
        number = _number(value)
        if number is None:
            return in_utc(datetime.fromisoformat(value))
        seconds = number / 1000 if number > 10**11 else number
        return in_utc(datetime.fromtimestamp(float(seconds), UTC))
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise SourceFailed(f"Its answer holds no time: {str(value)[:60]!r}.") from error
