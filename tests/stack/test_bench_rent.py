"""What `./market bench rent` times: from our POST to RUNNING, and nothing else."""

from typing import Any

import pytest

from lium_site.stack.bench import rent
from lium_site.stack.renter import Renter, make_identity


class Told(Renter):
    """A market that starts and ends every pod at once, and writes down what it was asked."""

    def __init__(self, asked: list[str]) -> None:
        super().__init__(url="")
        self.asked = asked

    def call(self, method: str, path: str, **_: Any) -> Any:
        self.asked.append(f"{method} {path}")
        return {
            "executors": [{"id": "n1", "price_per_gpu": 1}],
            "templates": [{"id": "t1"}],
            "executors/n1/rent": {"pod_id": "p1"},
            "pods": [{"id": "p1", "status": "RUNNING", "ssh_connect_cmd": "ssh"}],
            "pods/p1/events": [{"to_status": "REMOVED"}],
        }.get(path.removeprefix("api/"))


def test_the_clock_runs_from_the_post_to_running(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def tick() -> float:
        asked.append("clock")
        return 0.0

    identity = make_identity("bench")
    monkeypatch.setattr("time.perf_counter", tick)
    rent._rented(Told(asked), identity)

    first = asked.index("clock")
    timed = asked[first + 1 : asked.index("clock", first + 1)]
    assert timed == ["POST api/executors/n1/rent", "GET api/pods"]
