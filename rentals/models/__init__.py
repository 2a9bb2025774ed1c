"""Quotes, pods and what is known of them."""

from rentals.models.idempotency import IdempotentRequest
from rentals.models.meter import PaidUse, PodMeter, ReadyInterval
from rentals.models.node_watch import NodeWatch
from rentals.models.pod import (
    ENDED,
    OVER,
    RESTARTING,
    TO_PROVE_AGAIN,
    UNLISTED,
    UP,
    Phase,
    Pod,
    PodPort,
    PodStatus,
)
from rentals.models.pod_event import PodEvent
from rentals.models.quote import Quote
from rentals.models.receipt import Receipt
from rentals.models.runway import Runway, Stage
from rentals.models.template import Template, TemplateStatus

__all__ = [
    "ENDED",
    "OVER",
    "RESTARTING",
    "TO_PROVE_AGAIN",
    "UNLISTED",
    "UP",
    "IdempotentRequest",
    "NodeWatch",
    "PaidUse",
    "Phase",
    "Pod",
    "PodEvent",
    "PodMeter",
    "PodPort",
    "PodStatus",
    "Quote",
    "ReadyInterval",
    "Receipt",
    "Runway",
    "Stage",
    "Template",
    "TemplateStatus",
]
