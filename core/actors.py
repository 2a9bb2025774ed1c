"""Who caused something: the same words to renter, provider and admin."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """The kinds of actor an event can name."""

    USER = "user"
    API_KEY = "api_key"
    ADMIN = "admin"
    PROVIDER = "provider"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Actor:
    """The cause of a change: its kind, its public id and the name to show."""

    kind: ActorKind
    id: str = ""
    name: str = ""


PLATFORM = Actor(kind=ActorKind.PLATFORM, name="platform")
