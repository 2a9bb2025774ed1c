"""The journey's Celery workers as seen from outside: rung for, watched at their work, and killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from redis import Redis

from lium_site.celery import app
from lium_site.stack.paths import ROOT

QUEUES = {"watcher": ("chain",), "payer": ("payout",), "meter": ("metering",)}
KEEPER = [sys.executable, "-m", "tests.journeys.real_chain.keeper"]
READY_SECONDS = 60.0
LAST_BYTES = 3000


class Workers:
    """Workers that take what is rung for, and can be killed at any moment."""

    def __init__(self, keeper: "subprocess.Popen[str]", logs: Path) -> None:
        self._keeper, self._logs = keeper, logs
        self._broker = Redis.from_url(settings.REDIS_URL)
        self._pids: dict[str, int] = {}
        self._left: set[bytes] = set()

    def start(self, name: str) -> None:
        """Start one; another process of that name has ended."""
        print(name, file=self._keeper.stdin, flush=True)
        self._pids[name] = int(self._keeper.stdout.readline())

    def kill(self, name: str) -> list[str]:
        """End one with all that it started, at once; give the tasks that it was at."""
        os.killpg(self._pids[name], signal.SIGKILL)
        return self._interrupted(name)

    def ring(self, task: str, queue: str) -> None:
        """Ring for a task, as the clock does; a bell that nobody has heard yet is enough."""
        if not self._broker.llen(queue):
            app.send_task(task, queue=queue)

    def await_taken(self, name: str) -> None:
        """Wait until one has taken what was rung for it."""
        deadline = time.monotonic() + READY_SECONDS
        while any(self._broker.llen(queue) for queue in QUEUES[name]):
            assert time.monotonic() < deadline, f"{name} takes nothing:\n{self.last_words()}"
            time.sleep(0.005)

    def last_words(self) -> str:
        """Give the ends of all logs."""
        logs = (self._logs / f"{name}.log" for name in QUEUES)
        return "\n".join(f"{log}:\n{log.read_text()[-LAST_BYTES:]}" for log in logs)

    def _interrupted(self, name: str) -> list[str]:
        """Read what was taken and never acknowledged; the broker gives it out again after an hour."""
        found = []
        for tag, entry in self._broker.hgetall("unacked").items():
            message, _, queue = json.loads(entry)
            if queue in QUEUES[name] and tag not in self._left:
                self._left.add(tag)
                found.append(str(message["headers"]["task"]))
        return found


@contextmanager
def running(logs: Path) -> Iterator[Workers]:
    """Run all of them, and leave none behind."""
    pipe = subprocess.PIPE
    keeper = subprocess.Popen(KEEPER, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
    try:
        workers = Workers(keeper, logs)
        for name in QUEUES:
            workers.start(name)
        yield workers
    finally:
        keeper.stdin.close()
        keeper.wait(30)
