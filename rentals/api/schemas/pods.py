"""Pods, events and wishes."""

from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import BeforeValidator, Field

from core.moments import Moment
from rentals.api.schemas.common import LONGEST_TEXT, Blankable, Text, blank_if_null


class PodTemplateOut(Schema):
    """The template of a pod."""

    id: UUID
    name: str
    docker_image: str
    docker_image_tag: str
    category: str
    volumes: list[str]


class NoticeOut(Schema):
    """What the provider announced about the machine; the pod ends with a removal, never for a maintenance."""

    kind: str
    starts_at: str
    ends_at: str | None
    reason: str | None
    ends_pod: bool


class PodOut(Schema):
    """A pod; ``ssh_connect_cmd`` is there once SSH was proven, phase and estimate while it starts."""

    id: UUID
    pod_name: str
    status: str
    status_since: str
    reason_code: str | None
    reason: str | None
    ssh_connect_cmd: str | None
    ssh_host_key: str
    ports_mapping: dict[str, int]
    created_at: str
    updated_at: str
    price: float
    gpu_count: int
    executor: dict[str, Any]
    template: PodTemplateOut
    local_volume_path: None
    removal_scheduled_at: str | None
    jupyter_installation_status: str | None
    jupyter_url: str | None
    enable_volume_encryption: bool
    volume_encryption_status: str
    workspace_id: UUID
    api_key_id: UUID | None
    api_key_name: str | None
    phase: str | None = None
    estimated_ready_seconds: int | None = None
    eta_basis: str | None = None
    notice: NoticeOut | None = None


class EventOut(Schema):
    """Something that happened to a pod; the platform's own acts have no actor."""

    created_at: str
    event_type: str
    sub_event_type: str
    pod_id: UUID
    pod_name: str
    from_status: str | None
    to_status: str | None
    reason: str | None
    detail: str | None
    error: str | None
    actor: dict[str, Any] | None


class PodDetailOut(PodOut):
    """A pod with the latest that happened to it."""

    last_event: EventOut | None


def cropped(value: object) -> object:
    """Take the beginning of a long text: a pod is not kept, and charged, for what is said of it."""
    text = blank_if_null(value)
    return text.replace("\x00", "")[:LONGEST_TEXT] if isinstance(text, str) else text


class Feedback(Schema):
    """What a renter thinks of a node."""

    feedback_text: Annotated[Text, BeforeValidator(cropped)] = ""
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    reason: Blankable = ""


class ScheduleIn(Schema):
    """When the pod ends; without a zone it is UTC."""

    removal_scheduled_at: Moment


class RebootIn(Schema):
    """What a reboot may come with."""

    volume_id: str | None = None


class LogQuery(Schema):
    """How much of the log to read; ``follow=true`` streams."""

    tail: Annotated[int, Field(ge=1, le=10_000)] = 100
    follow: bool = False


class EventQuery(Schema):
    """Which events of the workspace to read."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    since: Moment | None = None
    pod_id: UUID | None = None
    api_key_id: UUID | None = None
