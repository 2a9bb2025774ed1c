"""A network of the browser's own: Chromium drops whatever it loads while a network device comes or goes.

Each machine and each pod of the tests brings devices. In a network namespace nothing ever changes; the market's address
answers there too, and every connection to it is carried out of the namespace. Run as
`python -m tests.browser.alone PORT BROWSER ARGUMENTS…`, in the browser's place.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

HOST = "127.0.0.1"
# Playwright speaks with the browser over these.
PIPES = (3, 4)
PIECE = 65_536
SCRIPT = """\
#!/bin/sh
PYTHONPATH={root} exec {python} -m tests.browser.alone {port} {browser} "$@"
"""


def in_the_place_of(browser: str, *, port: int, folder: Path, root: Path) -> Path:
    """Write a program that runs the browser alone, but for the port of a market."""
    program = folder / "browser"
    program.write_text(SCRIPT.format(root=root, python=sys.executable, port=port, browser=browser))
    program.chmod(0o755)
    return program


def run(port: int, command: Sequence[str]) -> int:
    """Run the browser to its end, and carry its connections."""
    ours, theirs = socket.socketpair()
    with theirs:
        module = [sys.executable, "-m", "tests.browser.alone", "inside"]
        inside = subprocess.Popen(
            [*own_network(), *module, str(port), str(theirs.fileno()), *command],
            pass_fds=(*PIPES, theirs.fileno()),
        )
    for pipe in PIPES:
        os.close(pipe)
    _, [listening], _, _ = socket.recv_fds(ours, 1, 1)
    Thread(target=carry_all, args=(socket.socket(fileno=listening), port), daemon=True).start()
    return inside.wait()


def own_network() -> list[str]:
    """Return the command that enters a new network namespace, as root or as anybody."""
    return ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--net"]


def is_allowed() -> bool:
    """Say whether this kernel lets us have a network of our own: not every one lets an ordinary user."""
    return subprocess.run([*own_network(), "true"], capture_output=True).returncode == 0


def go_inside(port: int, door: int, command: Sequence[str]) -> None:
    """Hand the namespace's listening socket out and become the browser."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with socket.create_server((HOST, port)) as listening, socket.socket(fileno=door) as out:
        socket.send_fds(out, [b"."], [listening.fileno()])
    os.execvp(command[0], command)


def carry_all(listening: socket.socket, port: int) -> None:
    """Carry each connection that comes to the market; where the market refuses one, it ends."""
    while True:
        browser, _ = listening.accept()
        with suppress(ConnectionRefusedError):
            market = socket.create_connection((HOST, port))
            for one, other in ((browser, market), (market, browser)):
                Thread(target=carry, args=(one, other), daemon=True).start()


def carry(source: socket.socket, target: socket.socket) -> None:
    """Copy what comes from one side to the other, its end too."""
    with suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    if sys.argv[1] == "inside":
        go_inside(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
    sys.exit(run(int(sys.argv[1]), sys.argv[2:]))
