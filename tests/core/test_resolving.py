"""Names are looked up within a deadline, whatever their name server does."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from core import resolving
from tests.machines import why_no_engine

# A second in the child would be enough; what is abandoned must end too, so that threads do not pile up.
CHILD = """
import threading, time
from core import resolving
began = time.monotonic()
try:
    resolving.addresses_of("never.example.com", timeout=0.5)
except OSError as error:
    print(error)
print(f"{time.monotonic() - began:.1f}")
while resolving._under_way:
    time.sleep(0.1)
print(f"{time.monotonic() - began:.1f}")
"""


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Have names of one domain never answer; give those that were asked for."""
    let_go, asked, ask = Event(), [], socket.getaddrinfo

    def resolver(host: str, *rest: Any, **more: Any) -> Any:
        if not host.endswith(".stuck.example"):
            return ask("127.0.0.1" if host.endswith(".example") else host, *rest, **more)
        asked.append(host)
        let_go.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    _await_others()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield asked
    let_go.set()
    _await_others()


def _await_others() -> None:
    """Wait for lookups that nobody waits for."""
    while resolving._under_way:
        time.sleep(0.01)


def test_a_name_that_never_answers_costs_no_more_than_the_deadline(stuck: list[str]) -> None:
    began = time.monotonic()
    with pytest.raises(OSError, match=r"was not found within 0\.2 s"):
        resolving.addresses_of("a.stuck.example", timeout=0.2)

    assert time.monotonic() - began < 2


def test_a_name_is_looked_up_once_at_a_time(stuck: list[str]) -> None:
    def look(_: int) -> None:
        with pytest.raises(OSError, match="was not found"):
            resolving.addresses_of("a.stuck.example", timeout=0.1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, range(16)))

    assert stuck == ["a.stuck.example"]


def test_names_that_never_answer_take_so_many_threads_and_no_more(
    stuck: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolving, "MOST_AT_ONCE", 3)
    for number in range(3):
        with pytest.raises(OSError, match="was not found"):
            resolving.addresses_of(f"{number}.stuck.example", timeout=0.01)

    with pytest.raises(OSError, match="too many others are slow"):
        resolving.addresses_of("4.stuck.example", timeout=0.01)
    # Each lookup has a thread of its own, which may begin after whoever waited for it has gone.
    while len(stuck) < 3:
        time.sleep(0.01)
    assert len(stuck) == 3
    # An address needs no lookup.
    assert resolving.addresses_of("127.0.0.1") == ["127.0.0.1"]


def test_a_name_is_found_beside_those_that_never_answer(stuck: list[str]) -> None:
    with pytest.raises(OSError, match="was not found"):
        resolving.addresses_of("a.stuck.example", timeout=0.01)

    assert resolving.addresses_of("machine.example") == ["127.0.0.1"]


@pytest.mark.skipif(why_no_engine() is not None, reason=f"{why_no_engine()}")
def test_a_name_server_that_never_answers(tmp_path: Path) -> None:
    """The system's own resolver, asked in a process that has a name server of its own."""
    configuration = tmp_path / "resolv.conf"
    configuration.write_text("nameserver 127.44.0.53\n")
    mounted = f"mount --bind {configuration} /etc/resolv.conf; exec {sys.executable} -c '{CHILD}'"
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server:
        server.bind(("127.44.0.53", 53))
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", mounted]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)

        server.settimeout(1)
        assert b"never" in server.recv(512)
    words, waited, ended = done.stdout.splitlines()
    assert words == "the name never.example.com was not found within 0.5 s"
    assert (float(waited) < 2, float(ended) < 8) == (True, True)
