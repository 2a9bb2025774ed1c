"""Everything that happened to a pod, with actor and reason; the words are the same for everyone."""

from datetime import datetime

from django.db import models
from django.db.models import OuterRef, Subquery

from rentals.models.meter import ReadyInterval
from rentals.models.pod import Pod


class PodEventQuerySet(models.QuerySet["PodEvent"]):
    """What else is known of the time of an event."""

    def with_metered_until(self) -> "PodEventQuerySet":
        """Add ``metered_until``: when the last ready interval before each ended."""
        ended = ReadyInterval.objects.filter(
            pod=OuterRef("pod"), ended_at__lte=OuterRef("occurred_at")
        )
        last = ended.order_by("-ended_at").values("ended_at")[:1]
        return self.annotate(metered_until=Subquery(last))  # type: ignore[no-redef]  # typed on the model


class PodEvent(models.Model):
    """One event; type and sub-type are the client's vocabulary. Never edited."""

    pod = models.ForeignKey(Pod, on_delete=models.PROTECT, related_name="events")
    type = models.CharField(max_length=30)
    sub_type = models.CharField(max_length=50)
    from_status = models.CharField(max_length=15, blank=True)
    to_status = models.CharField(max_length=15, blank=True)
    reason_code = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    detail = models.TextField(blank=True)
    error = models.TextField(blank=True)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=120, blank=True)
    occurred_at = models.DateTimeField()

    objects = PodEventQuerySet.as_manager()

    # Added by `with_metered_until`.
    metered_until: datetime | None

    class Meta:
        indexes = [models.Index(fields=["pod", "id"], name="pod_event_in_order")]

    def __str__(self) -> str:
        return f"{self.occurred_at:%H:%M:%S} {self.sub_type} {self.to_status}"
