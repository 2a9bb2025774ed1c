"""`python -m lium_site.stack.proof_bench.auditing`: recompute one whole product at full size; print CPU seconds and peak memory.

The bench's trees hold drawn tiles alone, so that the product is found to be another one: it costs the same.
"""

import json
import resource
import sys
import time

from lium_site.stack.proof_bench.sparse import make_sample
from validation.proof import whole
from validation.proof.openings import Mismatch


def main() -> int:
    """Audit one product and print the outcome as JSON."""
    sample = make_sample()
    started = time.process_time()
    found = whole.mismatch(sample.commitments, sample.positions[0], sample.openings[0])
    spent = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_seconds": spent, "peak_mib": peak, "late_ms": None}))
    return 0 if found is Mismatch.TILE else 1


if __name__ == "__main__":
    sys.exit(main())
