"""What the journey's programs find around them: a database, a broker, and one environment for all, in which nothing signs."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import django
from django.core.management import call_command

from lium_site.stack import deposits, services
from lium_site.stack.application import base_environment
from lium_site.stack.credentials import made_up
from lium_site.stack.paths import State
from lium_site.stack.supervisor import Supervisor
from tests.billing.chain.runtime import Runtime

NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
# Blocks are made by hand, an hour passes in a moment, and earnings are paid out as they come.
TERMS = {
    "MARKET_CHAIN": "subtensor",
    "MARKET_CHAIN_REQUESTS_PER_SECOND": "1000",
    "MARKET_CHAIN_TIMEOUT_SECONDS": "60",
    "MARKET_CHAIN_LAG_SECONDS": "0",
    "MARKET_PAYOUT_HOLD_DAYS": "0",
    "MARKET_PAYOUT_COLDKEY_HOURS": "0",
    "MARKET_PAYOUT_MIN_USD": "0.01",
    "MARKET_RATE_MIN_SOURCES": "1",
    "MARKET_RATE_STALE_MINUTES": "600",
    # That of test machines.
    "MARKET_MACHINE_NETWORKS": "198.18.0.0/15",
}


@contextmanager
def market(runtime: Runtime) -> Iterator[State]:
    """Make this process a program of an empty market that watches a chain; give its folder."""
    for name in NOT_INHERITED:
        os.environ.pop(name, None)
    with TemporaryDirectory(prefix="market-journey-") as name, Supervisor() as supervisor:
        state = State(Path(name))
        addresses = services.start(
            supervisor, folder=state.folder, sockets=state.run, logs=state.logs, ephemeral=True
        )
        os.environ.update(_environment(state, addresses, runtime))
        django.setup()
        call_command("migrate", verbosity=0)
        yield state


def _environment(state: State, addresses: Mapping[str, str], runtime: Runtime) -> dict[str, str]:
    return {
        **base_environment(),
        **made_up().environment(),
        **addresses,
        **deposits.public_environment(state),
        **TERMS,
        "DJANGO_SETTINGS_MODULE": "lium_site.settings.base",
        "MARKET_STATE": str(state.folder),
        "MARKET_INSTANCE": state.instance,
        "MARKET_ALLOWED_HOSTS": "testserver",
        "MARKET_CHAIN_ENDPOINTS": runtime.url,
        "MARKET_CHAIN_GENESIS": runtime.genesis,
    }
