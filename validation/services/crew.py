"""Threads for proofs: all machines of a round wait for one block, so each has a thread of its own, and no queue of tasks.

They are few and cheap: a proof waits nearly all of its time. Whoever finds none rings again with the sweep; more
processes with this queue take more machines.
"""

import threading
from typing import Final

from django.db import connection

from validation.services import proving

MOST_AT_ONCE: Final = 64
_lock: Final = threading.Lock()
_under_way: Final[set[int]] = set()


def take(proof_id: int) -> bool:
    """Try a proof in a thread of its own; False where it has one already, or all are busy."""
    with _lock:
        if proof_id in _under_way or len(_under_way) >= MOST_AT_ONCE:
            return False
        _under_way.add(proof_id)
    threading.Thread(target=_work, args=[proof_id], name=f"proof-{proof_id}", daemon=True).start()
    return True


def _work(proof_id: int) -> None:
    try:
        proving.prove(proof_id=proof_id)
    finally:
        connection.close()
        with _lock:
            _under_way.discard(proof_id)
