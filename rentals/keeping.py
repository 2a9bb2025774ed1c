"""How long the files of a pod are kept that does not run: they are not charged, and hold ports and disk of a machine."""

from datetime import datetime, timedelta

from django.conf import settings

from rentals.models import Pod, PodStatus


def kept_for(status: PodStatus) -> timedelta | None:
    """Give how long a pod stays in a state in which nothing but its files is left; None for any other state."""
    if status is PodStatus.STOPPED:
        return settings.MARKET_STOPPED_KEPT
    if status in {PodStatus.LOST, PodStatus.REBOOT_FAILED}:
        return settings.MARKET_DATA_GRACE
    return None


def kept_until(pod: Pod) -> datetime | None:
    """Give when a pod is removed with its files if nobody starts it; None where it keeps no files for a time."""
    span = kept_for(PodStatus(pod.status))
    if span is None or pod.gone_at:
        return None
    if pod.low_balance_since:
        return min(pod.status_since + span, pod.low_balance_since + settings.MARKET_DATA_GRACE)
    return pod.status_since + span
