"""Give the packet filter back as it was before an engine of our own changed it.

An engine leaves its chains behind, and a forwarding policy of DROP that would cut off the machine's other guests.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from lium_site.stack.packages import find
from lium_site.stack.paths import write_private

TOOLS = ("iptables", "ip6tables")
TABLES = ("filter", "nat")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def remember(file: Path) -> None:
    """Write down the state before our engine starts, unless an engine has been at it already."""
    if not file.exists() and not any(_chains(tool, table) for tool in TOOLS for table in TABLES):
        policies = {tool: _policy(tool) for tool in TOOLS}
        write_private(
            file, json.dumps({"policies": policies, "forwarding": FORWARDING.read_text()})
        )


def restore(file: Path) -> None:
    """Remove the engine's chains and put the remembered policies back."""
    if not file.exists():
        return
    before = json.loads(file.read_text())
    for tool in TOOLS:
        for table in TABLES:
            _remove_chains(tool, table)
        if before["policies"][tool]:
            _run(tool, "-P", "FORWARD", before["policies"][tool])
    FORWARDING.write_text(before["forwarding"])
    file.unlink()


def _policy(tool: str) -> str:
    found = re.search(r"^-P FORWARD (\w+)", _run(tool, "-S", "FORWARD"), re.MULTILINE)
    return found.group(1) if found else ""


def _chains(tool: str, table: str) -> list[str]:
    return re.findall(r"^-N (DOCKER\S*)", _run(tool, "-t", table, "-S"), re.MULTILINE)


def _remove_chains(tool: str, table: str) -> None:
    chains = _chains(tool, table)
    for rule in _jumps(_run(tool, "-t", table, "-S")):
        _run(tool, "-t", table, "-D", *rule)
    for action in ("-F", "-X"):
        for chain in chains:
            _run(tool, "-t", table, action, chain)


def _jumps(rules: str) -> Iterator[list[str]]:
    """Find the rules of the built-in chains that lead into the engine's."""
    for rule in re.findall(r"^-A ((?!DOCKER)\S+ .*-j DOCKER\S*)$", rules, re.MULTILINE):
        yield rule.split()


def _run(tool: str, *arguments: str) -> str:
    program = find(tool)
    if program is None:
        return ""
    done = subprocess.run(
        [program, "-w", "5", *arguments], capture_output=True, text=True, check=False, timeout=30
    )
    return done.stdout
