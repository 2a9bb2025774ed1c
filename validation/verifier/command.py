"""The command line: a line a check, and an exit status."""

import argparse
import sys
from pathlib import Path
from typing import Final

from validation.proof.bundle.encoding import MOST_BYTES
from validation.proof.bundle.errors import Malformed
from validation.verifier.chain import ChainError, RpcChain
from validation.verifier.report import Check, Report, verdict_of
from validation.verifier.verifying import verify

HOLDS, FAILS, NOT_A_BUNDLE = 0, 1, 2
EPILOG: Final = "Exit status: 0 it holds, 1 a check fails, 2 this is not a bundle."


def main(
    arguments: list[str] | None = None, *, program: str = "python -m validation.verify"
) -> int:
    """Verify one bundle and print what was found."""
    chosen = _parser(program).parse_args(arguments)
    try:
        chain = RpcChain(chosen.chain) if chosen.chain else None
        report = verify(_read(chosen.bundle), signer=chosen.signer, chain=chain)
    except (Malformed, OSError, ChainError) as error:
        print(printable(f"{program}: {chosen.bundle}: {error}"), file=sys.stderr)
        return NOT_A_BUNDLE
    print("\n".join(_lines(report)))
    return HOLDS if report.holds else FAILS


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program, description="Verify a proof of GPU on a CPU.", epilog=EPILOG
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("--signer", metavar="SS58", help="the validator that must have signed")
    parser.add_argument("--chain", metavar="URL", help="a Substrate node that knows the beacons")
    return parser


def _read(file: Path) -> bytes:
    """Read no more than shows that a file is too large."""
    with file.open("rb") as stream:
        return stream.read(MOST_BYTES + 1)


def _lines(report: Report) -> list[str]:
    statement = report.bundle.body.transcript.statement
    machine = statement.machine
    title = f"{machine.claimed_count} x {machine.claimed_model}, node {machine.node_id}, {statement.purpose}"
    lines = [f"SIMULATED cards: {title}" if machine.simulated else title]
    for found in report.checks:
        lines += _lines_of(found)
    lines.append(f"verdict: {verdict_of(report.checks)}")
    return [printable(line) for line in lines]


def _lines_of(found: Check) -> list[str]:
    lines = [f"{found.status:<12}{found.id:<12}{found.measured}"]
    indent = " " * 24
    lines.append(f"{indent}required: {found.required}")
    return lines + ([f"{indent}remedy: {found.remedy}"] if found.remedy else [])


def printable(line: str) -> str:
    """Replace what could steer a terminal: a bundle's texts are a stranger's."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in line)
