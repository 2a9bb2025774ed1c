"""TCP and SSH up to an authenticated transport: pinned key, dead-peer detection, retries."""

import random
import socket
import time

import paramiko

from marketplace.machine.address import MachineAddress
from marketplace.machine.errors import AccessDenied, HostKeyChanged, MachineUnreachable
from marketplace.machine.keys import fingerprint, load_private_key
from marketplace.machine.tcp import dial

TRIES = 3
KEEPALIVE_SECONDS = 15
# paramiko's keepalive does not notice a dead peer: the kernel must.
SOCKET_OPTIONS = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 15),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 5),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 30_000),
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
)
# A rekey in the middle of a large download kills paramiko's connection (paramiko issue 822).
NEVER_REKEY = 1 << 40


def open_transport(
    address: MachineAddress, *, timeout: float, tries: int = TRIES
) -> paramiko.Transport:
    """Connect, check the pinned host key, authenticate; try transient faults again, each time within `timeout`."""
    key = load_private_key(address.private_key)
    for attempt in range(1, tries + 1):
        try:
            return _open_once(address, key, timeout=timeout)
        except MachineUnreachable:
            if attempt == tries:
                raise
            # Jitter: sshd's MaxStartups drops connections that arrive together.
            time.sleep(random.uniform(0.1, 0.5) * attempt)  # noqa: S311  # not a secret
    raise AssertionError("unreachable")


def handshake(host: str, port: int, *, timeout: float) -> paramiko.Transport:
    """Connect and exchange keys within `timeout`, without authenticating; the server's key must be ed25519."""
    where, ends = f"{host}:{port}", time.monotonic() + timeout
    try:
        sock = dial(host, port, timeout=timeout)
    except OSError as error:
        raise MachineUnreachable(where=where, why=_reason(error)) from error
    _watch(sock)
    left = _left(ends)
    transport = _prepare(sock, left)
    try:
        transport.start_client(timeout=left)
        transport.get_remote_server_key()
    except (paramiko.SSHException, OSError, EOFError) as error:
        transport.close()
        raise MachineUnreachable(where=where, why=_reason(error)) from error
    return transport


def presented_key(transport: paramiko.Transport) -> str:
    """Give the public line of the host key that the server proved to hold."""
    key = transport.get_remote_server_key()
    return f"{key.get_name()} {key.get_base64()}"


def _open_once(
    address: MachineAddress, key: paramiko.PKey, *, timeout: float
) -> paramiko.Transport:
    ends = time.monotonic() + timeout
    transport = handshake(address.host, address.port, timeout=timeout)
    try:
        _check_pin(address, transport)
        transport.auth_timeout = _left(ends)
        _authenticate(address, transport, key)
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(KEEPALIVE_SECONDS)
    return transport


def _check_pin(address: MachineAddress, transport: paramiko.Transport) -> None:
    presented = fingerprint(presented_key(transport))
    if presented != address.host_key_sha256:
        raise HostKeyChanged(
            where=str(address), expected=address.host_key_sha256, presented=presented
        )


def _authenticate(
    address: MachineAddress, transport: paramiko.Transport, key: paramiko.PKey
) -> None:
    try:
        transport.auth_publickey(address.user, key)
    except paramiko.AuthenticationException as error:
        # paramiko says "authentication failed" for a lost connection too.
        if transport.is_active() and "timeout" not in str(error):
            raise AccessDenied(where=str(address), why=_reason(error)) from error
        raise MachineUnreachable(where=str(address), why=_reason(error)) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise MachineUnreachable(where=str(address), why=_reason(error)) from error


def _prepare(sock: socket.socket, timeout: float) -> paramiko.Transport:
    transport = paramiko.Transport(sock)
    transport.daemon = True
    transport.banner_timeout = timeout
    transport.handshake_timeout = timeout
    transport.auth_timeout = timeout
    transport.packetizer.REKEY_BYTES = NEVER_REKEY
    transport.packetizer.REKEY_PACKETS = NEVER_REKEY
    options = transport.get_security_options()
    options.key_types = ("ssh-ed25519",)
    options.ciphers = tuple(sorted(options.ciphers, key=lambda name: "gcm" not in name))
    return transport


def _left(ends: float) -> float:
    """Give what is left of a time, and never nothing: no time would mean no limit."""
    return max(0.001, ends - time.monotonic())


def _watch(sock: socket.socket) -> None:
    for level, name, value in SOCKET_OPTIONS:
        if hasattr(socket, name):  # macOS lacks some
            sock.setsockopt(level, getattr(socket, name), value)


def _reason(error: BaseException) -> str:
    return str(error).rstrip(".") or type(error).__name__
