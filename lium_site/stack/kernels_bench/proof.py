"""A whole proof of this machine's own cards: asked for, judged and sealed as a validator does, with a key for the occasion."""

import hashlib
import os
import secrets
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import sr25519

from lium_site.stack.console import StackError
from validation.challenge.dialogue import ProverFault
from validation.challenge.session import Coins, Patience, Session, Subject
from validation.proof.bundle.records import Block, Machine, Purpose, Transcript
from validation.proof.bundle.signing import seal
from validation.proof.bundle.ss58 import address_of
from validation.proof.parameters import Parameters
from validation.verifier.judging import body_of, judge
from validation.verifier.report import Check

PATIENCE: Final = Patience(ready=300.0, fill=300.0, sweep=120.0, open=120.0)
# Blocks of no chain: the bundle says so, and its beacon cannot be checked.
NO_CHAIN: Final = "none: made up by a bench"
READ_BYTES: Final = 1 << 20


@dataclass(slots=True)
class PipedLine:
    """A prover's standard input and output."""

    process: "subprocess.Popen[bytes]"
    _rest: bytes = field(default=b"")

    def send(self, line: bytes, *, seconds: float) -> None:
        """Send a line; the pipe holds more than the longest of ours."""
        assert self.process.stdin is not None  # noqa: S101 - it was started with pipes
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def receive(self, *, seconds: float, max_bytes: int) -> bytes:
        """Wait for a line.

        :raises ProverFault: if none comes in time, or a longer one.
        """
        assert self.process.stdout is not None  # noqa: S101 - it was started with pipes
        deadline, output = time.monotonic() + seconds, self.process.stdout.fileno()
        while b"\n" not in self._rest:
            ready, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
            read = os.read(output, READ_BYTES) if ready else b""
            if not read or len(self._rest) > max_bytes:
                raise ProverFault("The prover ended, or gave no answer in time.")
            self._rest += read
        line, _, self._rest = self._rest.partition(b"\n")
        return line


@dataclass(frozen=True, slots=True)
class Proven:
    """What came of a proof: all that was said, each check, and the bundle's bytes."""

    transcript: Transcript
    checks: Sequence[Check]
    bundle: bytes


def prove(
    command: Sequence[str], sizes: Parameters, *, model: str, count: int, simulated: bool = False
) -> Proven:
    """Start a prover, ask it for a whole proof, judge and seal it.

    :raises StackError: if the prover does not answer as it should.
    """
    subject = Subject(
        purpose=Purpose.ON_DEMAND,
        machine=_machine(model, count, simulated=simulated),
        parameters=sizes,
    )
    coins = Coins(first=lambda: _block(1), later=lambda first, _: _block(first.number + 1))
    try:
        with _started(command) as line:
            transcript = Session(line=line, patience=PATIENCE).prove(subject, coins)
    except ProverFault as fault:
        raise StackError(f"the prover gave no proof: {fault} {fault.remedy}") from fault
    checks = judge(transcript)
    public, private = sr25519.pair_from_seed(secrets.token_bytes(32))
    bundle = seal(
        body_of(transcript, checks),
        signer=address_of(public),
        sign=lambda message: sr25519.sign((public, private), message),
    )
    return Proven(transcript, checks, bundle)


def save(bundle: bytes, folder: Path) -> Path:
    """Keep a bundle under a name made of its bytes; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"bench-{hashlib.sha256(bundle).hexdigest()[:12]}.bundle.json"
    path.write_bytes(bundle)
    return path


@contextmanager
def _started(command: Sequence[str]) -> Iterator[PipedLine]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        try:
            yield PipedLine(process)
        except BaseException:
            process.kill()
            raise


def _machine(model: str, count: int, *, simulated: bool) -> Machine:
    nobody = "none: this machine itself"
    return Machine(
        node_id="bench",
        hotkey=nobody,
        host_key=nobody,
        claimed_model=model,
        claimed_count=count,
        simulated=simulated,
    )


def _block(number: int) -> Block:
    return Block(chain=NO_CHAIN, number=number, hash=secrets.token_bytes(32))
