"""One round of one way to probe: `python -m lium_site.stack.probe_bench.loop WAY FOLDER COUNT THREADS`.

A process of its own, so that no connection is left over and its CPU time is that of the probes alone.
"""

import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import django
import paramiko

from lium_site.stack.probe_bench.machines import Server, saved

COMMAND: Final = "cat /proc/sys/kernel/random/boot_id"
SECONDS: Final = 20.0
Probe = Callable[[Server], bool]


def main(way: str, folder: Path, count: int, threads: int) -> None:
    """Probe so many servers once and print how long it took, and the CPU seconds of it."""
    targets = saved(folder)[:count]
    probe = WAYS[way](folder, targets)
    with ThreadPoolExecutor(threads) as pool:
        # Threads and their database connections are there in a worker, too.
        list(pool.map(_warm_up, range(threads * 4)))
        cpu, began = _cpu(), time.perf_counter()
        answers = list(pool.map(probe, targets))
        seconds, spent = time.perf_counter() - began, _cpu() - cpu
    print(json.dumps({"seconds": seconds, "cpu": spent, "failed": answers.count(False)}))
    sys.stdout.flush()
    # Connections that are kept need not be closed one by one.
    os._exit(0)


def ours(folder: Path, targets: Sequence[Server]) -> Probe:
    """Probe as a worker does: the node's row, its sealed key, the session, what is written down."""
    django.setup()
    from core import clock
    from marketplace.models import Node
    from marketplace.services import heartbeat

    ids = dict(Node.objects.values_list("host", "pk"))
    return lambda server: heartbeat.probe(node_id=ids[server.host], now=clock.now())


def bare(folder: Path, targets: Sequence[Server]) -> Probe:
    """Do the same handshakes with paramiko alone: pinned key, one command, nothing written down."""
    key = paramiko.Ed25519Key.from_private_key_file(str(folder / "client_key"))

    def probe(server: Server) -> bool:
        transport = paramiko.Transport(
            socket.create_connection((server.host, server.port), SECONDS)
        )
        try:
            transport.start_client(timeout=SECONDS)
            presented = transport.get_remote_server_key().get_base64()
            transport.auth_publickey(server.user, key)
            channel = transport.open_session(timeout=SECONDS)
            channel.settimeout(SECONDS)
            channel.exec_command(COMMAND)
            answer = channel.recv(100)
            return channel.recv_exit_status() == 0 and bool(answer) and presented in server.host_key
        finally:
            transport.close()

    return probe


def ssh(folder: Path, targets: Sequence[Server]) -> Probe:
    """Do the same with the ssh program, one process a probe."""
    options = ["BatchMode=yes", f"UserKnownHostsFile={folder / 'known_hosts'}"]
    options += ["StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "HostKeyAlgorithms=ssh-ed25519"]
    chosen = [word for option in options for word in ("-o", option)]
    argv = ["ssh", "-F", "none", "-i", str(folder / "client_key"), *chosen]

    def probe(server: Server) -> bool:
        target = [f"{server.user}@{server.host}", "-p", str(server.port), COMMAND]
        done = subprocess.run([*argv, *target], capture_output=True, timeout=SECONDS)
        return done.returncode == 0 and bool(done.stdout)

    return probe


WAYS: Final[Mapping[str, Callable[[Path, Sequence[Server]], Probe]]] = {
    "ours": ours,
    "bare": bare,
    "ssh": ssh,
}


def _warm_up(_: int) -> None:
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        from django.db import connection

        connection.ensure_connection()
    time.sleep(0.01)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
