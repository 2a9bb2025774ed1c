"""One real market for all tests of a worker: `./market up` in a folder of its own, `./market down` after it.

A test that asks for the fixture `market` needs an engine, and may be the one that waits for the start.
MARKET_UNDER_TEST may name the state folder of a market that runs already, which saves that wait.
"""

import itertools
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from lium_site.stack.application import free_port
from lium_site.stack.claim import running_in
from lium_site.stack.credentials import ADMIN_EMAIL, RENTER_EMAIL, Credentials, credentials_of
from lium_site.stack.kernel import die_with_parent
from lium_site.stack.paths import ROOT, State, write_private
from lium_site.stack.renter import Renter

# A divisor of how many ranges of ports and of networks there are.
PLACES = 8
START_SECONDS = 300.0
STOP_SECONDS = 90.0
# Whoever comes first pays for the start; nobody else comes near this.
TEST_SECONDS = int(START_SECONDS) + 180
# Tests beside us take the processor; what a line must carry is tested where nothing else runs.
SLOW_LINE = {"MARKET_MIN_DOWNLOAD_MBPS": "1", "MARKET_MIN_UPLOAD_MBPS": "1"}
# Pages of a failed start are looked at long after it failed.
LONG_SHOWN = {"MARKET_FAILED_SHOWN_MINUTES": "120"}
# Each look at the chain is some thirty questions to the database.
CALM_CHAIN = {"MARKET_CHAIN_POLL_SECONDS": "2"}
# What `./market test` sets for the tests themselves must not reach a market that has its own.
NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")

END = pytest.StashKey[Callable[[], None]]()


@dataclass(frozen=True, kw_only=True)
class LiveMarket:
    """A market that runs, as its users see it, and the commands that its operator has."""

    url: str
    state: State
    credentials: Credentials
    renter_email: str = RENTER_EMAIL
    admin_email: str = ADMIN_EMAIL

    @property
    def renter_password(self) -> str:
        """Return the password of the seeded renter."""
        return self.credentials.renter_password

    @property
    def admin_password(self) -> str:
        """Return the password of the operator."""
        return self.credentials.admin_password

    @property
    def api_key(self) -> str:
        """Return the seeded renter's API key."""
        return self.credentials.renter_api_key

    @property
    def api(self) -> Renter:
        """Return the API as the seeded renter calls it."""
        return Renter(url=self.url, api_key=self.api_key)

    def manage(self, *arguments: str, text: str = "") -> str:
        """Run a management command against this market and return what it printed."""
        done = _market(self.state, "manage", *arguments, text=text)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def log(self, name: str) -> str:
        """Return the log of one of its programs."""
        return (self.state.logs / f"{name}.log").read_text()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for the market, and run it after those that do without.

    The market would slow them down, and Playwright leaves an event loop running, in which Django's ORM refuses to work.
    """
    for item in items:
        if "market" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.engine)
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    fixtures = getattr(item, "fixturenames", ())
    return ("market" in fixtures) + ("page" in fixtures)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Remember how to end the market."""
    made = yield
    if fixturedef.argname == "market":
        request.config.stash[END] = lambda: fixturedef.finish(request)
    return made


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the market with the last test of its group: until the session ends it would take time from other tests."""
    end = item.config.stash.get(END, None)
    group = item.get_closest_marker("xdist_group")
    if end and nextitem and nextitem.get_closest_marker("xdist_group") != group:
        del item.config.stash[END]
        end()


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMarket]:
    """Run a market with the local machine enrolled, until the last test of its group has ended."""
    if given := os.environ.get("MARKET_UNDER_TEST"):
        yield described(State(Path(given).absolute()))
        return
    with a_market(tmp_path_factory.mktemp("market")) as running:
        yield running


@contextmanager
def a_market(folder: Path) -> Iterator[LiveMarket]:
    """Run a market whose state is in a folder, and take its pods off at the end."""
    state = State(folder)
    _take_place(state)
    _share_runtime(state)
    with _running(state):
        yield described(state)
    down = _market(state, "down")
    assert down.returncode == 0, down.stdout + down.stderr


def described(state: State) -> LiveMarket:
    """Describe the market that runs in a state folder."""
    running = running_in(state)
    assert running, f"no market runs in {state.folder}"
    return LiveMarket(url=running.url, state=state, credentials=credentials_of(state))


@contextmanager
def _running(state: State) -> Iterator[None]:
    log = state.folder / "up.log"
    command = [sys.executable, "-m", "lium_site.stack", "up", "--port", str(free_port())]
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=_environment(state),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM),
        )
    try:
        _await_ready(state, process, log)
        yield
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _await_ready(state: State, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while (running := running_in(state)) is None or running.phase != "ready":
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the market did not start:\n{log.read_text()}", pytrace=False)
        time.sleep(0.1)
    assert "without the local machine" not in log.read_text(), log.read_text()


def _take_place(state: State) -> None:
    """Give the market an id from which other ports and networks follow than those of another worker's market."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PLACES
    ids = (f"{worker:x}{uuid4().hex[:11]}" for _ in itertools.count())
    chosen = next(one for one in ids if zlib.crc32(one.encode()) % PLACES == worker)
    write_private(state.folder / "instance", chosen)


def _share_runtime(state: State) -> None:
    """Let the market find the base image where an earlier one of this checkout has built it."""
    kept = Path(os.environ.get("MARKET_RUNTIME_CACHE") or ROOT / ".market" / "runtime")
    kept.mkdir(parents=True, exist_ok=True)
    (state.folder / "runtime").symlink_to(kept.absolute())


def _market(state: State, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lium_site.stack", *arguments],
        cwd=ROOT,
        env=_environment(state),
        input=text,
        capture_output=True,
        text=True,
        timeout=STOP_SECONDS * 2,
    )


def _environment(state: State) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    ours = {"PYTHONPATH": str(ROOT), "MARKET_STATE": str(state.folder)}
    return {**inherited, **SLOW_LINE, **LONG_SHOWN, **CALM_CHAIN, **ours}
