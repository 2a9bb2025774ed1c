"""The operator's view of the supply side: checks, notices, webhooks and the market's own alerts."""

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline
from marketplace.models import (
    Alert,
    CheckResult,
    CheckRun,
    FactSample,
    HostKeySighting,
    Notice,
    Webhook,
    WebhookDelivery,
)


class CheckResultInline(ReadOnlyInline):
    """What each check of the run said."""

    model = CheckResult
    fields = ["position", "check_id", "status", "code", "measured", "required", "fix", "seconds"]
    ordering = ["position"]


@admin.register(CheckRun)
class CheckRunAdmin(ReadOnlyAdmin):
    """Runs of checks, with their evidence."""

    list_display = ["started_at", "finished_at", "node", "trigger", "outcome"]
    list_filter = ["outcome", "trigger"]
    list_select_related = ["node"]
    search_fields = ["node__public_id", "public_id"]
    ordering = ["-pk"]
    exclude = ["lease_token"]
    inlines = [CheckResultInline]


@admin.register(CheckResult)
class CheckResultAdmin(ReadOnlyAdmin):
    """Single checks, to find what fails most."""

    list_display = ["run", "check_id", "status", "code", "measured", "required", "seconds"]
    list_filter = ["status", "check_id", "code"]
    list_select_related = ["run"]
    ordering = ["-pk"]


@admin.register(FactSample)
class FactSampleAdmin(ReadOnlyAdmin):
    """Every measurement of a figure."""

    list_display = ["fact", "value", "measured_by", "measured_at"]
    list_filter = ["measured_by"]
    list_select_related = ["fact"]
    search_fields = ["fact__node__public_id", "=fact__name"]
    ordering = ["-pk"]


@admin.register(HostKeySighting)
class HostKeySightingAdmin(ReadOnlyAdmin):
    """Looks at host keys before they are pinned."""

    list_display = ["asked_at", "finished_at", "node", "host", "port", "problem"]
    list_select_related = ["node"]
    search_fields = ["node__public_id", "host"]
    ordering = ["-pk"]


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """What providers announced."""

    list_display = ["starts_at", "node", "minutes", "permanent", "reason", "cancelled_at", "ended_at"]  # fmt: skip
    list_filter = ["permanent"]
    list_select_related = ["node"]
    search_fields = ["node__public_id", "reason"]
    ordering = ["-starts_at"]


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """Where providers and renters hear of events; secrets are never shown."""

    list_display = ["url", "provider", "workspace", "kinds", "created_at", "disabled_at"]
    list_select_related = ["provider", "workspace"]
    search_fields = ["url", "provider__name", "workspace__name"]
    ordering = ["-pk"]
    exclude = ["secret_encrypted"]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """Events on their way, or arrived."""

    list_display = ["created_at", "webhook", "kind", "attempts", "delivered_at", "status_code", "error"]  # fmt: skip
    list_filter = ["kind"]
    list_select_related = ["webhook"]
    search_fields = ["event_id"]
    ordering = ["-pk"]


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """What is, or was, wrong with the market itself."""

    list_display = ["opened_at", "closed_at", "kind", "detail"]
    list_filter = ["kind"]
    ordering = ["-pk"]
