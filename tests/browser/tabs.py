"""What a browser's tab complains about while a page is open."""

from dataclasses import dataclass

from playwright.sync_api import BrowserContext, Page

ANYONE, RENTER = "anyone", "renter"


class Complaints:
    """Errors, exceptions, broken policies and requests to anybody but us, of all pages of a context."""

    def __init__(self, context: BrowserContext, base_url: str) -> None:
        self._heard: list[str] = []
        self._ours = (base_url, "data:", "blob:")
        context.on("console", lambda said: self._hear(said.text) if is_bad(said.type) else None)
        context.on("weberror", lambda thrown: self._hear(str(thrown.error)))
        context.on("request", lambda sent: self._ask(sent.url))

    def forget(self) -> None:
        """Begin anew, before the next page."""
        self._heard.clear()

    def refuse(self, *allowed: str) -> None:
        """Fail for any complaint that holds none of the allowed texts."""
        found = [text for text in self._heard if not any(part in text for part in allowed)]
        assert not found, "the browser complained:\n" + "\n".join(found)

    def _hear(self, text: str) -> None:
        self._heard.append(text)

    def _ask(self, url: str) -> None:
        if not url.startswith(self._ours):
            self._hear(f"asks {url}")


@dataclass(frozen=True)
class Tab:
    """An open page that goes from address to address."""

    page: Page
    complaints: Complaints


def is_bad(kind: str) -> bool:
    """Say whether a console message is a complaint."""
    return kind in {"error", "warning"}
