"""The container engine of a machine. Every function may be repeated; unknown is an exception."""

from rentals.engine.argv import run_argv
from rentals.engine.errors import (
    DiskFull,
    EngineDown,
    EngineError,
    ForeignContainer,
    GpuUnavailable,
    ImageMissing,
    ImagePullFailed,
    NameConflict,
    NodeUnfit,
    PodMissing,
    PodNotRunning,
    PortTaken,
)
from rentals.engine.images import Image, image_present, pull
from rentals.engine.node import NodeFacts, lower_firewall, prepare_node, raise_firewall
from rentals.engine.observe import Boot, boot, list_pods, look, visible_gpus
from rentals.engine.output import follow, logs
from rentals.engine.pods import create_and_start, remove, restart, start, stop
from rentals.engine.spec import (
    ContainerSpec,
    GpuAccess,
    NodeLayout,
    Observed,
    Volume,
    check_env,
    check_image,
    container_name,
)
from rentals.engine.usage import GpuUsage, PodUsage, gpu_stats, stats

__all__ = [
    "Boot",
    "ContainerSpec",
    "DiskFull",
    "EngineDown",
    "EngineError",
    "ForeignContainer",
    "GpuAccess",
    "GpuUnavailable",
    "GpuUsage",
    "Image",
    "ImageMissing",
    "ImagePullFailed",
    "NameConflict",
    "NodeFacts",
    "NodeLayout",
    "NodeUnfit",
    "Observed",
    "PodMissing",
    "PodNotRunning",
    "PodUsage",
    "PortTaken",
    "Volume",
    "boot",
    "check_env",
    "check_image",
    "container_name",
    "create_and_start",
    "follow",
    "gpu_stats",
    "image_present",
    "list_pods",
    "logs",
    "look",
    "lower_firewall",
    "prepare_node",
    "pull",
    "raise_firewall",
    "remove",
    "restart",
    "run_argv",
    "start",
    "stats",
    "stop",
    "visible_gpus",
]
