"""The local machine: this computer as a miner's node, reached as any other would be, over SSH."""

import json
import os
import shlex
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from lium_site.stack import application, engine, packages, sshd
from lium_site.stack.console import StackError, say
from lium_site.stack.engine import Engine
from lium_site.stack.paths import State, private_folder, write_private
from lium_site.stack.supervisor import Supervisor

NAME = "local"
SIMULATED_GPUS = 4
PROGRAMS = ("docker", "dockerd", "sshd", "ssh-keygen", "iptables", "ip")

WITHOUT = "the market starts without the local machine, so nothing can be rented yet"

# Pods' ports, below what the kernel gives to outgoing connections (from 32768).
FIRST_PORT = 20000
PORTS_A_MARKET = 100
MARKETS = 120


@dataclass(frozen=True)
class Machine:
    """A local machine that is up."""

    engine: Engine
    door: sshd.Door


def start(supervisor: Supervisor, state: State, *, install: bool) -> Machine | None:
    """Bring the local machine up; where that cannot be, say why and what to do, and return None."""
    try:
        ensure_programs(install=install)
        offer_python(state)
        found = engine.find_or_start(state, supervisor)
        host = {"DOCKER_HOST": found.host} if found.host else {}
        child, door = sshd.start(state, environment=host)
        supervisor.watch(child)
    except StackError as reason:
        say(f"{WITHOUT}: {reason}")
        return None
    return Machine(engine=found, door=door)


def ensure_programs(*, install: bool) -> None:
    """See to it that the system has the programs of a local machine.

    :raises StackError: naming what is missing and how to get it.
    """
    # An ordinary user can only use an engine that runs already.
    needed = PROGRAMS if os.geteuid() == 0 else ("docker", "sshd", "ssh-keygen")
    lacking = packages.missing(needed)
    if not lacking:
        return
    if not install:
        raise StackError(f"{', '.join(lacking)} are missing, and --no-install was given")
    try:
        packages.install(lacking)
    except StackError as reason:
        raise StackError(f"{', '.join(lacking)} are missing; {reason}") from reason


def offer_python(state: State) -> None:
    """Put a Python with NumPy where the market looks for one on a machine: ours, which runs the simulated cards."""
    program = private_folder(state.node / "bin") / "python3"
    write_private(program, f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    program.chmod(0o700)


def enrol(machine: Machine, state: State, environment: Mapping[str, str]) -> bool:
    """Put the local machine on the market, or bring its entry up to date; where that fails, say why."""
    first = FIRST_PORT + zlib.crc32(state.instance.encode()) % MARKETS * PORTS_A_MARKET
    description = {
        "name": NAME,
        "host": machine.door.host,
        "port": machine.door.port,
        "user": machine.door.user,
        "host_key": machine.door.host_key,
        "private_key": machine.door.private_key,
        "state_dir": str(state.node),
        "public_host": "127.0.0.1",
        "port_range": [first, first + PORTS_A_MARKET - 1],
        "gpus": SIMULATED_GPUS,
    }
    data = json.dumps(description).encode()
    try:
        application.manage(state, environment, "enrol_local_machine", data=data)
    except StackError as reason:
        say(f"{WITHOUT}: {reason}")
        return False
    return True
