"""The price of TAO: its sources and how they are, and the breaker that an administrator may close with a reason."""

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline, columns, with_reason
from billing.models import RateBreaker, RateEvent, RateObservation, RateSource
from billing.rates.configured import sources
from billing.services import pricing
from core import clock
from core.actors import Actor


@admin.register(RateSource)
class RateSourceAdmin(ReadOnlyAdmin):
    """Whom the price is asked of, and how each is."""

    fields = columns(RateSource)
    list_display = [
        "name",
        "asked",
        "host",
        "usd_per_tao",
        "observed_at",
        "answered_at",
        "failures",
        "failing_since",
        "error",
    ]
    list_filter = ["kind", "simulated"]
    ordering = ["name"]

    @admin.display(boolean=True, description="Still asked")
    def asked(self, row: RateSource) -> bool:
        """Say whether the settings still name it."""
        return row.name in {source.name for source in sources()}


@admin.register(RateObservation)
class RateObservationAdmin(ReadOnlyAdmin):
    """What the sources told in the last month."""

    fields = columns(RateObservation)
    list_display = ["source", "usd_per_tao", "observed_at", "fetched_at"]
    list_filter = ["source"]
    list_select_related = ["source"]
    ordering = ["-pk"]


class RateEventInline(ReadOnlyInline):
    """When the breaker opened and closed, and why."""

    model = RateEvent
    fields = ["created_at", "from_status", "to_status", "usd_per_tao", "reason", "actor_name"]
    ordering = ["-pk"]


@admin.register(RateBreaker)
class RateBreakerAdmin(ReadOnlyAdmin):
    """The accepted price, or why there is none."""

    fields = columns(RateBreaker)
    list_display = ["pair", "status", "reason", "since", "usd_per_tao", "accepted_at"]
    inlines = [RateEventInline]
    actions = ["take_present_price"]

    @with_reason("Take the price that the sources tell now")
    def take_present_price(self, row: RateBreaker, actor: Actor, reason: str) -> None:
        """Close the breaker at the median of what is told now."""
        pricing.close(reason=reason, actor=actor, now=clock.now())
