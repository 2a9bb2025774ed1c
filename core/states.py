"""Transition tables: a state machine is a mapping from each status to the ones it may become."""

from collections.abc import Collection, Mapping
from typing import TypeVar

from core.errors import IllegalTransition

S = TypeVar("S", bound=str)
Table = Mapping[S, Collection[S]]


def require(table: Mapping[S, Collection[S]], *, of: str, source: S, target: S) -> None:
    """Refuse a move that the table does not hold.

    :raises IllegalTransition: always, when ``target`` cannot follow ``source``.
    """
    if target not in table[source]:
        allowed = ", ".join(sorted(table[source])) or "nothing: it is final"
        raise IllegalTransition(
            f"A {of} that is {source} cannot become {target}.",
            hint=f"From {source} it can become: {allowed}.",
            data={"from": str(source), "to": str(target)},
        )
