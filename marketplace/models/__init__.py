"""Providers, their nodes and what was measured of them."""

from marketplace.models.alert import Alert
from marketplace.models.check import CheckResult, CheckRun, CheckStatus, Outcome, Trigger
from marketplace.models.fact import Fact, FactSample
from marketplace.models.gpu_model import GpuModel
from marketplace.models.machine_request import MachineRequest
from marketplace.models.node import (
    GpuAccess,
    Met,
    Node,
    NodeGpu,
    NodeStatus,
    PortReservation,
    ProofVerdict,
    Tier,
)
from marketplace.models.node_event import NodeEvent
from marketplace.models.notice import Notice
from marketplace.models.provider import Provider
from marketplace.models.sighting import HostKeySighting
from marketplace.models.start_outcome import StartOutcome
from marketplace.models.usage import HandOver, UsageFact
from marketplace.models.webhook import Webhook, WebhookDelivery

__all__ = [
    "Alert",
    "CheckResult",
    "CheckRun",
    "CheckStatus",
    "Fact",
    "FactSample",
    "GpuAccess",
    "GpuModel",
    "HandOver",
    "HostKeySighting",
    "MachineRequest",
    "Met",
    "Node",
    "NodeEvent",
    "NodeGpu",
    "NodeStatus",
    "Notice",
    "Outcome",
    "PortReservation",
    "ProofVerdict",
    "Provider",
    "StartOutcome",
    "Tier",
    "Trigger",
    "UsageFact",
    "Webhook",
    "WebhookDelivery",
]
