"""The two-word name that the published client derives from an id, so that page and terminal agree."""

from hashlib import md5
from typing import Final
from uuid import UUID

ADJECTIVES: Final = [
    "swift",
    "brave",
    "calm",
    "eager",
    "gentle",
    "cosmic",
    "golden",
    "lunar",
    "zesty",
    "noble",
]
NOUNS: Final = [
    "hawk",
    "lion",
    "eagle",
    "fox",
    "wolf",
    "shark",
    "raven",
    "matrix",
    "comet",
    "orbit",
]


def huid(public_id: UUID | str) -> str:
    """Give the human id, e.g. ``cosmic-hawk-f2``. Not unique: never look a row up by it."""
    digest = md5(str(public_id).encode(), usedforsecurity=False).hexdigest()
    adjective = ADJECTIVES[int(digest[0:4], 16) % len(ADJECTIVES)]
    noun = NOUNS[int(digest[4:8], 16) % len(NOUNS)]
    return f"{adjective}-{noun}-{digest[30:32]}"
