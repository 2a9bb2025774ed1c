"""Live pages of the provider's console: the list of machines, and one of them."""

from collections.abc import Hashable
from typing import cast
from uuid import UUID

from django.template.loader import render_to_string

from accounts.consumers import LiveConsumer
from core import clock
from core.errors import NotFound
from marketplace.access import nodes_of, record_for_provider
from marketplace.console import pages
from marketplace.models import Node, Provider
from marketplace.services.providers import find_provider


class MachineListConsumer(LiveConsumer):
    """All machines of the caller's provider, a row each."""

    watched: tuple[UUID, ...] | None = None

    def enter(self) -> list[str]:
        """Watch the machines that are listed at first; others appear when the page is loaded again.

        :raises NotFound: the workspace provides nothing.
        """
        provider = find_provider(self.principal)
        if provider is None:
            raise NotFound("Nothing is provided from this workspace.")
        self.provider_id = provider.pk
        if self.watched is None:
            self.watched = tuple(nodes_of(provider).values_list("public_id", flat=True))
        return [f"node:{public_id}" for public_id in self.watched]

    def subject(self) -> Hashable:
        """Name the machines."""
        return ("provider", self.provider_id, self.watched)

    def render(self) -> str:
        """Render every row as the list does; one that was removed meanwhile keeps its last picture."""
        provider = Provider.objects.get(pk=self.provider_id)
        nodes = nodes_of(provider).filter(public_id__in=self.watched or ())
        rows = pages.machine_rows(provider, nodes, now=clock.now())
        return render_to_string("provide/machines.html#push", {"rows": rows})


class MachineConsumer(LiveConsumer):
    """One machine of the caller's."""

    def enter(self) -> list[str]:
        """Check access to the machine.

        :raises NotFound: it is somebody else's.
        """
        return [f"node:{record_for_provider(self.principal, self._id()).public_id}"]

    def subject(self) -> Hashable:
        """Name the machine."""
        return ("machine", self._id())

    def render(self) -> str:
        """Render what the machine's page pushes."""
        rows = Node.objects.select_related("gpu_model", "provider")
        node = rows.get(public_id=self._id())
        return render_to_string("provide/machine.html#push", pages.machine_page(node, now=clock.now()))  # fmt: skip

    def _id(self) -> UUID:
        return cast(UUID, self.scope["url_route"]["kwargs"]["machine_id"])
