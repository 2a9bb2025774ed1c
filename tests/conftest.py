"""What holds for every test: no address beyond this machine, and a plain word where something is missing."""

import os
import shutil
from collections.abc import Generator

import pytest
import pytest_socket
from django.urls import get_resolver
from hypothesis import HealthCheck, settings

from tests.machines import why_no_engine
from tests.skips import judged

# One market for the session, shared by every folder of tests that wants one; Alice, Bob and Charlie.
pytest_plugins = ["tests.market", "tests.cast", "tests.serving", "tests.emptying", "tests.receiver"]

# No test is timed: another worker may have the processor.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# Loopback, and the networks that test machines use among themselves (RFC 2544).
THIS_MACHINE = ["127.0.0.0/8", "::1", "localhost", "198.18.0.0/15"]
# Playwright's loop stays in the thread after its first page; Django would take every later test for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
# Minutes each: begun last, one of them would keep a single worker busy after all others have ended.
LONGEST = {
    group: turn
    for turn, group in enumerate(
        (
            "market",
            "browser",
            "pod_machine",
            "chain",
            "test_checking",
            "test_faults",
            "engine",
            "test_real_chain",
        )
    )
}
# Whoever comes first pays for the machine, and where nothing is kept yet for its base image; nobody else comes near this.
MACHINE_SECONDS = 480
# The first draws as the others do, without the windows around it: a third less of the processor.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


# Before xdist, which reads the marks in the same hook; after pytest-django, which sorts too.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Keep together, on one worker, what shares a machine or a running market, and begin with what takes longest."""
    for item in items:
        group = _group(item)
        if "pod_machine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(MACHINE_SECONDS))
        if group and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group))
    yield
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: LONGEST.get(_group(item) or "", len(LONGEST)))


def pytest_collection_finish() -> None:
    """Read the addresses with the settings of all tests: one that sets another chain may be the first to ask."""
    get_resolver().url_patterns  # noqa: B018


def _group(item: pytest.Item) -> str | None:
    if marked := item.get_closest_marker("xdist_group"):
        return str(marked.args[0])
    fixtures = getattr(item, "fixturenames", ())
    # The browser has a market of its own.
    for fixture, group in (("browser", "browser"), ("market", "market")):
        if fixture in fixtures:
            return group
    if "pod_machine" in fixtures:
        return "pod_machine"
    own_machine = item.get_closest_marker("engine") or "sshd" in fixtures
    return item.path.stem if own_machine else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Block the network, and skip what this machine cannot run."""
    pytest_socket.socket_allow_hosts(THIS_MACHINE, allow_unix_socket=True)
    for marker, why_not in (("engine", why_no_engine), ("browser", why_no_browser)):
        reason = why_not() if item.get_closest_marker(marker) else None
        if reason:
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail in CI for a test that may not be left out there."""
    return judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail in CI for a whole module that may not be left out there."""
    return judged((yield))


def pytest_runtest_teardown() -> None:
    """Lift the block, for what runs between tests."""
    pytest_socket._remove_restrictions()


def why_no_browser() -> str | None:
    """Say why no browser test can run here, or None."""
    return None if chromium() else "Chromium is not installed; MARKET_CHROMIUM may name its path"


def chromium() -> str | None:
    """Return the browser's path, which MARKET_CHROMIUM overrides."""
    found = (shutil.which(name) for name in BROWSERS)
    return os.environ.get("MARKET_CHROMIUM") or next((path for path in found if path), None)


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, object],
) -> dict[str, object]:
    """Launch the system's Chromium, with nothing that calls home."""
    quiet = ["--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync", "--disable-gpu", "--no-sandbox"]
    return {
        **browser_type_launch_args,
        "executable_path": chromium(),
        "args": ["--headless", *quiet],
    }
