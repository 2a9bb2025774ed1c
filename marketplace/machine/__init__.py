"""The one way to a machine: commands, streams and files over SSH with a pinned host key."""

from marketplace.machine.address import MachineAddress
from marketplace.machine.command import CommandResult
from marketplace.machine.conversation import Conversation
from marketplace.machine.errors import (
    AccessDenied,
    BadKey,
    CommandFailed,
    CommandTimeout,
    HostKeyChanged,
    MachineError,
    MachineUnreachable,
    NotUnderstood,
    OutcomeUnknown,
)
from marketplace.machine.keys import fingerprint, generate_keypair
from marketplace.machine.machine import Machine, connect
from marketplace.machine.packing import pack
from marketplace.machine.probe import banner, login_methods, scan_host_key
from marketplace.machine.sessions import Sessions, session
from marketplace.machine.stream import Stream
from marketplace.machine.tcp import dial

__all__ = [
    "AccessDenied",
    "BadKey",
    "CommandFailed",
    "CommandResult",
    "CommandTimeout",
    "Conversation",
    "HostKeyChanged",
    "Machine",
    "MachineAddress",
    "MachineError",
    "MachineUnreachable",
    "NotUnderstood",
    "OutcomeUnknown",
    "Sessions",
    "Stream",
    "banner",
    "connect",
    "dial",
    "fingerprint",
    "generate_keypair",
    "login_methods",
    "pack",
    "scan_host_key",
    "session",
]
