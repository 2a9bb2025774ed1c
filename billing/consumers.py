"""The live invoice page: on connect, on each change and every few seconds, what the page itself shows."""

import asyncio
from contextlib import suppress
from typing import Final, cast
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.template.loader import render_to_string

from accounts.access import principal_of
from accounts.models import User
from billing import access, invoice_page
from billing.models import Invoice
from core import clock, live
from core.errors import DomainError

# A lost message costs no more than this.
REFRESH_SECONDS: Final = 5.0
SIGN_IN, NOT_FOUND = 4401, 4404


class InvoiceConsumer(AsyncWebsocketConsumer):
    """One invoice of the caller's."""

    refreshing: "asyncio.Task[None] | None" = None

    async def connect(self) -> None:
        """Let in whoever may see the invoice, and send the present picture."""
        await self.accept()
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            await self.close(code=SIGN_IN)
            return
        try:
            await database_sync_to_async(self._invoice)(user)
        except DomainError:
            await self.close(code=NOT_FOUND)
            return
        self.changed = asyncio.Event()
        live.subscribe(self._topic(), self.heard)
        self.refreshing = asyncio.create_task(self._refresh(user))

    async def disconnect(self, code: int) -> None:
        """Leave nothing behind."""
        if self.refreshing is None:
            return
        live.unsubscribe(self._topic(), self.heard)
        self.refreshing.cancel()
        with suppress(asyncio.CancelledError):
            await self.refreshing

    async def heard(self, message: str) -> None:
        """Take note that the picture changed."""
        self.changed.set()

    async def _refresh(self, user: User) -> None:
        shown = ""
        while True:
            picture = await database_sync_to_async(self._render)(user)
            if picture != shown:
                shown = picture
                await self.send(text_data=picture)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), REFRESH_SECONDS)
            self.changed.clear()

    def _render(self, user: User) -> str:
        context = invoice_page.context(self._invoice(user), now=clock.now())
        return render_to_string("billing/invoice.html#push", context)

    def _invoice(self, user: User) -> Invoice:
        return access.invoice_for(principal_of(user), self._id())

    def _topic(self) -> str:
        return f"invoice:{self._id()}"

    def _id(self) -> UUID:
        return cast(UUID, self.scope["url_route"]["kwargs"]["invoice_id"])
