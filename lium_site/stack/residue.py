"""What a market leaves on the machine on purpose (pods), and how to remove what it must not leave."""

import shutil
import subprocess

from lium_site.stack.console import StackError, say
from lium_site.stack.engine import Engine
from lium_site.stack.paths import ROOT, State

FIREWALL = ROOT / "marketplace" / "machine" / "scripts" / "firewall.sh"
FIREWALL_SECONDS = 30
BRIDGE_NAME = '{{index .Options "com.docker.network.bridge.name"}}'


def clear_network(engine: Engine, state: State) -> None:
    """Remove our bridge and its firewall rules, unless pods still live behind them."""
    try:
        pods = engine.labelled("container", state.instance)
        if pods:
            # Without the rules these pods, which are not ours to trust, could reach the local network.
            say(
                f"{len(pods)} pod(s) stay, unbilled, behind their firewall, and are found again by the next "
                "./market up; ./market down removes them"
            )
            return
        for network in engine.labelled("network", state.instance):
            _lower_firewall(engine.docker("network", "inspect", "--format", BRIDGE_NAME, network))
            engine.docker("network", "rm", network)
    except StackError as error:
        say(f"could not remove our network: {error}")


def remove_pods(engine: Engine, state: State) -> int:
    """Remove every container that this market made, with its data and its files; return how many there were."""
    pods = engine.labelled("container", state.instance)
    if pods:
        engine.docker("rm", "--force", "--volumes", *pods)
    shutil.rmtree(state.node / "pods", ignore_errors=True)
    return len(pods)


def _lower_firewall(bridge: str) -> None:
    done = subprocess.run(
        ["sh", FIREWALL, "down", bridge],
        capture_output=True,
        text=True,
        check=False,
        timeout=FIREWALL_SECONDS,
    )
    if done.returncode:
        say(f"could not remove the firewall rules of {bridge}: {done.stderr.strip()}")
