"""What follows when an API key's budget is spent: its pods end, as the published client tells its users."""

from datetime import datetime

import structlog
from django.db.models import Q

from accounts.models import ApiKey
from core.actors import PLATFORM
from core.errors import DomainError
from rentals.models import Pod
from rentals.reasons import Reason
from rentals.services import lifecycle
from rentals.services.budgets import spend_of, spent_budget

log = structlog.get_logger(__name__)


def enforce(*, now: datetime) -> None:
    """Remove the pods of every key whose budget is spent, as the key's owner was told."""
    capped = Q(daily_budget_usd__isnull=False) | Q(monthly_budget_usd__isnull=False)
    keys = ApiKey.objects.filter(capped | Q(max_budget_usd__isnull=False))
    drawing = list(keys.filter(pods__meter__ready_since__isnull=False).distinct())
    spends = spend_of(drawing, now)
    for key in drawing:
        if spent_budget(key, spends.get(key.pk)):
            _remove_pods(key, now)


def _remove_pods(key: ApiKey, now: datetime) -> None:
    for pod in Pod.objects.listed().filter(api_key=key):
        try:
            lifecycle.remove_as(
                pod_id=pod.public_id, reason=Reason.REMOVED_BUDGET, actor=PLATFORM, now=now
            )
        except DomainError as refusal:
            log.info("budget.skipped", pod=str(pod.public_id), why=refusal.message)
