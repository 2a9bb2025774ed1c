"""Ten machines and their links, on the wall clock: `sudo .venv/bin/python -m tests.journeys.links`, 20 minutes.

A market runs by itself and looks after ten machines on its own schedule. The links of three are pulled and put back;
then none of our packets gets out to any machine. What is expected is docs/machine-lifecycle.md, "Judging silence". Everything
is in a network namespace of its own: whatever ends this program, no rule of the packet filter outlives it.
"""

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import django

from lium_site.stack.claim import running_in
from lium_site.stack.credentials import credentials_of
from lium_site.stack.paths import State
from lium_site.stack.up import environment_of
from tests.faults import engine_machines
from tests.market import a_market

COUNT = 10
INSIDE = "MARKET_LINKS_INSIDE"


def main() -> int:
    """Go through it all; 0 if everything was as it should be."""
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, "-m", "tests.journeys.links"])
    # However it is ended, its machines end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with TemporaryDirectory(prefix="market-links-") as name:
        home = Path(name)
        (home / "market").mkdir()
        with a_market(home / "market") as market, engine_machines(home, COUNT) as machines:
            open_books(market.state)
            # Models can be read only now that the settings are this market's.
            found: Any = import_module("tests.journeys.link_faults").run(market, machines)
    print(json.dumps({**found.figures, "wrong": found.wrong}, default=str, indent=1))
    return 1 if found.wrong else 0


def open_books(state: State) -> None:
    """Read and write what the market reads and writes."""
    running = running_in(state)
    assert running, f"no market runs in {state.folder}"
    chosen = environment_of(
        state, url=running.url, credentials=credentials_of(state), addresses=running.addresses
    )
    os.environ.update(chosen)
    django.setup()


if __name__ == "__main__":
    sys.exit(main())
