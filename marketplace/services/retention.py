"""Forgetting what nobody looks up any more: old runs of checks and old samples; the figures themselves stay."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef, QuerySet

from marketplace.models import CheckRun, FactSample

KEPT: Final = timedelta(days=90)
# A statement that deletes more would hold up others for long.
BATCH: Final = 5000


def forget(now: datetime) -> int:
    """Delete some of what is too old, the latest run of each machine excepted; give how many rows."""
    newer = CheckRun.objects.filter(node=OuterRef("node"), pk__gt=OuterRef("pk"))
    runs = CheckRun.objects.filter(Exists(newer), finished_at__lt=now - KEPT)
    samples = FactSample.objects.filter(measured_at__lt=now - KEPT)
    return _delete(runs) + _delete(samples)


def _delete(old: QuerySet[Any]) -> int:
    some = list(old.values_list("pk", flat=True)[:BATCH])
    deleted, _ = old.model._default_manager.filter(pk__in=some).delete()
    return int(deleted)
