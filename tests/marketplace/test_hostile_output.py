"""What a hostile machine prints is at worst not understood; it never ends a run, and never counts as a figure."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pytest

from marketplace.checks import Claim, Evidence, Requirements, Verdict
from marketplace.checks.capacity import judge_disk, judge_memory
from marketplace.machine import CommandResult, NotUnderstood
from marketplace.models import CheckStatus
from marketplace.services import preflight
from marketplace.services.requirements import requirements
from marketplace.services.visiting import SPEED_BYTES, Visit, _ports_listened_on
from rentals.engine.node import _directories, _engine
from rentals.engine.spec import NodeLayout

Judge = Callable[[Evidence, Requirements], Verdict]
CLAIM = Claim(gpu_model="H100", gpu_count=1, first_port=1, last_port=2)
LAYOUT = NodeLayout(market_id="a", directory="/srv", runtime="0123456789ab")


class Liar:
    """A machine that reads all its input, and prints what it likes."""

    def __init__(self, said: bytes) -> None:
        self.said = said

    def check(self, argv: list[str], *, stdin: BinaryIO | None = None, **_: Any) -> bytes:
        while stdin is not None and stdin.read(1 << 16):
            pass
        return self.said

    def run(self, argv: list[str], **_: Any) -> CommandResult:
        return CommandResult(exit_status=0, stdout=self.said, stderr=b"", truncated=False)

    @contextmanager
    def stream(self, argv: list[str], **_: Any) -> Iterator[list[bytes]]:
        yield [self.said, b"\nready\n"]


def visited(said: bytes, part: str) -> Evidence:
    visit = Visit(Evidence(claim=CLAIM), address=None, where="127.0.0.1", state_dir="/srv")
    visit.machine = Liar(said)  # type: ignore[assignment]
    visit.measure(part)
    return visit.evidence


@pytest.mark.parametrize("said", [b"", b"x", "²".encode(), b"999999999999", b"1 2 3"])
def test_a_count_that_is_not_what_we_sent_is_no_speed(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketplace.services.visiting.SPEED_BYTES", 1 << 17)

    assert visited(said, "speed").speed is None


def test_the_count_of_what_we_sent_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace.services.visiting.SPEED_BYTES", 1 << 17)

    assert visited(b"%d\n" % (1 << 17), "speed").speed is not None
    assert SPEED_BYTES > 1 << 17


@pytest.mark.parametrize("said", [b"port", b"port x", "port ²".encode(), b"port 1 2", b"\xff\x00"])
def test_a_line_on_ports_that_says_nothing_is_no_port(said: bytes) -> None:
    assert _ports_listened_on(iter([said + b"\nready\n"]), [1, 2]) == []


def test_a_stumble_of_ours_leaves_the_part_unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object, **__: object) -> object:
        raise IndexError

    monkeypatch.setattr("marketplace.services.visiting.look", stumble)

    assert visited(b"", "found").found is None


@pytest.mark.parametrize(
    "said", ["gpu ²,GPU-1,H100,81559", "engine ²8.²", "gpu ,GPU-1", "cdi\ngpu"]
)
def test_a_look_reads_figures_in_ascii_only(said: str) -> None:
    assert preflight.read(said).gpus == ()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("said", "judge"),
    [
        ("cpus 999999999\nram_mib 65536", judge_memory),
        ("cpus 16\nram_mib 999999999", judge_memory),
        ("disk_gib 999999999", judge_disk),
    ],
)
def test_more_than_any_computer_has_is_refused_in_words(said: str, judge: Judge) -> None:
    evidence = Evidence(claim=CLAIM, found=preflight.read(said))

    verdict = judge(evidence, requirements())

    assert (verdict.status, verdict.code) == (CheckStatus.FAILED, "implausible")
    assert "at most" in verdict.required
    assert verdict.fix_command


@pytest.mark.parametrize("said", [b"", b"x86_64 4", "x86_64 ² 4".encode(), b"a b c d e"])
def test_a_preparation_is_not_understood(said: bytes) -> None:
    with pytest.raises(NotUnderstood):
        _directories(Liar(said), LAYOUT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said", [b"", b"[]", b'{"ServerVersion": 28}', b'{"Runtimes": 1}', b"[" * 100_000]
)
def test_an_engine_is_not_understood(said: bytes) -> None:
    with pytest.raises(NotUnderstood):
        _engine(Liar(said))  # type: ignore[arg-type]
