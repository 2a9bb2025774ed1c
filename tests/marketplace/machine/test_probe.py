import contextlib
import socket
import threading
import time

import pytest

from marketplace.machine import (
    BadKey,
    MachineUnreachable,
    banner,
    fingerprint,
    generate_keypair,
    scan_host_key,
)
from tests.machines import Sshd


def test_reads_the_banner(sshd: Sshd) -> None:
    assert banner(sshd.address.host, sshd.address.port, deadline=5).startswith("SSH-2.0-")


def test_gives_the_key_that_the_server_holds(sshd: Sshd) -> None:
    line = scan_host_key(sshd.address.host, sshd.address.port, timeout=5)

    assert fingerprint(line) == sshd.address.host_key_sha256


def test_an_open_port_is_no_banner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closing = threading.Thread(target=lambda: server.accept()[0].close())
        closing.start()
        with pytest.raises(MachineUnreachable, match=r"no SSH server|timed out"):
            banner("127.0.0.1", server.getsockname()[1], deadline=0.3)
        closing.join()


def test_a_banner_in_drips_is_waited_for_no_longer_than_one_that_never_comes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=drip, args=(server, b"SSH-2.0-" + 90 * b"d" + b"\r\n"))
        dripping.start()
        began = time.monotonic()
        with pytest.raises(MachineUnreachable, match="timed out"):
            banner("127.0.0.1", server.getsockname()[1], deadline=0.5)
        lasted = time.monotonic() - began
        dripping.join()

    assert lasted < 5


def drip(server: socket.socket, line: bytes) -> None:
    """Send a line byte by byte, each in time for who waits for a byte."""
    taken, _ = server.accept()
    with taken, contextlib.suppress(OSError):
        for byte in line:
            taken.sendall(bytes([byte]))
            time.sleep(0.1)


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 ***"])
def test_refuses_what_is_no_key(line: str) -> None:
    with pytest.raises(BadKey):
        fingerprint(line)


def test_makes_keys_that_openssh_reads() -> None:
    private, public = generate_keypair()

    assert private.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert public.split()[0] == "ssh-ed25519"
    assert len(public.split()) == 2
