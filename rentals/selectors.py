"""Reads of pods for pages and API."""

from decimal import Decimal

from django.db.models import Sum

from accounts.models import Workspace
from rentals.models import PodMeter


def burn_usd_per_hour(workspace: Workspace) -> Decimal:
    """Give what the workspace's ready pods cost an hour, in USD."""
    running = PodMeter.objects.filter(pod__workspace=workspace, ready_since__isnull=False)
    return running.aggregate(total=Sum("hourly_price_usd"))["total"] or Decimal(0)
