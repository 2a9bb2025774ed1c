"""Live pages: on connect, on each change and every few seconds, the fragments that the page itself shows.

One render serves every socket that shows the same thing; what a viewer may see is asked for each of them, each time.
"""

import asyncio
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Final

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer

from accounts.principal import Principal
from accounts.services import credentials
from core import live
from core.errors import DomainError, Forbidden, Unauthenticated
from core.threads import in_thread

log = structlog.get_logger(__name__)

# A lost message costs no more than this.
REFRESH_SECONDS: Final = 5.0
# Several changes in one transaction are one picture.
SETTLE_SECONDS: Final = 0.05
# Where nothing changed, a picture that another socket got so long ago will do.
SHARED_SECONDS: Final = 2.0
# A page that hears nothing for three of these says so (static/js/live.js).
BEAT_SECONDS: Final = 15.0
BEAT: Final = "{}"
# The client comes back after the first, with a growing pause, and never after the others.
FAILED, SIGN_IN, FORBIDDEN, NOT_FOUND = 1011, 4401, 4403, 4404


class Pictures:
    """What was rendered last of each subject, for all sockets of this process."""

    def __init__(self) -> None:
        self._made: dict[Hashable, tuple[float, asyncio.Future[str]]] = {}

    async def of(self, subject: Hashable, render: Callable[[], str], *, since: float) -> str:
        """Give a picture whose rendering began at ``since`` (monotonic) or later, one that is under way included."""
        began, picture = self._made.get(subject, (0.0, None))
        if picture is None or began < since:
            picture = asyncio.ensure_future(in_thread(render))
            self._made[subject] = (time.monotonic(), picture)
            asyncio.get_running_loop().call_later(REFRESH_SECONDS, self._forget, subject, picture)
        return await asyncio.shield(picture)

    def _forget(self, subject: Hashable, picture: "asyncio.Future[str]") -> None:
        if self._made.get(subject, (0.0, None))[1] is picture:
            del self._made[subject]


pictures = Pictures()


class LiveConsumer(AsyncWebsocketConsumer):
    """A socket that shows something: subclasses check access, name their topics and render."""

    principal: Principal
    topics: tuple[str, ...] = ()
    refreshing: "asyncio.Task[None] | None" = None
    shown: str | None = None
    said_at = heard_at = 0.0

    async def connect(self) -> None:
        """Let in whoever may see it, and send the present picture.

        Only then is the socket opened: while pictures fail, a client does not get in and so comes back ever later.
        """
        self.changed = asyncio.Event()
        self.heard_at = time.monotonic()
        try:
            self.topics = tuple(await in_thread(self._admit))
            for topic in self.topics:
                live.subscribe(topic, self.heard)
            picture = await self._picture(since=self.heard_at)
        except DomainError as refusal:
            # A code can only be sent on an open socket.
            await self.accept()
            await self._leave(_code(refusal))
            return
        except Exception:
            log.exception("live.failed", path=self.scope["path"])
            await self._leave(FAILED)
            return
        await self.accept()
        await self.show(picture)
        self.refreshing = asyncio.create_task(self._refresh())

    async def disconnect(self, code: int) -> None:
        """Leave nothing behind."""
        self._unsubscribe()
        if self.refreshing:
            self.refreshing.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self.refreshing

    async def heard(self, message: str) -> None:
        """Forward a message that says something; an empty one says that the picture changed."""
        if not message:
            self.heard_at = time.monotonic()
            self.changed.set()
        elif self.refreshing:
            await self._say(message)

    async def _refresh(self) -> None:
        while True:
            since = await self._news()
            try:
                await in_thread(self._admit)
                picture = await self._picture(since=since)
            except DomainError as refusal:
                return await self._leave(_code(refusal))
            except Exception:
                log.exception("live.failed", path=self.scope["path"])
                return await self._leave(FAILED)
            await self.show(picture)

    async def _news(self) -> float:
        """Wait for a change or for time to pass; give how old the next picture may be."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.changed.wait(), REFRESH_SECONDS)
            await asyncio.sleep(SETTLE_SECONDS)
        changed = self.changed.is_set()
        self.changed.clear()
        return self.heard_at if changed else time.monotonic() - SHARED_SECONDS

    async def _picture(self, *, since: float) -> str:
        return await pictures.of(self.subject(), self.render, since=since)

    async def show(self, picture: str) -> None:
        """Send a picture that is new; now and then say that nothing is."""
        if picture != self.shown:
            self.shown = picture
            await self._say(picture)
        elif time.monotonic() - self.said_at > BEAT_SECONDS:
            await self._say(BEAT)

    async def _say(self, text: str) -> None:
        self.said_at = time.monotonic()
        await self.send(text_data=text)

    async def _leave(self, code: int) -> None:
        self._unsubscribe()
        await self.close(code=code)

    def _unsubscribe(self) -> None:
        for topic in self.topics:
            live.unsubscribe(topic, self.heard)

    def _admit(self) -> list[str]:
        # Signing out, suspension and a lost membership end what is open, not only what is opened.
        self.principal = credentials.principal_of_browser(self.scope["session"].session_key)
        return self.enter()

    def enter(self) -> list[str]:
        """Check access, at first and before each picture; give the topics to watch.

        :raises DomainError: there is nothing here for this person.
        """
        raise NotImplementedError

    def subject(self) -> Hashable:
        """Name what is shown: sockets with equal subjects get one render, so it is the same for all of them."""
        raise NotImplementedError

    def render(self) -> str:
        """Give the present picture, the same for all who may see it."""
        raise NotImplementedError


def _code(refusal: DomainError) -> int:
    if isinstance(refusal, Unauthenticated):
        return SIGN_IN
    return FORBIDDEN if isinstance(refusal, Forbidden) else NOT_FOUND
