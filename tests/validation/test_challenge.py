"""A renter has cards proven to themselves: the command line, against real provers behind a pipe."""

import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from json import dumps, loads
from pathlib import Path
from shutil import which
from time import time

import pytest

from tests.validation.sessions import MACHINE, block
from validation.challenge import command, dialogue, sending, session
from validation.challenge.dialogue import SHORT_BYTES, ProverFault
from validation.challenge.session import Subject
from validation.proof.bundle.records import Commitment, Purpose, Statement
from validation.proof.parameters import RESERVED_BYTES, Parameters, products_that_fill
from validation.prover.build import build
from validation.verifier.verifying import verify

SHAPE = "n=512 sweeps=20 cards=8"
BANDS = [
    {
        "gpu_model": "H100",
        "shape": shape,
        "version": 7,
        "shadow": shadow,
        "simulated": False,
        "sample_count": 30,
        "fill_median_us": 1_000_000,
        "sweep_median_us": 500_000,
    }
    for shape, shadow in ((SHAPE, False), ("n=512 sweeps=20 cards=4", True))
]


class Blocks(BaseHTTPRequestHandler):
    """Tells a block that is made this moment, as a market does."""

    def do_GET(self) -> None:
        now = time()
        block = {"chain": "test", "number": int(now * 10), "hash": "ab" * 32}
        told = BANDS if self.path.endswith("bands") else {**block, "made_at_us": int(now * 1e6)}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(dumps(told).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def market_url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Blocks)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def prover(tmp_path: Path) -> list[str]:
    program = tmp_path / "prove.pyz"
    program.write_bytes(build())
    return [sys.executable, str(program), "--simulated", "2", "--memory", "1048576"]


def ask(
    market_url: str, file: Path, *prover: str, cards: int = 2, options: Sequence[str] = ()
) -> int:
    asked = ["--market", market_url, "--node", "n", "--model", "H100", "--cards", str(cards)]
    asked += ["--memory-mib", "1", "--n", "512", "--simulated", *options, "--out", str(file)]
    asked += ["--", *prover]
    return command.main(asked)


def test_a_bundle_that_anybody_can_check(
    market_url: str, prover: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.bundle.json"

    assert ask(market_url, file, *prover) == command.HOLDS

    report = verify(file.read_bytes())
    assert report.holds
    assert report.bundle.body.transcript.statement.purpose == "renter"


# Reaches a shell as ssh does: what comes after it is one line for that shell.
SHELL = ["sh", "-c", 'exec sh -c "$*"', "ssh"]


def in_a_shell(folder: Path, **programs: str) -> list[str]:
    """Reach a shell that finds these programs alone, beside the few that any image has."""
    folder.mkdir()
    for name in {"sh", "cat", "mv", "test"} - programs.keys():
        (folder / name).symlink_to(which(name) or "")
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return ["env", f"PATH={folder}", *SHELL]


def test_the_prover_is_sent_where_a_shell_is(market_url: str, tmp_path: Path) -> None:
    file, uuids = tmp_path / "mine", ["--uuid", "GPU-a", "--uuid", "GPU-b"]
    shell = in_a_shell(tmp_path / "bin", python3=f'exec "{sys.executable}" "$@"')

    for _ in range(2):
        assert ask(market_url, file, *shell, options=["--send", *uuids]) == command.HOLDS

    cards = verify(file.read_bytes()).bundle.body.transcript.statement.cards
    assert [card.uuid for card in cards] == ["GPU-a", "GPU-b"]


@pytest.mark.parametrize(
    ("programs", "why"),
    [
        ({}, "there is no python3. In the pod: apt-get update"),
        ({"python3": "exit 1"}, "lacks NumPy. In the pod: apt-get update"),
        ({"cat": "exit 3"}, "could not be sent"),
    ],
)
def test_what_a_pod_lacks_is_said(
    market_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    programs: dict[str, str],
    why: str,
) -> None:
    monkeypatch.setattr(sending, "build", lambda: str(tmp_path).encode())
    shell = in_a_shell(tmp_path / "bin", **programs)

    assert ask(market_url, tmp_path / "mine", *shell, options=["--send"]) == command.NO_PROOF
    assert why in capsys.readouterr().err


def test_a_renter_is_told_the_band_that_is_in_force(market_url: str) -> None:
    asked = command.Market(market_url)

    found = asked.bands("H100", shape=SHAPE, memory_bytes=80 << 30)

    assert found is not None
    assert (found.version, found.fill_us.low, found.residency_us.high) == (7, 800_000, 625_000)
    assert asked.bands("H100", shape=BANDS[1]["shape"], memory_bytes=1) is None
    assert asked.bands("RTX 4090", shape=SHAPE, memory_bytes=1) is None


def test_other_cards_than_rented_fail(
    market_url: str, prover: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine"

    assert ask(market_url, file, *prover, options=["--uuid", "GPU-rented"]) == command.FAILS
    assert "required: GPU-rented" in capsys.readouterr().out
    uuids = [card.uuid for card in verify(file.read_bytes()).bundle.body.transcript.statement.cards]
    own = [word for uuid in uuids for word in ("--uuid", uuid)]
    assert ask(market_url, file, *prover, options=own) == command.HOLDS


@pytest.mark.parametrize("mib", ["0.5", "2"])
def test_cards_of_another_size_than_rented_fail(
    market_url: str,
    prover: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    mib: str,
) -> None:
    other = [*prover[:-1], str(int(float(mib) * 1048576))]

    assert ask(market_url, tmp_path / "mine", *other) == command.FAILS
    assert "required: cards of 1 to 1 MiB, as rented" in capsys.readouterr().out


def test_fewer_cards_than_rented_fail(
    market_url: str, prover: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(market_url, tmp_path / "mine", *prover, cards=8) == command.FAILS
    assert "verdict: fail" in capsys.readouterr().out


@pytest.mark.parametrize("prover", [["false"], ["echo", "hello"], ["yes"], ["/nowhere/prove"]])
def test_without_a_prover_there_is_no_proof(
    market_url: str, prover: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine"

    assert ask(market_url, file, *prover) == command.NO_PROOF
    assert capsys.readouterr().err.startswith("./market prove: ")
    assert not file.exists()


def test_without_a_market_there_is_no_coin(prover: list[str], tmp_path: Path) -> None:
    assert ask("http://127.0.0.1:9", tmp_path / "mine", *prover) == command.NO_PROOF


@pytest.mark.parametrize("mib", [49_140, 46_068], ids=["without ECC", "with ECC"])
def test_a_real_card_is_asked_for_the_memory_that_it_has(mib: int) -> None:
    """An RTX 6000 Ada is listed with 49,140 MiB, of which error correction takes a sixteenth."""
    machine = replace(MACHINE, simulated=False)
    listed = Parameters(n=16_384, products=products_that_fill(49_140 << 20, n=16_384))
    subject = Subject(purpose=Purpose.ROUND, machine=machine, parameters=listed)
    card = dialogue.ReadyCard(uuid="GPU-0", name="RTX 6000 Ada", memory_bytes=mib << 20, kind="gpu")

    asked = session._card(card, subject).parameters

    assert asked.products == products_that_fill(mib << 20, n=16_384)
    assert asked.resident_bytes <= (mib << 20) - RESERVED_BYTES


def test_nothing_stands_between_a_time_and_what_is_sent_then() -> None:
    """What others do, and waiting for the block, come before the stamp of a phase, never after it."""
    done: list[str] = []

    class Watched(session.Session):
        def _fill(self, statement: Statement) -> Commitment:
            raise StopIteration

    asking = Watched(
        line=Prover(done),
        patience=command.PATIENCE,
        go_on=lambda: done.append("go on"),
        clock=lambda: done.append("stamp") or 0,  # type: ignore[func-returns-value]
    )
    subject = Subject(
        purpose=Purpose.ROUND, machine=MACHINE, parameters=Parameters(n=64, products=1)
    )
    coins = session.Coins(first=lambda: done.append("block") or block(1), later=lambda *_: block(2))

    with pytest.raises(StopIteration):
        asking.prove(subject, coins)

    assert done[-3:] == ["go on", "block", "stamp"]


class Prover:
    """Gets ready and answers echoes."""

    def __init__(self, done: list[str]) -> None:
        self.done, self.message = done, {}

    def send(self, line: bytes, *, seconds: float) -> None:
        self.message = loads(line)

    def receive(self, *, seconds: float, max_bytes: int) -> bytes:
        self.done.append(self.message["type"])
        card = {"uuid": "GPU-0", "name": "c", "memory_bytes": 1 << 20, "kind": "simulated"}
        ready = {"type": "ready", "cards": [card]}
        return dumps(ready if self.message["type"] == "hello" else self.message).encode()


class Said:
    """A prover that says one thing."""

    def __init__(self, line: bytes) -> None:
        self.line = line

    def send(self, line: bytes, *, seconds: float) -> None:
        """Take it."""

    def receive(self, *, seconds: float, max_bytes: int) -> bytes:
        return self.line


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"type":"error","what":"a\\u0000b","why":["x"]}', r"^a\?b: $"),
        (b'{"type":' + b"[" * 900 + b"]" * 900 + b"}", "It answered a list where ready was due"),
        (b'{"a":' + b"[" * 100_000, "It wrote no JSON"),
        (b'{"a":[' + b"[]," * (SHORT_BYTES // 3) + b"0]}", "Its answer is too large"),
        (b"\xff\x00" * 100, "It wrote no JSON"),
    ],
    ids=["NUL", "deep type", "too deep", "many values", "no JSON"],
)
def test_whatever_a_prover_says_is_a_fault_in_plain_words(line: bytes, why: str) -> None:
    with pytest.raises(ProverFault, match=why) as raised:
        dialogue.ask(Said(line), {"type": "hello"}, expect="ready", seconds=1)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 500
