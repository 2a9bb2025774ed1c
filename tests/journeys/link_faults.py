"""Three links pulled, then our own network down: what the market makes of it, and how fast."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from core import clock
from marketplace.models import NodeStatus
from rentals.models import PodStatus
from tests.faults import unplugged
from tests.journeys.fleet import Fleet
from tests.machines import EngineMachine
from tests.market import LiveMarket

PULLED: Final = 3
SOONEST, LATEST = 90.0, 180.0
# A probe every 30 s: who answers again is back within two.
BACK_WITHIN: Final = 75.0
READY_WITHIN: Final = 240.0
OUTAGE_SECONDS: Final = 300.0
SETTLE_SECONDS: Final = 45.0
# A tick of the meters, and another to see that nothing more is counted.
METER_SECONDS: Final = 130.0
# The machines' SSH servers, the local machine's, and the pods'.
SSH_PORTS: Final = ("22", "2222", "20000:40999")


@dataclass
class Findings:
    """What was measured, and what was not as it should be."""

    figures: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def note(self, name: str, value: object) -> None:
        """Keep a figure."""
        self.figures[name] = value
        say(f"{name}: {value}")

    def expect(self, holds: bool, what: str) -> None:
        """Remember what does not hold, and go on: the rest is worth knowing too."""
        if not holds:
            self.wrong.append(what)
            say(f"WRONG: {what}")


def run(market: LiveMarket, machines: Sequence[EngineMachine]) -> Findings:
    """List the machines, rent pods on three of them, and have both faults befall them."""
    found, fleet = Findings(), Fleet(market, machines)
    began = time.monotonic()
    fleet.list_machines()
    found.note("machines listed", f"{len(machines)} in {time.monotonic() - began:.0f} s")
    # Two on machines whose links are pulled, one on a machine whose link stays.
    fleet.rent_on(0, 1, len(machines) - 1)
    until(fleet.all_run, seconds=READY_WITHIN)
    found.expect(fleet.all_run(), "the pods run to begin with")
    wait(SETTLE_SECONDS)
    pull_links(fleet, found)
    wait(SETTLE_SECONDS)
    stop_our_network(fleet, found)
    fleet.end_pods()
    until(fleet.all_removed, seconds=60)
    return found


def pull_links(fleet: Fleet, found: Findings) -> None:
    """Pull three links: offline in time, meters at the last good probe, and back by themselves."""
    with ExitStack() as cables:
        for machine in fleet.machines[:PULLED]:
            cables.enter_context(unplugged(machine))
        pulled = clock.now()
        say("three links are pulled")
        until(lambda: fleet.offline() == PULLED, seconds=LATEST + 30)
        wait(METER_SECONDS)
        seconds = fleet.seconds_to(NodeStatus.OFFLINE, pulled)
        found.note("seconds to OFFLINE", seconds)
        found.note("reasons", fleet.reasons(NodeStatus.OFFLINE, pulled))
        found.note("seconds to UNREACHABLE (pods)", fleet.pods_to(PodStatus.UNREACHABLE, pulled))
        found.note("meters", meters := fleet.resting_meters(pulled))
        in_time = len(seconds) == PULLED and SOONEST <= min(seconds) <= max(seconds) <= LATEST
        found.expect(in_time, f"three are OFFLINE within {SOONEST:.0f} to {LATEST:.0f} s")
        found.expect(fleet.offline() == PULLED, "the others stay AVAILABLE")
        found.expect(len(meters) == PULLED - 1, "the pods behind the pulled links are UNREACHABLE")
        rest = all(meter.rests for meter in meters)
        found.expect(rest, "their meters rest at the last good probe")
        back = clock.now()
    say("the links are back")
    until(lambda: fleet.offline() == 0 and fleet.all_run(), seconds=READY_WITHIN)
    seconds = fleet.seconds_to(NodeStatus.AVAILABLE, back)
    found.note("seconds to AVAILABLE again", seconds)
    found.note("seconds to RUNNING again (pods)", fleet.pods_to(PodStatus.RUNNING, back))
    in_time = len(seconds) == PULLED and max(seconds) <= BACK_WITHIN
    found.expect(in_time, f"they are back within {BACK_WITHIN:.0f} s")
    found.expect(fleet.all_run(), "every pod runs again, with nobody's help")
    found.expect(fleet.alerts() == [], "no alert is opened")


def stop_our_network(fleet: Fleet, found: Findings) -> None:
    """Let nothing out to any machine: nothing changes, and one alert is open until we are back."""
    began, before = clock.now(), fleet.proven_seconds()
    with no_way_out():
        say("nothing of ours gets out")
        wait(OUTAGE_SECONDS)
        alerts = fleet.alerts()
        counted = max(after - before[pod] for pod, after in fleet.proven_seconds().items())
        found.note("alerts during our outage", alerts)
        found.note("most seconds that a meter went on", round(float(counted), 1))
    ended = clock.now()
    say("our network is back")
    until(lambda: not fleet.alerts(only_open=True), seconds=BACK_WITHIN)
    found.note("seconds to the alert's end", round((clock.now() - ended).total_seconds(), 1))
    wait(METER_SECONDS)
    found.note("what changed state", moved := fleet.moves(began))
    found.note("seconds not charged", fleet.gaps(began))
    found.expect(moved == [], "no machine and no pod changes state")
    found.expect(len(alerts) == 1 and fleet.alerts() == alerts, "exactly one alert")
    found.expect(not fleet.alerts(only_open=True), "the alert ends by itself")
    found.expect(fleet.all_run(), "every pod still runs")


@contextmanager
def no_way_out() -> Iterator[None]:
    """Drop what we send to any SSH server."""
    rules = [("OUTPUT", "-p", "tcp", "--dport", ports, "-j", "DROP") for ports in SSH_PORTS]
    for rule in rules:
        subprocess.run(["iptables", "-w", "-I", *rule], check=True)
    try:
        yield
    finally:
        for rule in rules:
            subprocess.run(["iptables", "-w", "-D", *rule], check=True)


def until(done: Callable[[], bool], *, seconds: float) -> None:
    """Wait until something is so, or the time is over."""
    ends = time.monotonic() + seconds
    while not done() and time.monotonic() < ends:
        time.sleep(1)


def wait(seconds: float) -> None:
    """Let time pass."""
    say(f"({seconds:.0f} s)")
    time.sleep(seconds)


def say(words: str) -> None:
    """Tell how far it is."""
    print(f"{time.strftime('%H:%M:%S')}  {words}", flush=True)
