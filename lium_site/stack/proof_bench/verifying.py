"""`python -m lium_site.stack.proof_bench.verifying`: verify a sample; print CPU seconds, and peak memory of it all.

Then verify it again in a thread, and print by how much that delays another thread of the process, as one that times a prover.
"""

import json
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from lium_site.stack.proof_bench.sparse import make_sample
from validation.verifier.arithmetic import first_mismatch

NAP_SECONDS: Final = 0.001


def main() -> int:
    """Verify one card's openings and print the outcome as JSON."""
    sample = make_sample()
    started = time.process_time()
    wrong = first_mismatch(sample.commitments, sample.positions, sample.openings)
    spent = time.process_time() - started
    late = sorted(
        _lateness(lambda: first_mismatch(sample.commitments, sample.positions, sample.openings))
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"cpu_seconds": spent, "peak_mib": peak, "late_ms": late[len(late) * 99 // 100]}
    print(json.dumps({"holds": wrong is None, **figures}))
    return 0 if wrong is None else 1


def _lateness(work: Callable[[], object]) -> list[float]:
    """Return by how many milliseconds this thread woke up late, again and again, while another did the work."""
    late, busy = [], threading.Thread(target=work)
    busy.start()
    while busy.is_alive():
        began = time.perf_counter()
        time.sleep(NAP_SECONDS)
        late.append((time.perf_counter() - began - NAP_SECONDS) * 1_000)
    return late


if __name__ == "__main__":
    sys.exit(main())
