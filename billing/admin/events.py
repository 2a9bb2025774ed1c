"""What happened to what is paid, as a table on its page."""

from accounts.admin_base import ReadOnlyInline
from billing.models import PaymentEvent


class PaymentEventInline(ReadOnlyInline):
    """What happened, by whom, and why; ``fk_name`` says to what."""

    model = PaymentEvent
    fields = ["created_at", "from_status", "to_status", "reason", "actor_name"]
    ordering = ["pk"]
