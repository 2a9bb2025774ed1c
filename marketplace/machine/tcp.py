"""TCP to machines: strangers name their addresses, so only the internet and the operator's own networks are called."""

import socket

from django.conf import settings

from core import dialing
from core.dialing import AddressRefused
from marketplace.machine.errors import MachineUnreachable


def dial(host: str, port: int, *, timeout: float) -> socket.socket:
    """Connect to a machine's port.

    :raises MachineUnreachable: it is not where this market may look. :raises OSError: nobody answers there.
    """
    try:
        return dialing.dial(host, port, timeout=timeout, allowed=settings.MARKET_MACHINE_NETWORKS)
    except AddressRefused as error:
        why = "its address is not on the internet"
        raise MachineUnreachable(where=f"{host}:{port}", why=why) from error
