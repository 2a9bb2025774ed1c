"""What the market must ask of the floor above it; the roof installs the answers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ImageChoice:
    """A container image that suits a machine."""

    docker_image: str
    docker_image_tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePod:
    """A pod as the provider of its machine may know it; USD an hour, before the fee.

    A stopped or failed pod is still there, but holds no GPUs and brings nothing. ``notice_hours`` was promised at rent.
    """

    id: UUID
    name: str
    status: str
    gpu_count: int
    hourly_price_usd: Decimal
    fee_rate: Decimal
    created_at: datetime
    holds_gpus: bool
    is_billed: bool
    notice_hours: int
    hears_notices: bool

    @property
    def revenue_usd(self) -> Decimal:
        """What it brings its provider an hour now, after the fee."""
        kept = self.hourly_price_usd * (1 - self.fee_rate)
        return kept if self.is_billed else Decimal(0)


class NotPrepared(Exception):
    """A machine could not be made ready for pods; the text says why."""


# Best first, for a GPU's full or short name and a driver version (either may be empty).
BestImages = Callable[[str, str], list[ImageChoice]]
# Puts what pods need on a node's machine.
PrepareNode = Callable[[int], None]
# The live pods of nodes, by the primary key of the node.
PodsOn = Callable[[Collection[int]], Mapping[int, Sequence[NodePod]]]
# GPU-seconds between two moments that renters had proven use of, by the primary key of the node.
RentedGpuSeconds = Callable[[Collection[int], datetime, datetime], Mapping[int, float]]


def _no_opinion(gpu_model: str, driver_version: str) -> list[ImageChoice]:
    return []


def _no_pods(node_ids: Collection[int]) -> Mapping[int, Sequence[NodePod]]:
    return {}


def _no_use(node_ids: Collection[int], since: datetime, until: datetime) -> Mapping[int, float]:
    return {}


def _nothing_to_put(node_id: int) -> None:
    raise NotPrepared("nobody says what pods need")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hooks:
    """The answers of the floor above."""

    best_images: BestImages = _no_opinion
    prepare_node: PrepareNode = _nothing_to_put
    pods_on: PodsOn = _no_pods
    rented_gpu_seconds: RentedGpuSeconds = _no_use


_installed: Final[list[Hooks]] = [Hooks()]


def install(hooks: Hooks) -> None:
    """Let the roof say who answers."""
    _installed[:] = [hooks]


def installed() -> Hooks:
    """Give the answers."""
    return _installed[0]


def best_images(gpu_model: str, driver_version: str) -> list[ImageChoice]:
    """Give the images that suit a machine, best first; empty where nobody has an opinion."""
    return installed().best_images(gpu_model, driver_version)


def prepare_node(node_id: int) -> None:
    """Make a machine ready for pods; may be repeated, and takes minutes the first time.

    :raises NotPrepared: it is not ready, with the reason.
    """
    installed().prepare_node(node_id)


def pods_on(node_ids: Collection[int]) -> Mapping[int, Sequence[NodePod]]:
    """List the live pods of nodes by the node's primary key; a node without any may be missing."""
    return installed().pods_on(node_ids)


def rented_gpu_seconds(
    node_ids: Collection[int], *, since: datetime, until: datetime
) -> Mapping[int, float]:
    """Sum up the proven use of nodes between two moments, rentals that go on included; unused nodes may be missing."""
    return installed().rented_gpu_seconds(node_ids, since, until)
