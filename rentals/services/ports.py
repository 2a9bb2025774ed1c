"""Which ports of a pod are published."""

from collections.abc import Sequence
from typing import Final

from core.errors import Invalid
from rentals.engine.spec import SSH_PORT

MAX_PORTS: Final = 64
# Extra ports that a renter asks for by number only.
FIRST_EXTRA: Final = 9000


def internal_ports(wanted: Sequence[int], count: int | None) -> list[int]:
    """Give the container's published ports: SSH, the template's, and more until there are ``count``.

    :raises Invalid: more than can be published, or a port that cannot be.
    """
    ports = list(dict.fromkeys([SSH_PORT, *wanted]))
    if any(not 1 <= port <= 65535 for port in ports):
        raise Invalid("A port is 1 to 65535.", hint="Change the template's ports.")
    if max(len(ports), count or 0) > MAX_PORTS or (count is not None and count < 1):
        raise Invalid(
            f"A pod publishes 1 to {MAX_PORTS} ports.",
            hint="Ask for fewer, or forward the others over SSH.",
            data={"field": "initial_port_count"},
        )
    extra = FIRST_EXTRA
    while len(ports) < (count or 0):
        if extra not in ports:
            ports.append(extra)
        extra += 1
    return ports
