"""What sources said of the price of TAO, and whether it may be used (docs/money.md, The price of TAO)."""

from django.db import models
from django.db.models import Q


class SourceKind(models.TextChoices):
    """Where a price comes from."""

    CHAIN = "chain"
    FEED = "feed"


class RateSource(models.Model):
    """A source of the price and how it is; the row stays when the settings no longer name it."""

    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=10, choices=SourceKind.choices)
    host = models.CharField(max_length=255, blank=True, help_text="whom a feed is asked of")
    simulated = models.BooleanField(default=False)
    tried_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    usd_per_tao = models.DecimalField(
        max_digits=30, decimal_places=9, null=True, help_text="as it was told last"
    )
    observed_at = models.DateTimeField(null=True, help_text="the time that the price is of")
    failures = models.PositiveIntegerField(default=0, help_text="in a row")
    failing_since = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=SourceKind.values), name="rate_source_kind_known"
            )
        ]

    def __str__(self) -> str:
        return self.name


class RateObservation(models.Model):
    """What a source told once; never edited, and forgotten after a month."""

    source = models.ForeignKey(RateSource, on_delete=models.PROTECT, related_name="observations")
    usd_per_tao = models.DecimalField(max_digits=30, decimal_places=9)
    observed_at = models.DateTimeField()
    fetched_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(usd_per_tao__gt=0), name="rate_observation_positive")
        ]
        indexes = [models.Index(fields=["fetched_at"], name="rate_observation_age")]

    def __str__(self) -> str:
        return f"{self.usd_per_tao} USD"


class BreakerStatus(models.TextChoices):
    """Whether there is a price; the table is in `billing.rates.breaker`."""

    CLOSED = "closed"
    OPEN = "open"


class RateBreaker(models.Model):
    """The accepted price with the observations that made it, or the reason why there is none. One row."""

    pair = models.CharField(max_length=10, unique=True)
    status = models.CharField(
        max_length=10, choices=BreakerStatus.choices, default=BreakerStatus.CLOSED
    )
    reason = models.CharField(max_length=500, blank=True)
    since = models.DateTimeField()
    usd_per_tao = models.DecimalField(
        max_digits=30, decimal_places=9, null=True, help_text="the last accepted median"
    )
    accepted_at = models.DateTimeField(null=True)
    observations = models.JSONField(default=list, help_text="what the accepted median is of")
    candidate_usd_per_tao = models.DecimalField(
        max_digits=30,
        decimal_places=9,
        null=True,
        help_text="while it is open: the median of the newest round",
    )
    agreeing_rounds = models.PositiveIntegerField(default=0, help_text="in a row, while it is open")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=BreakerStatus.values), name="rate_breaker_status_known"
            ),
            models.CheckConstraint(
                condition=Q(usd_per_tao=None, accepted_at=None)
                | Q(usd_per_tao__gt=0, accepted_at__isnull=False),
                name="rate_breaker_accepted_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pair}: {self.status}"


class RateEvent(models.Model):
    """One opening or closing of the breaker, with actor and reason; never edited."""

    breaker = models.ForeignKey(RateBreaker, on_delete=models.PROTECT, related_name="events")
    from_status = models.CharField(max_length=10)
    to_status = models.CharField(max_length=10)
    reason = models.CharField(max_length=500)
    usd_per_tao = models.DecimalField(
        max_digits=30, decimal_places=9, null=True, help_text="the median of that round"
    )
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.from_status} -> {self.to_status}"
