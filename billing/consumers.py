"""The live invoice page: how to pay, and how far the payment is."""

from collections.abc import Hashable
from typing import cast
from uuid import UUID

from django.template.loader import render_to_string

from accounts.consumers import LiveConsumer
from billing import access, invoice_page
from billing.models import Invoice
from core import clock


class InvoiceConsumer(LiveConsumer):
    """One invoice of the caller's."""

    def enter(self) -> list[str]:
        """Check access to the invoice.

        :raises NotFound: it is somebody else's.
        """
        return [f"invoice:{access.invoice_for(self.principal, self._id()).public_id}"]

    def subject(self) -> Hashable:
        """Name the invoice."""
        return ("invoice", self._id())

    def render(self) -> str:
        """Render what the invoice page pushes."""
        invoice = Invoice.objects.select_related("workspace").get(public_id=self._id())
        context = invoice_page.context(invoice, now=clock.now())
        return render_to_string("billing/invoice.html#push", context)

    def _id(self) -> UUID:
        return cast(UUID, self.scope["url_route"]["kwargs"]["invoice_id"])
