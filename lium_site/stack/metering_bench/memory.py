"""The most private memory that a process has while something runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

SAMPLED_EVERY: Final = 0.02


@contextmanager
def peak_of(pid: int) -> Iterator[list[float]]:
    """Give the most private memory of a process while the block runs, in MiB; zero where it cannot be read."""
    peak, over = [0.0], Event()

    def watch() -> None:
        while not over.is_set():
            peak[0] = max(peak[0], _private_mib(pid))
            over.wait(SAMPLED_EVERY)

    watching = Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield peak
    finally:
        over.set()
        watching.join()


def _private_mib(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    kib = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")]
    return int(kib[0]) / 1024 if kib else 0.0
