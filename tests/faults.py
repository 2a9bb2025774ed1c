"""Several test machines at once, and what can befall one: each fault lasts for its block."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.machines import EngineMachine, engine_machine


@contextmanager
def engine_machines(home: Path, count: int) -> Iterator[list[EngineMachine]]:
    """Run several machines with engines, started together."""
    with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
        stacks = [stack.enter_context(ExitStack()) for _ in range(count)]
        starts = [
            pool.submit(own.enter_context, engine_machine(home / str(number)))
            for number, own in enumerate(stacks)
        ]
        try:
            yield [start.result() for start in starts]
        finally:
            wait(starts)
            list(pool.map(lambda own: own.close(), stacks))


@contextmanager
def unplugged(machine: EngineMachine) -> Iterator[None]:
    """Pull a machine's network cable."""
    machine.run("ip", "link", "set", "eth0", "down")
    try:
        yield
    finally:
        machine.run("ip", "link", "set", "eth0", "up")
        # The route went with the link.
        machine.run("ip", "route", "add", "default", "via", machine.outside)


@contextmanager
def unreachable(machines: Sequence[EngineMachine]) -> Iterator[None]:
    """Let nothing of ours reach these machines: to us it is as if our own network were down.

    The rules are in the machines' namespaces, so that none can outlive its test.
    """
    rule = ("INPUT", "-i", "eth0", "-j", "DROP")
    for machine in machines:
        machine.run("iptables", "-w", "-I", *rule)
    try:
        yield
    finally:
        for machine in machines:
            machine.run("iptables", "-w", "-D", *rule)
