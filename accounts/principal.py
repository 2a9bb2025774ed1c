"""Who is asking, in which workspace, and what they may do there."""

from dataclasses import dataclass

from accounts.models import MANAGERS, ApiKey, Scope, User, Workspace
from core.actors import Actor, ActorKind
from core.errors import Forbidden

EVERY_SCOPE = frozenset(Scope.values)


class MissingScope(Forbidden):
    """The key lacks the scope that the call needs."""

    code = "missing_scope"


def person(user: User) -> Actor:
    """Name a signed-in person in events and audit."""
    return Actor(kind=ActorKind.USER, id=str(user.public_id), name=user.display_name)


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or a key of theirs, acting in one workspace; ``session`` is a signed-in person."""

    user: User
    workspace: Workspace
    role: str
    api_key: ApiKey | None = None
    scopes: frozenset[str] = EVERY_SCOPE
    session: bool = False

    def actor(self) -> Actor:
        """Name the principal in events and audit."""
        if self.api_key is not None:
            return Actor(
                kind=ActorKind.API_KEY, id=str(self.api_key.public_id), name=self.api_key.name
            )
        return Actor(kind=ActorKind.USER, id=str(self.user.public_id), name=self.user.display_name)

    def require(self, scope: str) -> None:
        """Refuse without the scope.

        :raises MissingScope: the key was made without it.
        """
        if scope not in self.scopes:
            raise MissingScope(
                f"This API key does not have the '{scope}' scope.",
                hint=f"Make a key with the '{scope}' scope on the Keys page and use that one.",
                data={"scope": scope, "scopes": sorted(self.scopes)},
            )

    @property
    def manages_workspace(self) -> bool:
        """Whether the role may act on other members and their keys."""
        return self.role in MANAGERS
