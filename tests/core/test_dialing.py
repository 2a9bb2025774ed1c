"""Connecting to hosts that strangers chose."""

import socket
from ipaddress import ip_network
from typing import Any

import pytest

from core.dialing import AddressRefused, dial, look_up

NAME = "machine.example.com"
LOOPBACK = ip_network("127.0.0.0/8")


def resolver(*answers: str) -> Any:
    """Give a resolver that says something else of a name each time."""
    left, look_up = list(answers), socket.getaddrinfo

    def look(host: str, *rest: Any, **more: Any) -> Any:
        return look_up(left.pop(0) if host == NAME else host, *rest, **more)

    return look


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "::ffff:10.0.0.5", "0x7f.1", "224.0.0.1"],
)
def test_our_own_network_is_not_called(host: str) -> None:
    with pytest.raises(AddressRefused, match="not a public address"):
        look_up(host)


def test_the_operators_networks_are() -> None:
    assert look_up("127.0.0.1", allowed=[LOOPBACK]) == ["127.0.0.1"]
    with pytest.raises(AddressRefused):
        look_up("::1", allowed=[LOOPBACK])


def test_what_was_judged_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(socket, "getaddrinfo", resolver("127.0.0.1", "127.0.0.99"))

        with dial(NAME, port, timeout=2, allowed=[LOOPBACK]) as sock:
            assert sock.getpeername() == ("127.0.0.1", port)


@pytest.mark.parametrize("host", ["a..b", "a" * 70 + ".example"])
def test_what_is_no_name_has_no_address(host: str) -> None:
    with pytest.raises(OSError, match="has no address"):
        look_up(host)
