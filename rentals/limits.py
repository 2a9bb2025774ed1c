"""How often a workspace may rent, ask for prices and read logs, page and API together (docs/security.md)."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings

from accounts.models import Workspace
from core import ratelimit
from core.errors import RateLimited

RENTS_PER_WORKSPACE: Final = "60/minute"
QUOTES_PER_WORKSPACE: Final = "120/minute"
LOGS_PER_WORKSPACE: Final = "60/minute"
PLACE_SECONDS: Final = 5


def rent(workspace: Workspace) -> None:
    """Count a try to rent.

    :raises RateLimited: too many of this workspace.
    """
    ratelimit.check("rent", str(workspace.public_id), RENTS_PER_WORKSPACE)


def quote(workspace: Workspace) -> None:
    """Count a question for a price that is held.

    :raises RateLimited: too many of this workspace.
    """
    ratelimit.check("quote", str(workspace.public_id), QUOTES_PER_WORKSPACE)


def logs(workspace: Workspace) -> None:
    """Count a log that is read from its machine.

    :raises RateLimited: too many of this workspace.
    """
    ratelimit.check("logs", str(workspace.public_id), LOGS_PER_WORKSPACE)


class Places:
    """Room for what takes long: so many in this process, and so many of them for one workspace."""

    def __init__(self, *, total: int, each: int, what: str) -> None:
        self.total, self.each, self.what = total, each, what
        self._lock = threading.Lock()
        self._taken: Counter[int] = Counter()

    @contextmanager
    def one_for(self, workspace: Workspace) -> Iterator[None]:
        """Hold a place.

        :raises RateLimited: all are taken, or all of this workspace.
        """
        with self._lock:
            if self._taken.total() >= self.total or self._taken[workspace.pk] >= self.each:
                raise RateLimited(
                    f"Too many logs are being {self.what} at once.",
                    retry_after=PLACE_SECONDS,
                    hint=f"At most {self.each} for a workspace; end one, or try again.",
                )
            self._taken[workspace.pk] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[workspace.pk] -= 1
                self._taken += Counter()  # drops what is zero


# Hours each: counted as they run, not as they begin.
followed_logs: Final = Places(total=64, each=8, what="followed")
# A silent machine must not take all threads of the pages.
read_logs: Final = Places(total=max(1, settings.HTTP_THREADS // 2), each=2, what="read")
