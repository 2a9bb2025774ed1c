"""Making a node ready for pods: runtime, network, firewall and base image; may be repeated."""

import time
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction

from marketplace.machine import Machine, session
from marketplace.models import Node
from marketplace.services.machines import machine_address
from marketplace.simulated import gpus_tsv, uuids
from rentals import engine, terms
from rentals.engine import NodeFacts
from rentals.models import Template
from rentals.runtime import Artifacts, artifacts
from rentals.services.templates import split_reference

log = structlog.get_logger(__name__)

CACHE_FOLDER: Final = "runtime"


def prepare(*, node_id: int) -> NodeFacts:
    """Make a node ready for pods and write down what was put there.

    :raises NodeUnfit: the machine can host no pods. :raises EngineError, MachineError: try again.
    :raises PackagesUnavailable: the base image cannot be built here.
    """
    node = Node.objects.select_related("provider", "gpu_model").get(pk=node_id)
    made = artifacts(cache_folder())
    with session(machine_address(node), timeout=terms.CONNECT_SECONDS) as machine:
        facts = put(machine.until(time.monotonic() + terms.PREPARATION_SECONDS), node, made)
        cached = _cached_images(machine)
    _write(node, facts, cached)
    log.info("node.prepared", node=str(node.public_id), base_image=facts.base_image)
    return facts


def put(machine: Machine, node: Node, made: Artifacts) -> NodeFacts:
    """Put everything that pods need on a node's machine."""
    return engine.prepare_node(
        machine,
        market_id=settings.MARKET_INSTANCE,
        directory=node.state_dir,
        bundle=made.runtime,
        base_image=made.base_image,
        published_ports=(node.first_port, node.last_port),
        simulated_gpus=_simulated_table(node),
    )


def cache_folder() -> Path:
    """Give the folder that keeps the built runtime and base image."""
    return Path(settings.STATE_DIR) / CACHE_FOLDER


def adopt_base_image(name: str) -> None:
    """Point the public templates that are built on the node at the base image as it is now."""
    image, tag, _ = split_reference(name)
    Template.objects.filter(workspace=None, built_on_node=True, deleted_at=None).update(
        docker_image=image, docker_image_tag=tag
    )


def _write(node: Node, facts: NodeFacts, cached: list[str]) -> None:
    with transaction.atomic():
        row = Node.objects.select_for_update(no_key=True).get(pk=node.pk)
        row.prepared_digest = facts.layout.runtime
        row.cached_images = cached
        row.cpu_count = row.cpu_count or facts.cpus
        row.ram_mib = row.ram_mib or facts.memory_mib
        row.save(
            update_fields=["prepared_digest", "cached_images", "cpu_count", "ram_mib", "updated_at"]
        )
    adopt_base_image(facts.base_image)


def _cached_images(machine: Machine) -> list[str]:
    """List the public templates' images that are on the machine already."""
    references = {
        template.image_reference
        for template in Template.objects.filter(workspace=None, deleted_at=None)
    }
    return sorted(image for image in references if engine.image_present(machine, image=image))


def _simulated_table(node: Node) -> str | None:
    """Write the table that the stand-in for nvidia-smi answers from; the seed stands in the UUIDs."""
    if not node.simulated:
        return None
    listed = tuple(node.gpus.order_by("position").values_list("uuid", flat=True))
    seed = int(listed[0].rpartition("-")[2][:6], 16)
    table = gpus_tsv(model=node.gpu_model.name, count=len(listed), seed=seed)
    if uuids(table) != listed:
        raise engine.NodeUnfit("its simulated GPUs are not the ones that were enrolled")
    return table
