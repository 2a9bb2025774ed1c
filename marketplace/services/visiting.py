"""Measuring a machine, part by part, each once: what the checks then judge. No judgement here.

A part that could not be measured stays None. Nothing here touches the database.
"""

import contextlib
import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from typing import Any, BinaryIO, Final, cast

import structlog

from marketplace.checks import (
    Contact,
    ContactFault,
    Evidence,
    Exposure,
    GpuTrial,
    PortTrial,
    Preparation,
    Speed,
)
from marketplace.machine import (
    AccessDenied,
    HostKeyChanged,
    Machine,
    MachineAddress,
    MachineError,
    MachineUnreachable,
    NotUnderstood,
    connect,
    dial,
    login_methods,
)
from marketplace.models import GpuAccess
from marketplace.services.preflight import look

log = structlog.get_logger(__name__)
SCRIPTS: Final = files("marketplace.machine") / "scripts"
CONNECT_SECONDS: Final = 10.0
TRIAL_SECONDS: Final = 60.0
PORT_SAMPLE: Final = 8
PORT_SECONDS: Final = 2.0
LISTEN_SECONDS: Final = 30
# The better of some tries: what else goes over the line, or keeps us busy, must not count against the machine.
SPEED_TRIES: Final = 2
SPEED_SECONDS: Final = 2.0
SPEED_BYTES: Final = 32 << 20
ENGINE_PORTS: Final = (2375,)
# What the engine says when it cannot, in the words of its versions; all else is not about the GPU.
CANNOT_GIVE: Final = ("could not select device driver", "CDI device", "nvidia-container-cli")


class Visit:
    """One run's look at one machine; ``evidence`` grows part by part."""

    def __init__(
        self, evidence: Evidence, *, address: MachineAddress | None, where: str, state_dir: str
    ) -> None:
        """Prepare a visit; ``where`` is the host that renters reach pods at, no address is no way there."""
        self.evidence = evidence
        self.address = address
        self.where = where
        self.state_dir = state_dir
        self.machine: Machine | None = None
        self._tried: set[str] = set()

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Hold one SSH connection open, or note what kept us out."""
        if self.address is None:
            yield
            return
        with contextlib.ExitStack() as stack:
            try:
                opened = connect(self.address, timeout=CONNECT_SECONDS)
                self.machine = stack.enter_context(opened)
                contact = Contact()
            except HostKeyChanged as error:
                contact = Contact(
                    ContactFault.HOST_KEY_CHANGED, error.expected, error.presented, str(error)
                )
            except AccessDenied:
                contact = Contact(ContactFault.WRONG_KEY)
            except MachineUnreachable as error:
                contact = Contact(ContactFault.UNREACHABLE, why=error.why)
            self.evidence = replace(self.evidence, contact=contact)
            yield

    def measure(self, part: str) -> None:
        """Measure one part of the evidence, unless it was tried."""
        if part in self._tried:
            return
        self._tried.add(part)
        try:
            value = _MEASURES[part](self)
        except MachineError as error:
            log.info("check.not_measured", part=part, where=str(self.address), error=str(error))
            return
        except Exception:
            # What a hostile machine makes us stumble over costs it the check, and never the run.
            log.exception("check.stumbled", part=part, where=str(self.address))
            return
        change: dict[str, Any] = {part: value}
        self.evidence = replace(self.evidence, **change)

    def prepare(self, act: Callable[[], Preparation | None]) -> None:
        """Have the machine made ready for pods, and keep what came of it."""
        self.evidence = replace(self.evidence, preparation=act())

    def open(self) -> Machine:
        """Give the connection.

        :raises MachineUnreachable: there is none.
        """
        if self.machine is None:
            raise MachineUnreachable(where=str(self.address), why="it did not let us in")
        return self.machine


def _look(visit: Visit) -> object:
    return look(visit.open(), state_dir=visit.state_dir)


def _try_gpu(visit: Visit) -> GpuTrial | None:
    found = visit.evidence.found
    if found is None or not found.gpus or found.gpu_access is None:
        return None
    uuids = [gpu.uuid for gpu in found.gpus]
    if found.gpu_access is GpuAccess.CDI:
        options = [word for uuid in uuids for word in ("--device", f"nvidia.com/gpu={uuid}")]
    else:
        options = ["--gpus", f'"device={",".join(uuids)}"']
    script = (SCRIPTS / "gpu_trial.sh").read_bytes()
    result = visit.open().run(["sh", "-s", "--", *options], timeout=TRIAL_SECONDS, stdin=script)
    said = result.stdout.decode("utf-8", "replace").strip()
    if result.exit_status == 0:
        return GpuTrial(True)
    refused = any(words in said for words in CANNOT_GIVE)
    return GpuTrial(False if refused else None, said[-200:])


def _try_ports(visit: Visit) -> PortTrial:
    claim, machine = visit.evidence.claim, visit.open()
    sample = _sample(claim.first_port, claim.last_port, visit.evidence.held_ports)
    token = secrets.token_hex(8)
    script = (SCRIPTS / "listen.sh").read_text()
    argv = ["sh", "-c", script, "sh", token, str(LISTEN_SECONDS), *map(str, sample)]
    with machine.stream(argv, idle_timeout=10.0) as stream:
        listening = _ports_listened_on(iter(stream), sample)
        reached = tuple(port for port in listening if _answers(visit.where, port, token))
        return PortTrial(
            reached=reached,
            unreached=tuple(port for port in listening if port not in reached),
            busy=tuple(port for port in sample if port not in listening),
        )


def _measure_speed(visit: Visit) -> Speed:
    machine = visit.open()
    return Speed(
        download_mbps=max(_send(machine) for _ in range(SPEED_TRIES)),
        upload_mbps=max(_fetch(machine) for _ in range(SPEED_TRIES)),
    )


def _send(machine: Machine) -> float:
    """Send until the time is over; what the machine counted must be what we sent, or it did not read it all."""
    flow = _Flow(SPEED_BYTES, SPEED_SECONDS)
    began = time.monotonic()
    counted = machine.check(["wc", "-c"], timeout=SPEED_SECONDS * 10, stdin=cast(BinaryIO, flow))
    took = time.monotonic() - began
    if counted.strip() != b"%d" % flow.sent:
        raise NotUnderstood(where=str(machine), what="a count of the bytes it was sent")
    return _mbps(flow.sent, took)


def _fetch(machine: Machine) -> float:
    argv = ["timeout", f"{SPEED_SECONDS:g}", "head", "-c", str(SPEED_BYTES), "/dev/zero"]
    began = time.monotonic()
    sent = machine.run(argv, timeout=SPEED_SECONDS * 10, max_output=SPEED_BYTES)
    return _mbps(len(sent.stdout), time.monotonic() - began)


def _look_from_outside(visit: Visit) -> Exposure | None:
    address = visit.address
    if address is None:
        return None
    methods = login_methods(address.host, address.port, user=address.user, timeout=CONNECT_SECONDS)
    ports = tuple(port for port in ENGINE_PORTS if _is_engine(address.host, port))
    return Exposure(login_methods=methods, engine_ports=ports)


_MEASURES: Final[Mapping[str, Callable[[Visit], Any]]] = {
    "found": _look,
    "gpu_trial": _try_gpu,
    "ports": _try_ports,
    "speed": _measure_speed,
    "exposure": _look_from_outside,
}


class _Flow:
    """Bytes that do not compress, so many at most and for so long at most."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.sent = 0
        self._limit = limit
        self._until = time.monotonic() + seconds
        self._block = random.randbytes(1 << 16)  # noqa: S311  # not a secret

    def read(self, size: int) -> bytes:
        if self.sent >= self._limit or time.monotonic() > self._until:
            return b""
        chunk = self._block[: min(size, self._limit - self.sent)]
        self.sent += len(chunk)
        return chunk


def _sample(first: int, last: int, held: frozenset[int]) -> list[int]:
    """Choose ports that no pod holds: both ends, and some between that nobody can foretell."""
    free = [port for port in range(first, last + 1) if port not in held]
    between = free[1:-1]
    middle = random.sample(between, min(PORT_SAMPLE - 2, len(between)))  # not a secret
    return sorted({*free[:1], *free[-1:], *middle})


def _ports_listened_on(chunks: Iterator[bytes], sample: list[int]) -> list[int]:
    said = b""
    for chunk in chunks:
        said += chunk
        if b"ready" in said or len(said) > 4096:
            break
    there = {tuple(line.split()) for line in said.splitlines()}
    return [port for port in sample if (b"port", b"%d" % port) in there]


def _answers(host: str, port: int, token: str) -> bool:
    try:
        with dial(host, port, timeout=PORT_SECONDS) as sock:
            sock.settimeout(PORT_SECONDS)
            return sock.recv(64).strip() == token.encode()
    except (OSError, MachineUnreachable):
        return False


def _is_engine(host: str, port: int) -> bool:
    try:
        with dial(host, port, timeout=PORT_SECONDS) as sock:
            sock.settimeout(PORT_SECONDS)
            sock.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b"Docker" in sock.recv(1024)
    except (OSError, MachineUnreachable):
        return False


def _mbps(count: int, seconds: float) -> float:
    return round(count * 8 / 1e6 / max(seconds, 0.001), 1)
