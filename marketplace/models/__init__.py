"""Providers, their nodes and what was measured of them."""

from marketplace.models.fact import Fact, FactSample
from marketplace.models.gpu_model import GpuModel
from marketplace.models.machine_request import MachineRequest
from marketplace.models.node import GpuAccess, Node, NodeGpu, NodeStatus, PortReservation, Tier
from marketplace.models.node_event import NodeEvent
from marketplace.models.provider import Provider
from marketplace.models.start_outcome import StartOutcome
from marketplace.models.usage import HandOver, UsageFact

__all__ = [
    "Fact",
    "FactSample",
    "GpuAccess",
    "GpuModel",
    "HandOver",
    "MachineRequest",
    "Node",
    "NodeEvent",
    "NodeGpu",
    "NodeStatus",
    "PortReservation",
    "Provider",
    "StartOutcome",
    "Tier",
    "UsageFact",
]
