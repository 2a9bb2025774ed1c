"""HTTP to addresses that strangers chose: public machines only, each address looked up once and then kept.

A receiver of ours is told by its status alone: its body is never read, so nothing of an inner network can leak through
it. What we ask for (`fetch`) is read up to a limit, from addresses that operators chose.
"""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Timer
from typing import Final
from urllib.parse import urlsplit

from core.dialing import ANYWHERE, AddressRefused, look_up

__all__ = ["AddressRefused", "NoAnswer", "Target", "fetch", "post", "resolve", "target"]
CONNECT_SECONDS: Final = 5.0
# For the whole exchange: a receiver that sends a byte now and then must not hold a worker.
TOTAL_SECONDS: Final = 10.0
LONGEST_URL: Final = 500


class NoAnswer(Exception):
    """Nobody answered, or not in time and in HTTP."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: parts that cannot smuggle anything into a request."""

    host: str
    port: int
    path: str
    tls: bool


def target(url: str, *, trial: bool) -> Target:
    """Read a URL that may be called; a ``trial`` market may also call plain http on this machine.

    :raises AddressRefused: it is no such URL.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
    except (ValueError, UnicodeError) as error:
        raise AddressRefused("It is not a URL.") from error
    if not host or len(url) > LONGEST_URL or not (url.isascii() and url.isprintable()):
        raise AddressRefused("It is not a URL of printable ASCII with a host.")
    if parts.username is not None or " " in url:
        raise AddressRefused("A URL with a user name, or with a space, is not called.")
    tls = parts.scheme == "https"
    if not tls and not (trial and parts.scheme == "http" and _is_loopback(host)):
        raise AddressRefused("Only https is called: others could read and change what is sent.")
    query = f"?{parts.query}" if parts.query else ""
    return Target(host=host, port=port or (443 if tls else 80), path=f"{parts.path or '/'}{query}", tls=tls)  # fmt: skip


def resolve(where: Target, *, trial: bool) -> str:
    """Look an address up and give the one to call; what a name says later does not matter then.

    :raises AddressRefused: it leads into a network that is not public. :raises NoAnswer: there is no such name.
    """
    try:
        # A trial may have its receiver on its own computer.
        return look_up(where.host, allowed=ANYWHERE if trial else ())[0]
    except OSError as error:
        raise NoAnswer(f"The name {where.host} has no address.") from error


def post(url: str, *, body: bytes, headers: Mapping[str, str], trial: bool) -> int:
    """Send a body and give the status; redirects are not followed.

    :raises AddressRefused: the URL may not be called. :raises NoAnswer: there was none in ten seconds.
    """
    with _answer("POST", url, body=body, headers=headers, trial=trial) as response:
        return response.status


def fetch(url: str, *, most_bytes: int, trial: bool) -> bytes:
    """Get the body of a 200; redirects are not followed.

    :raises AddressRefused: the URL may not be called. :raises NoAnswer: there was none in ten seconds, or it was too long.
    """
    headers = {"Accept": "application/json", "User-Agent": "lium_site"}
    with _answer("GET", url, body=None, headers=headers, trial=trial) as response:
        if response.status != http.client.OK:
            raise NoAnswer(f"It answered {response.status}; only a 200 is read.")
        body = response.read(most_bytes + 1)
    if len(body) > most_bytes:
        raise NoAnswer(f"It answered with more than {most_bytes} bytes.")
    return body


@contextmanager
def _answer(
    method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], trial: bool
) -> Iterator[http.client.HTTPResponse]:
    where = target(url, trial=trial)
    address = resolve(where, trial=trial)
    kind = http.client.HTTPSConnection if where.tls else http.client.HTTPConnection
    connection = kind(where.host, where.port)
    try:
        with _connected(where, address) as sock:
            # A connection that has its socket opens none, so the address stays the one that was judged.
            connection.sock = sock
            connection.request(method, where.path, body=body, headers=dict(headers))
            yield connection.getresponse()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoAnswer(_words(error)) from error


@contextmanager
def _connected(where: Target, address: str) -> Iterator[socket.socket]:
    sock = socket.create_connection((address, where.port), timeout=CONNECT_SECONDS)
    if where.tls:
        context = ssl.create_default_context()
        sock = context.wrap_socket(sock, server_hostname=where.host, do_handshake_on_connect=False)
    over = Event()
    watch = Timer(TOTAL_SECONDS, _hang_up, [sock, over])
    watch.daemon = True
    watch.start()
    try:
        sock.settimeout(TOTAL_SECONDS)
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        yield sock
        # What came before the hanging up may look like an answer.
        if over.is_set():
            raise TimeoutError
    finally:
        watch.cancel()
        sock.close()


def _hang_up(sock: socket.socket, over: Event) -> None:
    # Said first: whoever reads wakes up at once.
    over.set()
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"No answer within {TOTAL_SECONDS:.0f} s."
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"[:300]
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    return f"It was no answer in HTTP ({type(error).__name__})."
