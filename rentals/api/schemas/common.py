"""Building blocks: bounded texts and numbers; names, types and units are the client's, money is JSON numbers."""

from typing import Annotated, Any, Final

from ninja import Schema
from pydantic import BeforeValidator, Field, StringConstraints

# PostgreSQL has no NUL in texts; a length keeps a hostile body cheap.
NO_NUL = r"^[^\x00]*$"
Name = Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)]
LONGEST_TEXT: Final = 2_000
Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT, pattern=NO_NUL)]
LongText = Annotated[str, StringConstraints(max_length=65_536, pattern=NO_NUL)]
PublicKey = Annotated[str, StringConstraints(max_length=16_384, pattern=NO_NUL)]
Count = Annotated[int, Field(ge=1, le=1024)]
Floor = Annotated[float, Field(ge=0, le=1e9)]


def as_list(value: object) -> object:
    """Take a single text for a list of one."""
    return [value] if isinstance(value, str) else value


def blank_if_null(value: object) -> object:
    """Take null for an empty text."""
    return "" if value is None else value


Blankable = Annotated[Name, BeforeValidator(blank_if_null)]


class Message(Schema):
    """What was done, in words."""

    message: str


class PageOut(Schema):
    """A page of something that this market does not keep: always empty."""

    items: list[Any]
    has_next: bool
