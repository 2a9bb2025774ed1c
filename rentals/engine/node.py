"""Makes a machine ready for pods; may be repeated at any time."""

from dataclasses import dataclass

from marketplace.machine import Machine
from rentals.engine.spec import GpuAccess, NodeLayout
from rentals.runtime.artifacts import BaseImage, RuntimeBundle


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeFacts:
    """What was found on a machine while it was made ready; None means unknown."""

    layout: NodeLayout
    base_image: str
    architecture: str
    engine_version: str
    gpu_access: GpuAccess | None
    cpus: int
    memory_mib: int
    disk_free_gib: int | None
    disk_quota: bool


def prepare_node(
    machine: Machine,
    *,
    market_id: str,
    directory: str,
    bundle: RuntimeBundle,
    base_image: BaseImage,
    published_ports: tuple[int, int],
    simulated_gpus: str | None = None,
) -> NodeFacts:
    """Copy the runtime and the base image, make the network, raise its firewall.

    `simulated_gpus` is a table of `marketplace.simulated`; `published_ports` is the first and last
    port that pods may publish.

    :raises NodeUnfit: when the machine can host no pods.
    :raises EngineError, MachineError: when it could not be finished; repeat it later.
    """
    raise NotImplementedError
