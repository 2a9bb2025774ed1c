"""Calling addresses that strangers chose, against receivers that mean harm."""

import socket
import time
from contextlib import closing
from threading import Thread
from typing import Any

import pytest

from core import outbound
from core.outbound import AddressRefused, NoAnswer
from tests.receiver import Receiver


def send(url: str, *, trial: bool = True) -> int:
    return outbound.post(url, body=b"{}", headers={"X-Test": "yes"}, trial=trial)


def test_sends_the_body_and_gives_the_status(receiver: Receiver) -> None:
    receiver.answers = [201]

    assert send(f"{receiver.url}/hook?a=b") == 201
    assert (receiver.got[0].path, receiver.got[0].body) == ("/hook?a=b", b"{}")
    assert receiver.got[0].headers["Host"] == receiver.url.removeprefix("http://")


def test_does_not_follow_redirects(receiver: Receiver) -> None:
    receiver.answers = [302]

    assert send(receiver.url) == 302
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "https://",
        "https://user:pass@hooks.example.com/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nX-Smuggled: 1",
        "https://hooks.example.com:99999/",
        "https://" + "a" * 500,
        "https://" + "a" * 70 + ".example.com/",
        "javascript:alert(1)",
        "mailto:owner",
    ],
)
def test_refuses_what_is_no_url_to_call(url: str) -> None:
    with pytest.raises(AddressRefused):
        outbound.target(url, trial=True)


def test_plain_http_is_for_this_machine_in_a_trial_only() -> None:
    assert outbound.target("http://127.0.0.1:9/", trial=True).port == 9
    with pytest.raises(AddressRefused, match="Only https"):
        outbound.target("http://127.0.0.1:9/", trial=False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        # Spellings that the resolver reads as addresses.
        "2130706433",
        "0x7f.1",
    ],
)
def test_never_calls_into_a_private_network(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises((AddressRefused, NoAnswer)):
        send(f"https://{host}/latest/meta-data", trial=False)


def test_one_private_address_among_public_ones_is_one_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows("93.184.215.14", "10.0.0.1"))

    with pytest.raises(AddressRefused, match="not a public address"):
        send("https://hooks.example.com/", trial=False)


def test_a_name_that_changes_its_mind_is_asked_once(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: what was judged is what is called."""
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def resolver(host: str, *rest: Any, **more: Any) -> list[Any]:
        if host != "localhost":
            return look_up(host, *rest, **more)
        asked.append(host)
        return look_up("127.0.0.1" if len(asked) == 1 else "127.0.0.99", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)

    assert send(receiver.url.replace("127.0.0.1", "localhost")) == 200
    assert asked == ["localhost"]
    assert receiver.got


def test_hangs_up_on_a_receiver_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "TOTAL_SECONDS", 0.5)
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        Thread(target=drip, args=[listening], daemon=True).start()
        began = time.monotonic()

        with pytest.raises(NoAnswer):
            send(f"http://127.0.0.1:{listening.getsockname()[1]}/")

    assert time.monotonic() - began < 3


def test_nobody_there() -> None:
    # Bound and not listening: nobody else can take the port meanwhile.
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))

        with pytest.raises(NoAnswer, match="refused"):
            send(f"http://127.0.0.1:{taken.getsockname()[1]}/")


def test_a_receiver_that_speaks_no_tls(receiver: Receiver) -> None:
    with pytest.raises(NoAnswer):
        send(receiver.url.replace("http://", "https://"))


def rows(*addresses: str) -> list[Any]:
    """Give what the resolver gives."""
    kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    return [(*kind, (address, 443)) for address in addresses]


def drip(listening: socket.socket) -> None:
    """Answer with a header that never ends, a byte at a time."""
    conversation, _ = listening.accept()
    with closing(conversation):
        try:
            conversation.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            for _ in range(200):
                conversation.sendall(b"a")
                time.sleep(0.05)
        except OSError:
            return


class TestFetch:
    def test_gives_the_body_of_a_200(self, receiver: Receiver) -> None:
        receiver.page = b'{"a": 1}'

        assert outbound.fetch(f"{receiver.url}/x?y=z", most_bytes=8, trial=True) == b'{"a": 1}'
        assert receiver.got[0].path == "/x?y=z"

    def test_stops_where_it_is_longer_than_it_may_be(self, receiver: Receiver) -> None:
        receiver.page = b"x" * (1 << 20)

        with pytest.raises(NoAnswer, match="more than 8 bytes"):
            outbound.fetch(receiver.url, most_bytes=8, trial=True)

    @pytest.mark.parametrize("status", [204, 302, 307, 403, 500])
    def test_reads_nothing_but_a_200_and_follows_nowhere(
        self, receiver: Receiver, status: int
    ) -> None:
        receiver.answers = [status]

        with pytest.raises(NoAnswer, match=str(status)):
            outbound.fetch(receiver.url, most_bytes=8, trial=True)
        assert len(receiver.got) == 1

    def test_never_calls_this_machine_outside_of_a_trial(self, receiver: Receiver) -> None:
        with pytest.raises(AddressRefused):
            outbound.fetch(receiver.url, most_bytes=8, trial=False)
        assert not receiver.got
