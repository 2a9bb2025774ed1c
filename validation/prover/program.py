"""The prover as a program: it speaks with a validator on standard input and output, and with people on standard error."""

import argparse
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import BinaryIO, Final

import numpy as np

from validation.prover import labelled
from validation.prover.dialogue import Dialogue, converse, refusal, send
from validation.prover.errors import FAULTY, ProverError, unexpected
from validation.prover.team import Card, Team

# A validator that is gone without closing the line must not leave a card full.
SILENCE_SECONDS: Final = 600


def main(arguments: Sequence[str]) -> int:
    """Find the cards, then answer until the validator says bye; return the exit status."""
    options = _options(arguments)
    outgoing = _own_output()
    try:
        return _measure(options, outgoing) if options.measure else _answer(options, outgoing)
    except ProverError as error:
        send(outgoing, refusal(error))
    except Exception as failure:  # Whatever a driver raises: who asked gets a sentence in any case.
        traceback.print_exc()
        send(outgoing, refusal(unexpected("the cards cannot be used", failure, remedy=FAULTY)))
    return 1


def _measure(options: argparse.Namespace, outgoing: BinaryIO) -> int:
    for figures in _gpu().measured(options.measure):
        send(outgoing, figures)
    return 0


def _answer(options: argparse.Namespace, outgoing: BinaryIO) -> int:
    signal.alarm(SILENCE_SECONDS)
    makers, versions = _machine(options)
    team = Team(makers)
    try:
        dialogue = Dialogue(team, {**_versions(), **versions})
        return converse(
            dialogue, sys.stdin.buffer, outgoing, heard=lambda: signal.alarm(SILENCE_SECONDS)
        )
    finally:
        team.close()


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="prove.pyz",
        description="Prove to a validator, line by line, which GPUs this machine holds.",
    )
    parser.add_argument(
        "--simulated", type=int, metavar="N", help="use N cards made of NumPy, labelled as such"
    )
    parser.add_argument(
        "--uuid", action="append", metavar="UUID", help="of a simulated card, once for each"
    )
    parser.add_argument(
        "--memory",
        type=int,
        default=labelled.MEMORY_BYTES,
        metavar="BYTES",
        help="of a simulated card",
    )
    parser.add_argument(
        "--measure",
        type=int,
        metavar="ROUNDS",
        help="time the first card's work, and answer nobody",
    )
    options = parser.parse_args(arguments)
    if options.uuid and len(options.uuid) != options.simulated:
        parser.error("--uuid is given once for each simulated card")
    return options


def _own_output() -> BinaryIO:
    """Keep standard output for the dialogue: whatever a library prints goes to standard error."""
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return outgoing


def _machine(options: argparse.Namespace) -> tuple[list[Callable[[], Card]], Mapping[str, str]]:
    if options.simulated is not None:
        made = labelled.cards(options.simulated, options.uuid, memory_bytes=options.memory)
        return made, {}
    makers, versions = _gpu().cards()
    return makers, versions


def _gpu() -> ModuleType:
    """Import what needs PyCUDA; a simulated card does without."""
    try:
        from validation.prover import gpu
    except ImportError as missing:
        raise ProverError(
            "no real card can be used",
            why=str(missing),
            remedy="Install PyCUDA and a driver: pip install -r requirements-gpu.lock. Or try --simulated 1",
        ) from missing
    return gpu


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), "numpy": np.__version__}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
