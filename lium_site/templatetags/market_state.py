"""One word, one shape and one colour for each state, the same on every page."""

from typing import Final, NamedTuple

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lium_site.templatetags.market_format import icon
from marketplace.selectors import Standing
from marketplace.selectors.standing import WORDS

register = template.Library()


class Look(NamedTuple):
    """How a state is shown: the chip's kind, its icon and its word."""

    kind: str
    icon: str
    word: str


LOOKS: Final[dict[str, dict[str, Look]]] = {
    "pod": {
        "pending": Look("warn", "hourglass", "Starting"),
        "running": Look("ok", "circle-dot", "Running"),
        "unreachable": Look("warn", "wifi-off", "Unreachable"),
        "rebooting": Look("warn", "refresh-cw", "Rebooting"),
        "reboot_failed": Look("bad", "circle-x", "Reboot failed"),
        "stopping": Look("warn", "hourglass", "Stopping"),
        "stopped": Look("", "circle-stop", "Stopped"),
        "starting": Look("warn", "hourglass", "Starting"),
        "lost": Look("bad", "octagon-alert", "Lost"),
        "failed": Look("bad", "circle-x", "Failed to start"),
        "removing": Look("", "hourglass", "Removing"),
        "removed": Look("", "circle", "Removed"),
    },
    "invoice": {
        "open": Look("warn", "hourglass", "Waiting for payment"),
        "seen": Look("warn", "circle-dot", "Payment seen"),
        "paid": Look("ok", "circle-check", "Paid"),
        "underpaid": Look("warn", "triangle-alert", "Underpaid"),
        "overpaid": Look("ok", "circle-check", "Overpaid"),
        "late": Look("warn", "clock", "Paid late"),
        "double": Look("warn", "triangle-alert", "Paid twice"),
        "expired": Look("", "clock", "Expired"),
    },
    "payout": {
        "approved": Look("warn", "hourglass", "In payment"),
        "paid": Look("ok", "circle-check", "Paid"),
        "failed": Look("bad", "circle-x", "Failed, back on the balance"),
    },
    "deposit": {
        "seen": Look("warn", "circle-dot", "Seen"),
        "credited": Look("ok", "circle-check", "Credited"),
        "unmatched": Look("warn", "triangle-alert", "Waits for us"),
        "settled": Look("ok", "circle-check", "Credited by hand"),
        "refund_requested": Look("warn", "hourglass", "To be sent back"),
        "refunded": Look("", "circle-check", "Sent back"),
        "replaced": Look("bad", "circle-x", "Block replaced"),
    },
    "transfer": {
        "planned": Look("warn", "hourglass", "Approved"),
        "signed": Look("warn", "loader-circle", "On its way"),
        "final": Look("ok", "circle-check", "Final"),
        "failed": Look("bad", "circle-x", "Failed"),
    },
    "standing": {
        "available": Look("ok", "circle-dot", WORDS[Standing.AVAILABLE]),
        "rented": Look("ok", "circle-check", WORDS[Standing.RENTED]),
        "validation_pending": Look("warn", "hourglass", WORDS[Standing.VALIDATION_PENDING]),
        "validation_failed": Look("bad", "circle-x", WORDS[Standing.VALIDATION_FAILED]),
        "offline": Look("bad", "wifi-off", WORDS[Standing.OFFLINE]),
        "not_detected": Look("warn", "circle-dashed", WORDS[Standing.NOT_DETECTED]),
        "reclaiming": Look("warn", "clock", WORDS[Standing.RECLAIMING]),
    },
    "run": {
        "": Look("warn", "loader-circle", "Running"),
        "passed": Look("ok", "circle-check", "Passed"),
        "failed": Look("bad", "circle-x", "Failed"),
        "incomplete": Look("", "circle-dashed", "Not decided"),
        "broken_off": Look("", "circle-dashed", "Broken off by us"),
    },
    "proof": {
        "wanted": Look("warn", "hourglass", "Waiting"),
        "running": Look("warn", "loader-circle", "Running"),
        "pass": Look("ok", "circle-check", "Passed"),
        "fail": Look("bad", "circle-x", "Failed"),
        "unknown": Look("", "circle-dashed", "Could not be told"),
        "not_run": Look("", "circle-pause", "Not run"),
        "not_checked": Look("", "circle-dashed", "Not checked"),
    },
    "check": {
        "ok": Look("ok", "circle-check", "In order"),
        "stale": Look("warn", "clock", "Stale"),
        "failing": Look("bad", "circle-x", "Failing"),
        "unknown": Look("", "circle-dashed", "Unknown"),
    },
}


@register.simple_tag
def state(family: str, value: str) -> SafeString:
    """Show a state as a chip; a state without a look of its own keeps its plain word."""
    fallback = Look("", "circle", str(value).replace("_", " ").capitalize())
    look = LOOKS[family].get(str(value).lower(), fallback)
    return chip(look.kind, look.icon, look.word)


@register.simple_tag
def chip(kind: str, shape: str, word: str) -> SafeString:
    """Draw a chip: kind is ok, warn, bad, sim or nothing."""
    return format_html('<span class="chip {}">{}{}</span>', kind, icon(shape), word)
