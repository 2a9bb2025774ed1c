"""Final blocks that are not there any more: an administrator decides whether to read on."""

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin, columns, with_reason
from billing.chain.gateway import gateway
from billing.models import ChainAlarm
from billing.services import alarms
from core import clock
from core.actors import Actor


@admin.register(ChainAlarm)
class ChainAlarmAdmin(ReadOnlyAdmin):
    """Alarms of the chain; nothing is read while one is open."""

    fields = columns(ChainAlarm)
    list_display = ["block_number", "noticed_at", "closed_at", "closed_by", "closing_reason"]
    ordering = ["-pk"]
    actions = ["read_on"]

    @with_reason("Take the chain as it is, and read on")
    def read_on(self, row: ChainAlarm, actor: Actor, reason: str) -> None:
        """Read on from the same height; what was credited stays until it is reversed."""
        alarms.read_on(row, gateway=gateway(), reason=reason, actor=actor, now=clock.now())
