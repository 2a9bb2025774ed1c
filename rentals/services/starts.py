"""What can be said of a start before it: how long it takes, and with which image."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import Workspace
from accounts.principal import Principal
from marketplace.hooks import ImageChoice
from marketplace.models import Node
from rentals import access
from rentals.models import Template
from rentals.services import quoting

# Slower than this, the published client gives no star either.
SLOW_MBPS: Final = 100


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a start usually takes; ``seconds`` None where none was timed on this node."""

    seconds: float | None
    image_is_there: bool
    slow_link: bool


def estimate(principal: Principal, *, node_id: UUID, template_id: UUID | None) -> Estimate:
    """Say how long a start on a node takes, from the starts that it was seen to do.

    :raises NotFound: no such node, or no such template for the caller.
    """
    node = quoting.listed_node(node_id)
    template = access.template_for(principal, template_id) if template_id else None
    return Estimate(
        seconds=node.typical_ready_seconds,
        image_is_there=template is None or _is_there(template, node),
        slow_link=node.download_mbps is not None and node.download_mbps < SLOW_MBPS,
    )


def listed_templates(workspace: Workspace | None) -> QuerySet[Template]:
    """List what a workspace may rent with: those that need no registry first, one-time ones left out."""
    usable = Template.objects.usable_by(workspace).filter(one_time=False)
    return usable.select_related("workspace__owner").order_by("-built_on_node", "name", "pk")


def best_images(gpu_model: str, driver_version: str) -> list[ImageChoice]:
    """Name the images to take where the renter has no wish: those that every node has, whatever its GPU."""
    ready = listed_templates(None).filter(built_on_node=True)
    return [ImageChoice(row.docker_image, row.docker_image_tag) for row in ready]


def _is_there(template: Template, node: Node) -> bool:
    return template.built_on_node or template.image_reference in node.cached_images
