"""Templates, as they are sent and read."""

from typing import Annotated
from uuid import UUID

from ninja import Schema
from pydantic import BeforeValidator, Field

from rentals.api.schemas.common import Blankable, LongText, Name, Text, blank_if_null

OptionalText = Annotated[LongText, BeforeValidator(blank_if_null)]


class TemplateIn(Schema):
    """A template to make or to change; unknown fields are ignored, because the client sends back what it read."""

    name: Name
    docker_image: Name
    docker_image_tag: Blankable = ""
    docker_image_digest: Blankable = ""
    description: OptionalText = ""
    readme: OptionalText = ""
    category: Name = "UBUNTU"
    internal_ports: Annotated[
        list[Annotated[int, Field(ge=1, le=65_535)]], Field(max_length=64)
    ] = Field(default_factory=list)
    environment: dict[Name, Text] = Field(default_factory=dict)
    entrypoint: OptionalText = ""
    startup_commands: OptionalText = ""
    volumes: Annotated[list[Name], Field(max_length=8)] = Field(default_factory=list)
    one_time_template: bool = False


class TemplateOut(Schema):
    """A template."""

    id: UUID
    name: str
    description: str
    readme: str
    category: str
    docker_image: str
    docker_image_tag: str
    docker_image_digest: str
    internal_ports: list[int]
    environment: dict[str, str]
    entrypoint: str
    startup_commands: str
    volumes: list[str]
    is_private: bool
    one_time_template: bool
    status: str
    supports_volume_encryption: bool
    user_id: UUID | None
    created_at: str
    updated_at: str
