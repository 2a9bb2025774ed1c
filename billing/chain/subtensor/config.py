"""Where the chain is asked, and how."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a gateway.

    ``timeout`` is in seconds, ``rate`` in questions a second for each endpoint; ``lag`` is how old the newest final
    block of a healthy endpoint may be, zero for any age.
    """

    endpoints: tuple[str, ...]
    genesis: str
    timeout: float
    rate: float
    lag: timedelta
