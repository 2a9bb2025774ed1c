"""The command line: a line a check, and an exit status."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from validation.proof.bundle.encoding import MOST_BYTES
from validation.proof.bundle.errors import Malformed
from validation.proof.bundle.records import Bundle
from validation.verifier.audit import audit
from validation.verifier.chain import ChainError, RpcChain
from validation.verifier.report import Check, Report, verdict_of
from validation.verifier.several import in_turn, shared_uuids
from validation.verifier.verifying import verify

HOLDS, FAILS, NOT_A_BUNDLE = 0, 1, 2
EPILOG: Final = (
    "Of several, it is also told which cards two machines show at one block, and which proofs of a round one card could give in turn. "
    "Exit status: 0 all hold, 1 a check fails, 2 one is not a bundle."
)


def main(
    arguments: list[str] | None = None, *, program: str = "python -m validation.verify"
) -> int:
    """Verify bundles and print what was found, in each and in all of them together."""
    chosen = _parser(program).parse_args(arguments)
    reports, worst = [], HOLDS
    for file in chosen.bundle:
        try:
            chain = RpcChain(chosen.chain) if chosen.chain else None
            report = _with_audits(
                verify(_read(file), signer=chosen.signer, chain=chain), chosen.audit
            )
        except (Malformed, OSError, ChainError) as error:
            print(printable(f"{program}: {file}: {error}"), file=sys.stderr)
            worst = NOT_A_BUNDLE
            continue
        print("\n".join(_lines(report)))
        reports.append(report)
        worst = max(worst, HOLDS if report.holds else FAILS)
    together = list(_together([report.bundle for report in reports]))
    for line in together:
        print(printable(line))
    return max(worst, FAILS) if together else worst


def _with_audits(report: Report, count: int) -> Report:
    """Add audits to what was found, where nothing failed before."""
    if not report.holds:
        return report
    transcript = report.bundle.body.transcript
    audits = tuple(audit(transcript) for _ in range(count))
    return replace(report, checks=(*report.checks, *audits))


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program, description="Verify proofs of GPU on a CPU.", epilog=EPILOG
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", nargs="+")
    parser.add_argument("--signer", metavar="SS58", help="the validator that must have signed")
    parser.add_argument(
        "--audit",
        type=int,
        default=0,
        metavar="N",
        help="of each bundle that holds, also recompute N whole products; at full size a product takes minutes",
    )
    parser.add_argument("--chain", metavar="URL", help="a Substrate node that knows the beacons")
    return parser


def _read(file: Path) -> bytes:
    """Read no more than shows that a file is too large."""
    with file.open("rb") as stream:
        return stream.read(MOST_BYTES + 1)


def _together(bundles: Sequence[Bundle]) -> Iterator[str]:
    for uuid, nodes in sorted(shared_uuids(bundles).items()):
        yield f"fail        together    {uuid} is shown by {len(nodes)} machines at one block: {', '.join(sorted(nodes))}"
    if late := in_turn(bundles):
        yield f"fail        together    done before another machine of the same round began: {', '.join(sorted(late))}"


def _lines(report: Report) -> list[str]:
    statement = report.bundle.body.transcript.statement
    machine = statement.machine
    title = f"{machine.claimed_count} x {machine.claimed_model}, node {machine.node_id}, {statement.purpose}"
    lines = [f"SIMULATED cards: {title}" if machine.simulated else title]
    for found in report.checks:
        lines += lines_of(found)
    lines.append(f"verdict: {verdict_of(report.checks)}")
    return [printable(line) for line in lines]


def lines_of(found: Check) -> list[str]:
    """Write a check for a terminal: what was measured, what is required, and what helps."""
    lines = [f"{found.status:<12}{found.id:<12}{found.measured}"]
    indent = " " * 24
    lines.append(f"{indent}required: {found.required}")
    return lines + ([f"{indent}remedy: {found.remedy}"] if found.remedy else [])


def printable(line: str) -> str:
    """Replace what could steer a terminal: a bundle's texts are a stranger's."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in line)
