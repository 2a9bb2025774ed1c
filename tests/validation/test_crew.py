"""Threads for proofs: as many as wait for a round's block, each once, and never the queue's."""

import threading
import time

import pytest

from validation import tasks
from validation.services import crew, proving


def test_as_many_as_wait_have_a_thread_and_the_queue_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    goes_on, working = threading.Event(), threading.Semaphore(0)

    def prove(*, proof_id: int) -> None:
        working.release()
        goes_on.wait(60)

    monkeypatch.setattr(proving, "prove", prove)

    for proof_id in range(crew.MOST_AT_ONCE):
        tasks.prove_node(proof_id=proof_id)
    assert all(working.acquire(timeout=60) for _ in range(crew.MOST_AT_ONCE))
    twice, more = crew.take(0), crew.take(crew.MOST_AT_ONCE)
    goes_on.set()
    deadline = time.monotonic() + 60
    while crew._under_way:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    assert (twice, more) == (False, False)
    assert crew.take(0)
    while crew._under_way:
        time.sleep(0.01)
