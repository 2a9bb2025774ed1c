"""How figures read on a page (docs/design.md, "Units"). An unknown value is a dash, never a zero."""

from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Final
from uuid import UUID

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core import clock, huid, money
from core.units import MIB_PER_GIB

register = template.Library()

UNKNOWN: Final = "—"
MINUS: Final = "\N{MINUS SIGN}"
# The telling sign first: Edge also says Chrome, and Chrome also says Safari.
BROWSERS: Final = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS: Final = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


@register.filter
def usd(amount: Decimal | None) -> str:
    """Write a total in USD with two places."""
    return _dollars(amount, places=2)


@register.filter
def usd4(amount: Decimal | None) -> str:
    """Write an hourly price or a running cost in USD with four places."""
    return _dollars(amount, places=4)


@register.filter
def is_free(rate: str | Decimal | None) -> bool:
    """Say whether a line of a price sheet has no rate, or a rate of zero."""
    return rate is None or not Decimal(rate)


@register.filter
def tao(rao: int | None) -> SafeString | str:
    """Write rao as TAO, cut to four places, with all nine in the title."""
    if rao is None:
        return UNKNOWN
    exact = money.rao_to_tao(rao)
    short = exact.quantize(Decimal("0.0001"), rounding=ROUND_DOWN)
    return format_html(
        '<span class="nowrap" title="{} TAO">{} TAO</span>', _plain(exact), f"{short:,}"
    )


@register.filter
def exact(amount: Decimal | None) -> str:
    """Write an amount with all nine places."""
    return UNKNOWN if amount is None else _plain(amount)


@register.filter
def gib(mib: int | None) -> str:
    """Write MiB as whole GiB."""
    return UNKNOWN if mib is None else f"{round(mib / MIB_PER_GIB):,} GiB"


@register.filter
def figure(value: str | None, unit: str) -> str:
    """Write a fact's value with its unit; MiB as GiB, like everywhere."""
    if value is None:
        return UNKNOWN
    if unit == "MiB" and value.isdecimal():
        return gib(int(value))
    return f"{value} {unit}".strip()


@register.filter
def count(number: int | None) -> str:
    """Write a whole number with separators."""
    return UNKNOWN if number is None else f"{number:,}"


@register.filter
def percent(share: Decimal | float | None) -> str:
    """Write a share of one as a percentage with at most one place."""
    return UNKNOWN if share is None else f"{Decimal(share) * 100:.1f}".removesuffix(".0") + " %"


@register.filter
def duration(span: timedelta | float | None) -> str:
    """Write a span in its two largest units: ``2 d 4 h``, ``3 m 20 s``, ``0.4 s``."""
    if span is None:
        return UNKNOWN
    seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    if 0 <= seconds < 10:
        return f"{seconds:.1f} s"
    return _units(int(seconds), limit=2)


@register.filter
def duration_exact(span: timedelta | None) -> str:
    """Write a span to the second: ``2 h 10 m 44 s``."""
    return UNKNOWN if span is None else _units(int(span.total_seconds()), limit=len(UNITS))


@register.filter(name="huid")
def human_id(public_id: UUID | str) -> str:
    """Give the two-word name of an id, as the client shows it."""
    return huid.huid(public_id)


@register.filter
def utc(moment: datetime | None) -> str:
    """Write a moment in full, in UTC."""
    return UNKNOWN if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """Write a moment relative to now, kept current by time.js, with the UTC time in the title."""
    if moment is None:
        return UNKNOWN
    distance = (clock.now() - moment).total_seconds()
    words = _past(distance) if distance >= 0 else f"in {_rough(-distance)}"
    return _time(moment, attribute="data-relative", words=words)


@register.simple_tag
def countdown(moment: datetime | None) -> SafeString | str:
    """Write the time left until a moment, kept current by time.js."""
    if moment is None:
        return UNKNOWN
    left = max(0, int((moment - clock.now()).total_seconds()))
    return _time(moment, attribute="data-countdown", words=_units(left, limit=2))


@register.simple_tag
def clock_time(moment: datetime | None) -> SafeString | str:
    """Write a moment as a UTC time of day, with the date where it is not today."""
    if moment is None:
        return UNKNOWN
    style = "%H:%M:%S" if moment.date() == clock.now().date() else "%Y-%m-%d %H:%M"
    return _time(moment, attribute="", words=f"{moment:{style}}")


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """Draw an icon of the sprite; it is decoration, the word beside it carries the meaning."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>',
        css,
        static("icons.svg"),
        name,
    )


@register.filter
def browser(user_agent: str) -> SafeString | str:
    """Name a browser and its system, with the whole user agent in the title; a program keeps its own words."""
    if not user_agent:
        return "not named"
    program = next((name for sign, name in BROWSERS if sign in user_agent), "")
    system = next((name for sign, name in SYSTEMS if sign in user_agent), "")
    words = f"{program} on {system}" if program and system else user_agent[:70]
    return format_html('<span title="{}">{}</span>', user_agent, words)


def _dollars(amount: Decimal | None, *, places: int) -> str:
    if amount is None:
        return UNKNOWN
    rounded = Decimal(amount).quantize(Decimal(1).scaleb(-places))
    return f"{MINUS if rounded < 0 else ''}${abs(rounded):,}"


def _plain(amount: Decimal) -> str:
    return f"{amount:.9f}"


def _units(seconds: int, *, limit: int) -> str:
    parts: list[str] = []
    for unit, size in UNITS:
        whole, seconds = divmod(max(0, seconds), size)
        if whole or parts or size == 1:
            parts.append(f"{whole} {unit}")
    shown = parts[:limit]
    while len(shown) > 1 and shown[-1].startswith("0 "):
        shown.pop()
    return " ".join(shown)


def _rough(seconds: float) -> str:
    for unit, size in UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit if unit != 'm' else 'min'}"
    return "0 s"


def _past(seconds: float) -> str:
    return "just now" if seconds < 1 else f"{_rough(seconds)} ago"


def _time(moment: datetime, *, attribute: str, words: str) -> SafeString:
    return format_html(
        '<time datetime="{}" {} title="{}">{}</time>',
        clock.iso(moment),
        attribute,
        utc(moment),
        words,
    )
