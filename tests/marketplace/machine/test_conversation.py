"""Talking with a command on a real machine, an honest one or not."""

import pytest

from marketplace.machine import CommandTimeout, Machine, NotUnderstood, OutcomeUnknown

SHELL = ["sh", "-c"]


def test_line_for_line(machine: Machine) -> None:
    with machine.converse(["cat"]) as talk:
        for line in (b"one", b"", b"x" * 100_000):
            talk.send(line, seconds=5)

            assert talk.receive(seconds=5, max_bytes=200_000) == line


def test_two_lines_that_came_together(machine: Machine) -> None:
    with machine.converse([*SHELL, "printf 'a\\nb\\n'; sleep 5"]) as talk:
        lines = [talk.receive(seconds=5, max_bytes=10) for _ in range(2)]

    assert lines == [b"a", b"b"]


def test_a_silent_command_is_late(machine: Machine) -> None:
    with machine.converse(["sleep", "30"]) as talk, pytest.raises(CommandTimeout):
        talk.receive(seconds=0.2, max_bytes=10)


def test_a_line_without_an_end_is_not_kept(machine: Machine) -> None:
    with machine.converse(["cat", "/dev/zero"]) as talk, pytest.raises(NotUnderstood):
        talk.receive(seconds=10, max_bytes=100_000)


def test_an_end_is_told_with_its_words(machine: Machine) -> None:
    command = [*SHELL, "echo no GPU here >&2; exit 3"]
    with machine.converse(command) as talk, pytest.raises(OutcomeUnknown, match="no GPU here"):
        talk.receive(seconds=10, max_bytes=10)


def test_errors_without_end_do_not_stop_the_talk(machine: Machine) -> None:
    script = "head -c 5000000 /dev/zero >&2; echo done"
    with machine.converse([*SHELL, script]) as talk:
        assert talk.receive(seconds=10, max_bytes=10) == b"done"
    assert len(talk.error_text) <= 4096


def test_leaving_ends_the_input(machine: Machine, tmp_path: object) -> None:
    with machine.converse([*SHELL, f"cat >/dev/null; touch {tmp_path}/ended"]):
        pass

    machine.check([*SHELL, f"until [ -e {tmp_path}/ended ]; do sleep 0.05; done"], timeout=5)
