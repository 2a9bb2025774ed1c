"""The live pages of payments: an invoice, a workspace's deposits, and one deposit."""

from collections.abc import Hashable
from typing import cast
from uuid import UUID

from django.template.loader import render_to_string

from accounts.consumers import LiveConsumer
from billing import access, deposit_pages, invoice_page
from billing.models import Deposit, Invoice
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


class DepositsConsumer(LiveConsumer):
    """The newest deposits of the caller's workspace."""

    def enter(self) -> list[str]:
        """Watch the caller's workspace."""
        return [f"deposits:{self.principal.workspace.public_id}"]

    def subject(self) -> Hashable:
        """Name the workspace."""
        return ("deposits", self.principal.workspace.public_id)

    def render(self) -> str:
        """Render what the page of deposits pushes."""
        context = deposit_pages.live(self.principal.workspace)
        return render_to_string("billing/deposits.html#push", context)


class DepositConsumer(LiveConsumer):
    """One deposit of the caller's."""

    def enter(self) -> list[str]:
        """Check access to the deposit.

        :raises NotFound: it is somebody else's.
        """
        access.deposit_for(self.principal, self._id())
        return [f"deposits:{self.principal.workspace.public_id}"]

    def subject(self) -> Hashable:
        """Name the deposit, for this workspace."""
        return ("deposit", self._id(), self.principal.workspace.public_id)

    def render(self) -> str:
        """Render what the page of a deposit pushes."""
        deposit = Deposit.objects.select_related("invoice", "standing_address").get(
            public_id=self._id()
        )
        context = deposit_pages.detail(deposit, self.principal.workspace)
        return render_to_string("billing/deposit.html#push", context)

    def _id(self) -> UUID:
        return cast(UUID, self.scope["url_route"]["kwargs"]["deposit_id"])
