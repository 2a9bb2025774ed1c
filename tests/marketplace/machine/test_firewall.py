"""The firewall script where several markets, and an engine, share one machine's packet filter."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from tests.machines import engine_in, namespace

pytestmark = pytest.mark.engine

SCRIPT = files("marketplace.machine") / "scripts" / "firewall.sh"
ONE, OTHER = "lium-one", "lium-other"
BRIDGES = (ONE, OTHER)


class PacketFilter:
    """The packet filter of a network namespace that nobody else uses."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, *argv: str) -> str:
        """Run a command there that has to succeed."""
        entered = ("nsenter", f"--net=/run/netns/{self.name}", *argv)
        done = subprocess.run(entered, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def renew(self, *bridges: str) -> None:
        for bridge in bridges:
            self.run("sh", str(SCRIPT), "up", bridge, "20000:20099")

    def rules(self, parent: str, *, tool: str = "iptables") -> list[str]:
        """Give a chain's rules as they would be typed."""
        typed = self.run(tool, "-S", parent).splitlines()
        return [rule.removeprefix(f"-A {parent} ") for rule in typed if rule.startswith("-A")]


@pytest.fixture
def there() -> Iterator[PacketFilter]:
    with namespace() as found:
        yield PacketFilter(found.name)


@pytest.fixture
def docker_user(there: PacketFilter) -> PacketFilter:
    """The chain that an engine leaves to others."""
    there.run("iptables", "-N", "DOCKER-USER")
    there.run("iptables", "-A", "DOCKER-USER", "-j", "RETURN")
    there.run("iptables", "-I", "FORWARD", "-j", "DOCKER-USER")
    return there


def one_by_one_is_refused(tool: Path) -> None:
    """Stand in for iptables: reading is allowed, changes are not, which leaves the restore of many at once."""
    real = shutil.which("iptables", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    changes = "case $* in *-D\\ * | *-I\\ * | *-A\\ *) exit 9 ;; esac"
    tool.write_text(f'#!/bin/sh\n{changes}\nexec {real} "$@"\n')
    tool.chmod(0o755)


def jump(bridge: str, chain: str = "F") -> str:
    return f"-i {bridge} -j LIUM-{chain}-{bridge}"


class TestTwoMarkets:
    def test_renewed_by_turns_have_one_rule_each(self, docker_user: PacketFilter) -> None:
        for _ in range(3):
            docker_user.renew(*BRIDGES)

        assert docker_user.rules("DOCKER-USER") == [jump(OTHER), jump(ONE), "-j RETURN"]
        assert docker_user.rules("INPUT") == [jump(OTHER, "I"), jump(ONE, "I")]
        for parent in ("FORWARD", "INPUT"):
            assert docker_user.rules(parent, tool="ip6tables") == [jump(OTHER), jump(ONE)]

    def test_a_pile_is_cleared_away(self, docker_user: PacketFilter) -> None:
        docker_user.renew(*BRIDGES)
        for bridge in (*BRIDGES, *BRIDGES):
            docker_user.run("iptables", "-I", "DOCKER-USER", *jump(bridge).split())

        docker_user.renew(*BRIDGES)

        assert docker_user.rules("DOCKER-USER") == [jump(OTHER), jump(ONE), "-j RETURN"]

    def test_one_goes_and_the_other_stays(self, docker_user: PacketFilter) -> None:
        docker_user.renew(*BRIDGES)

        docker_user.run("sh", str(SCRIPT), "down", ONE)

        assert docker_user.rules("DOCKER-USER") == [jump(OTHER), "-j RETURN"]
        docker_user.run("sh", str(SCRIPT), "check", OTHER)


class TestInFront:
    @pytest.mark.parametrize(
        "foreign", ["-j ACCEPT", f"-i {ONE} -j ACCEPT", f"-i {ONE} -j LIUM-F-{OTHER}"]
    )
    def test_comes_back_before_what_was_put_there(
        self, docker_user: PacketFilter, foreign: str
    ) -> None:
        docker_user.renew(*BRIDGES)
        docker_user.run("iptables", "-I", "DOCKER-USER", *foreign.split())

        docker_user.renew(*BRIDGES)

        rules = docker_user.rules("DOCKER-USER")
        assert sorted(rules[:2]) == [jump(ONE), jump(OTHER)]
        assert rules[2:] == [foreign, "-j RETURN"]

    def test_is_never_away_while_it_moves(self, docker_user: PacketFilter, tmp_path: Path) -> None:
        docker_user.renew(ONE)
        docker_user.run("iptables", "-I", "DOCKER-USER", "-j", "ACCEPT")
        one_by_one_is_refused(tmp_path / "iptables")

        up = 'PATH="$0:$PATH" exec sh "$1" up "$2"'
        docker_user.run("sh", "-c", up, str(tmp_path), str(SCRIPT), ONE)

        assert docker_user.rules("DOCKER-USER")[0] == jump(ONE)

    def test_is_in_front_again_after_an_engine_start(
        self, there: PacketFilter, tmp_path: Path
    ) -> None:
        there.renew(*BRIDGES)
        assert there.rules("FORWARD") == [jump(OTHER), jump(ONE)]

        for run in ("first", "second"):
            with engine_in(there.name, tmp_path / run):
                there.renew(*BRIDGES)

                assert there.rules("FORWARD")[0] == "-j DOCKER-USER"
                assert there.rules("DOCKER-USER")[:2] == [jump(OTHER), jump(ONE)]
