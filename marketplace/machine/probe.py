"""What a server shows before anyone logs in: its banner and its host key."""

import socket
import time
from typing import Final

import paramiko

from marketplace.machine.errors import MachineUnreachable
from marketplace.machine.tcp import dial
from marketplace.machine.transport import handshake, presented_key

BANNER_POLL_SECONDS = 0.02
BANNER_TRY_SECONDS = 2.0
# RFC 4253: its identification line is no longer, its end included.
LONGEST_LINE: Final = 255


def banner(host: str, port: int, *, deadline: float) -> str:
    """Read the SSH identification line, trying again until `deadline` seconds have passed.

    :raises MachineUnreachable: when no SSH server answered in time.
    """
    end = time.monotonic() + deadline
    why = "no answer"
    while True:
        left = end - time.monotonic()
        if left <= 0:
            raise MachineUnreachable(where=f"{host}:{port}", why=why)
        try:
            return _identification(host, port, timeout=min(left, BANNER_TRY_SECONDS))
        except OSError as error:
            why = str(error)
        time.sleep(BANNER_POLL_SECONDS)


def scan_host_key(host: str, port: int, *, timeout: float) -> str:
    """Give the public line of the ed25519 host key that the server proves to hold.

    :raises MachineUnreachable: when there is no SSH server or it has no ed25519 key.
    """
    transport = handshake(host, port, timeout=timeout)
    try:
        return presented_key(transport)
    finally:
        transport.close()


def login_methods(host: str, port: int, *, user: str, timeout: float) -> tuple[str, ...]:
    """List the ways to log in that the server offers a stranger; empty when it does not say.

    :raises MachineUnreachable: when there is no SSH server.
    """
    transport = handshake(host, port, timeout=timeout)
    try:
        transport.auth_timeout = timeout
        transport.auth_none(user)
    except paramiko.BadAuthenticationType as error:
        return tuple(error.allowed_types)
    except (paramiko.SSHException, OSError, EOFError):
        return ()
    finally:
        transport.close()
    return ("none",)


def _identification(host: str, port: int, *, timeout: float) -> str:
    ends = time.monotonic() + timeout
    with dial(host, port, timeout=timeout) as sock:
        line = _first_line(sock, ends)
    if not line.startswith(b"SSH-2.0-"):
        # A published port accepts before the server behind it listens.
        raise ConnectionError("the port is open, but no SSH server is behind it")
    return line.decode("ascii", "replace").rstrip()


def _first_line(sock: socket.socket, ends: float) -> bytes:
    """Read one line, all of it in time: who sends it byte by byte gets no more than who sends it at once."""
    line = b""
    while b"\n" not in line and len(line) < LONGEST_LINE:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        sock.settimeout(left)
        received = sock.recv(LONGEST_LINE - len(line))
        if not received:
            break
        line += received
    return line.partition(b"\n")[0]
