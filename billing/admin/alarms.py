"""Final blocks that are not there any more: an administrator decides whether to read on."""

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin, columns
from billing.models import ChainAlarm


@admin.register(ChainAlarm)
class ChainAlarmAdmin(ReadOnlyAdmin):
    """Alarms of the chain; nothing is read while one is open."""

    fields = columns(ChainAlarm)
    list_display = ["block_number", "noticed_at", "closed_at", "closed_by", "closing_reason"]
    ordering = ["-pk"]
