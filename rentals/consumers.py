"""Live pod pages: one pod with its figures, and the list."""

from collections.abc import Hashable
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from django.template.loader import render_to_string

from accounts.consumers import LiveConsumer
from core import clock
from rentals import pages, selectors
from rentals.access import pod_for, visible_pods
from rentals.models import Pod
from rentals.services import metrics

PLOTS: Final = '<hx-partial hx-target="#pod-metrics"'


class PodConsumer(LiveConsumer):
    """One pod."""

    plotted = False

    def enter(self) -> list[str]:
        """Check access to the pod.

        :raises NotFound: it is somebody else's.
        """
        return [f"pod:{pod_for(self.principal, self._id()).public_id}"]

    def subject(self) -> Hashable:
        """Name the pod; a page that just came, or came back, wants the plots too."""
        return ("pod", self._id(), self.plotted)

    def render(self) -> str:
        """Render what the pod page pushes, and the plots where the page may lack some of them."""
        pod = selectors.with_parts(Pod.objects.all()).get(public_id=self._id())
        metrics.watch(pod)
        page = pages.pod_page(pod, now=clock.now())
        pushed = render_to_string("rentals/pod.html#push", page)
        if self.plotted or not page["series"]:
            return pushed
        html = render_to_string("rentals/pod.html#metrics", page)
        return f'{pushed}{PLOTS} hx-swap="outerHTML">{html}</hx-partial>'

    async def show(self, picture: str) -> None:
        """Send a picture; plots go out once and grow by samples then."""
        self.plotted = self.plotted or PLOTS in picture
        await super().show(picture)

    def _id(self) -> UUID:
        return cast(UUID, self.scope["url_route"]["kwargs"]["pod_id"])


class PodListConsumer(LiveConsumer):
    """All listed pods of the caller, a row each."""

    watched: tuple[UUID, ...] | None = None

    def enter(self) -> list[str]:
        """Watch every pod that is listed at first; the others appear when the page is loaded again."""
        self.workspace_id = self.principal.workspace.pk
        if self.watched is None:
            listed = visible_pods(self.principal).listed().order_by("pk")
            self.watched = tuple(listed.values_list("public_id", flat=True))
        return [f"pod:{public_id}" for public_id in self.watched]

    def subject(self) -> Hashable:
        """Name the pods."""
        return ("pods", self.workspace_id, self.watched)

    async def heard(self, message: str) -> None:
        """Take note of changes only: samples are for the pod's own page."""
        if not message:
            await super().heard(message)

    def render(self) -> str:
        """Render every row as the list does; one that ended meanwhile stays and says so."""
        now = clock.now()
        pods = Pod.objects.filter(workspace=self.workspace_id, public_id__in=self.watched or ())
        return "".join(_row(pod, now) for pod in selectors.with_parts(pods))


def _row(pod: Pod, now: datetime) -> str:
    context = {"row": pages.pod_row(pod, now=now)}
    html = render_to_string("rentals/_pod_row.html", context)
    target = f"#pod-{pod.public_id}"
    return f'<hx-partial hx-target="{target}" hx-swap="outerMorph">{html}</hx-partial>'
