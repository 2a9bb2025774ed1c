"""A whole proof of this machine's own cards: asked for, judged and sealed as a validator does, with a key for the occasion."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lium_site.stack.console import StackError
from validation.challenge import pipe
from validation.challenge.dialogue import ProverFault
from validation.challenge.sealing import judged_and_sealed
from validation.challenge.session import Coins, Patience, Session, Subject
from validation.proof.bundle.records import Block, Machine, Purpose, Transcript
from validation.proof.parameters import Parameters
from validation.verifier.report import Check

PATIENCE: Final = Patience(ready=300.0, fill=300.0, sweep=120.0, open=120.0)
# Blocks of no chain: the bundle says so, and its beacon cannot be checked.
NO_CHAIN: Final = "none: made up by a bench"


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
        with pipe.started(command) as line:
            transcript = Session(line=line, patience=PATIENCE).prove(subject, coins)
    except ProverFault as fault:
        raise StackError(f"the prover gave no proof: {fault} {fault.remedy}") from fault
    return Proven(transcript, *judged_and_sealed(transcript))


def save(bundle: bytes, folder: Path) -> Path:
    """Keep a bundle under a name made of its bytes; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"bench-{hashlib.sha256(bundle).hexdigest()[:12]}.bundle.json"
    path.write_bytes(bundle)
    return path


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
