"""Live pod pages: on connect, on each change and every few seconds, the fragments that the page itself shows."""

import asyncio
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.template.loader import render_to_string

from accounts.access import principal_of
from accounts.models import User
from accounts.principal import Principal
from core import clock, live
from core.errors import DomainError
from rentals import pages, selectors
from rentals.access import visible_pods
from rentals.models import Pod
from rentals.services import metrics

# A lost message costs no more than this.
REFRESH_SECONDS: Final = 5.0
# Several changes in one transaction are one picture.
SETTLE_SECONDS: Final = 0.05
SIGN_IN, NOT_FOUND = 4401, 4404


class LiveConsumer(AsyncWebsocketConsumer):
    """A socket that shows something: subclasses name its topics and render it."""

    principal: Principal
    refreshing: "asyncio.Task[None] | None" = None
    shown: str = ""

    async def connect(self) -> None:
        """Let in whoever may see it, and send the present picture."""
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            await self._refuse(SIGN_IN)
            return
        try:
            topics = await database_sync_to_async(self.enter)(user)
        except DomainError:
            await self._refuse(NOT_FOUND)
            return
        await self.accept()
        self.changed = asyncio.Event()
        self.topics = topics
        for topic in topics:
            live.subscribe(topic, self.heard)
        self.refreshing = asyncio.create_task(self._refresh())

    async def disconnect(self, code: int) -> None:
        """Leave nothing behind."""
        for topic in getattr(self, "topics", ()):
            live.unsubscribe(topic, self.heard)
        if self.refreshing:
            self.refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await self.refreshing

    async def heard(self, message: str) -> None:
        """Forward a message that says something; an empty one says that the picture changed."""
        if message:
            await self.send(text_data=message)
        else:
            self.changed.set()

    async def _refresh(self) -> None:
        while True:
            picture = await database_sync_to_async(self.render)()
            if picture != self.shown:
                self.shown = picture
                await self.send(text_data=picture)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), REFRESH_SECONDS)
                await asyncio.sleep(SETTLE_SECONDS)
            self.changed.clear()

    async def _refuse(self, code: int) -> None:
        # A code can only be sent on an open socket; the client takes it as "do not come back".
        await self.accept()
        await self.close(code=code)

    def enter(self, user: User) -> list[str]:
        """Check access and give the topics to watch."""
        raise NotImplementedError

    def render(self) -> str:
        """Give the present picture."""
        raise NotImplementedError


class PodConsumer(LiveConsumer):
    """One pod."""

    plotted: bool | None = None

    def enter(self, user: User) -> list[str]:
        """Check access to the pod.

        :raises NotFound: it is somebody else's.
        """
        self.principal = principal_of(user)
        pod = self._pod()
        return [f"pod:{pod.public_id}"]

    def render(self) -> str:
        """Render what the pod page pushes."""
        pod = self._pod()
        metrics.watch(pod)
        page = pages.pod_page(pod, now=clock.now())
        return render_to_string("rentals/pod.html#push", page) + self._first_plots(page)

    def _first_plots(self, page: dict[str, Any]) -> str:
        """Render the plots once, when the first sample comes to a page that was loaded without one."""
        had, self.plotted = self.plotted, bool(page["series"])
        if had is not False or not self.plotted:
            return ""
        html = render_to_string("rentals/pod.html#metrics", page)
        return f'<hx-partial hx-target="#pod-metrics" hx-swap="outerHTML">{html}</hx-partial>'

    def _pod(self) -> Pod:
        return selectors.page_pod(self.principal, self.scope["url_route"]["kwargs"]["pod_id"])


class PodListConsumer(LiveConsumer):
    """All listed pods of the caller, a row each."""

    watched: list[UUID]

    def enter(self, user: User) -> list[str]:
        """Watch every pod that is listed now; the others appear when the page is loaded again."""
        self.principal = principal_of(user)
        pods = visible_pods(self.principal).listed()
        self.watched = list(pods.values_list("public_id", flat=True))
        return [f"pod:{public_id}" for public_id in self.watched]

    async def heard(self, message: str) -> None:
        """Take note of changes only: samples are for the pod's own page."""
        if not message:
            self.changed.set()

    def render(self) -> str:
        """Render every row as the list does; one that ended meanwhile stays and says so."""
        now = clock.now()
        pods = visible_pods(self.principal).filter(public_id__in=self.watched)
        return "".join(_row(pod, now) for pod in selectors.with_parts(pods))


def _row(pod: Pod, now: Any) -> str:
    context = {"row": pages.pod_row(pod, now=now)}
    html = render_to_string("rentals/_pod_row.html", context)
    target = f"#pod-{pod.public_id}"
    return f'<hx-partial hx-target="{target}" hx-swap="outerMorph">{html}</hx-partial>'
