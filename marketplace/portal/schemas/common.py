"""Building blocks: bounded texts and numbers."""

from decimal import Decimal
from typing import Annotated

from ninja import Schema
from pydantic import BeforeValidator, Field, StringConstraints

# PostgreSQL has no NUL in texts; a length keeps a hostile body cheap.
NO_NUL = r"^[^\x00]*$"
Text = Annotated[str, StringConstraints(max_length=320, pattern=NO_NUL)]
GpuName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NO_NUL)]
Host = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NO_NUL)]
Reason = Annotated[str, StringConstraints(max_length=500, pattern=NO_NUL)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=NO_NUL)]
GpuCount = Annotated[int, Field(ge=1, le=64)]
Port = Annotated[int, Field(ge=1, le=65535)]
# A JSON number reaches us as a float, whose shortest text is what was written.
Usd = Annotated[
    Decimal,
    BeforeValidator(lambda sent: str(sent) if isinstance(sent, float) else sent),
    Field(ge=0, le=10_000, allow_inf_nan=False),
]


class Message(Schema):
    """What was done, in words."""

    message: str
