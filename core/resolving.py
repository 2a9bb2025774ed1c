"""Names to addresses within a deadline: the system's resolver has none, and who owns a name decides how long it takes.

A lookup has a thread of its own, which outlives the wait by seconds at most. So that nobody can use up the threads with
names that never answer, a name is looked up once at a time, and there are only so many lookups.
"""

import os
import socket
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Final

SECONDS: Final = 5.0
MOST_AT_ONCE: Final = 64
# glibc asks each name server twice for five seconds, and longer with several; what is abandoned is to end soon.
os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:2")

_under_way: dict[str, "Future[list[str]]"] = {}
_lock: Final = Lock()


def addresses_of(host: str, *, timeout: float = SECONDS) -> list[str]:
    """Give the addresses of a host; an address stands for itself.

    :raises OSError: there is no such name, or nobody said so in time.
    """
    if is_address(host):
        return _ask(host)
    patience = min(timeout, SECONDS)
    try:
        return _lookup(host).result(patience)
    except TimeoutError as error:
        raise OSError(f"the name {host} was not found within {patience:.1f} s") from error


def is_address(host: str) -> bool:
    """Tell what the resolver reads as an address, odd spellings of IPv4 ones included, without asking anybody."""
    try:
        if ":" in host:
            socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
        else:
            socket.inet_aton(host)
    except (OSError, UnicodeError, ValueError):
        return False
    return True


def _lookup(host: str) -> "Future[list[str]]":
    with _lock:
        if host in _under_way:
            return _under_way[host]
        if len(_under_way) >= MOST_AT_ONCE:
            raise OSError(f"the name {host} was not looked up: too many others are slow to answer")
        found: Future[list[str]] = Future()
        # A daemon: a name that does not answer must not keep the process from ending.
        Thread(target=_work, args=(host, found), name="resolving", daemon=True).start()
        _under_way[host] = found
    return found


def _work(host: str, found: "Future[list[str]]") -> None:
    try:
        found.set_result(_ask(host))
    except BaseException as error:  # whoever waits is told, whatever it was
        found.set_exception(error)
    finally:
        with _lock:
            del _under_way[host]


def _ask(host: str) -> list[str]:
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OSError(f"the name {host} has no address") from error
    return [str(row[4][0]) for row in rows]
