"""The market's own process that ticks: a moment a line on standard input, what it did as JSON on standard output."""

import json
import resource
import sys
import time
from datetime import datetime

import django
from django.db import connection


def main() -> None:
    """Tick for each line."""
    django.setup()
    from rentals.services import metering

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        print(json.dumps({"backend": cursor.fetchone()[0]}), flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        written = metering.tick(now=datetime.fromisoformat(line.strip()))
        seconds = time.perf_counter() - started
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        told = {"seconds": seconds, "written": written, "peak_mib": peak_kib / 1024}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
