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


def on_the_wire(kind: str, public_id: str, name: str) -> dict[str, str] | None:
    """Write an actor as the published client reads it; None is not the account: the platform, or a provider."""
    match kind:
        case ActorKind.PLATFORM | ActorKind.PROVIDER:
            return None
        case ActorKind.API_KEY:
            return {"auth": "api_key", "api_key_id": public_id, "api_key_name": name}
        case _:
            return {"auth": "session", "user_id": public_id, "name": name}
