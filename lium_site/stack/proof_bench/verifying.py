"""`python -m lium_site.stack.proof_bench.verifying`: verify a sample; print CPU seconds, and peak memory of it all."""

import json
import resource
import sys
import time

from lium_site.stack.proof_bench.sparse import make_sample
from validation.verifier.arithmetic import first_mismatch


def main() -> int:
    """Verify one card's openings and print the outcome as JSON."""
    sample = make_sample()
    started = time.process_time()
    wrong = first_mismatch(sample.commitments, sample.positions, sample.openings)
    spent = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"holds": wrong is None, "cpu_seconds": spent, "peak_mib": peak}))
    return 0 if wrong is None else 1


if __name__ == "__main__":
    sys.exit(main())
