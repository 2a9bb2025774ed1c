"""The command line of a renter who has GPUs proven to themselves: `./market prove --send ... -- ssh POD`."""

import argparse
import json
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from validation.challenge import pipe
from validation.challenge.bands import around, shape_of
from validation.challenge.dialogue import ProverFault
from validation.challenge.sealing import judged_and_sealed
from validation.challenge.sending import sent
from validation.challenge.session import Coins, Patience, Session, Subject
from validation.proof.bundle.records import Bands, Block, Machine, Purpose, Status, Transcript
from validation.proof.parameters import FULL_N, InvalidParameters, Parameters, products_that_fill
from validation.verifier.claims import LEAST_MEMORY, MIB, MOST_MEMORY
from validation.verifier.command import lines_of, printable
from validation.verifier.report import check, verdict_of

HOLDS, FAILS, NO_PROOF = 0, 1, 2
PATIENCE: Final = Patience(ready=300.0, fill=180.0, sweep=120.0, open=120.0)
BEACON_SECONDS: Final = 90.0
POLL_SECONDS: Final = 0.5
TIMEOUT_SECONDS: Final = 15.0
MOST_BYTES: Final = 4 << 20
EPILOG: Final = (
    "After -- comes the command that reaches a prover, for example: ssh root@HOST -p PORT python3 prove.pyz; "
    "with --send, the one that reaches a shell, such as: ssh root@HOST -p PORT. "
    "Exit status: 0 every check that can be told holds, 1 one fails, 2 there is no proof."
)


class NoBeacon(Exception):
    """The market gives no block, or no bands."""


def main(arguments: list[str] | None = None, *, program: str = "./market prove") -> int:
    """Ask for a proof, judge it, and keep its bundle."""
    chosen = _parser(program).parse_args(arguments)
    try:
        transcript = prove(chosen)
    except (ProverFault, NoBeacon, InvalidParameters, OSError) as error:
        remedy = error.remedy if isinstance(error, ProverFault) else ""
        print(printable(f"{program}: {error}{f'. {remedy}' if remedy else ''}"), file=sys.stderr)
        return NO_PROOF
    kept = _keep(transcript, chosen.out)
    return max(kept, _compare(transcript, chosen.uuid, memory_mib=chosen.memory_mib))


def prove(chosen: argparse.Namespace) -> Transcript:
    """Ask the prover behind the command for a proof.

    :raises ProverFault, NoBeacon, OSError: there is none.
    """
    market = Market(chosen.market.rstrip("/"))
    command = sent(chosen.command, _arguments(chosen)) if chosen.send else chosen.command
    with pipe.started(command) as line:
        session = Session(line=line, patience=PATIENCE)
        coins = Coins(first=lambda: market.newest()[0], later=market.later)
        return session.prove(_subject(chosen, market), coins)


class Market:
    """Where blocks and bands come from: any market tells the newest block of its chain, and its bands, to everybody."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise NoBeacon(f"{url!r} is not the http or https address of a market")
        self._url = f"{url}/api/proofs"

    def newest(self) -> tuple[Block, int]:
        """Give the newest finalized block and when it was made, in microseconds since 1970.

        :raises NoBeacon: the market does not tell.
        """
        told = self._get("beacon")
        try:
            block = Block(
                chain=str(told["chain"]),
                number=int(told["number"]),
                hash=bytes.fromhex(told["hash"]),
            )
            return block, int(told["made_at_us"])
        except (ValueError, KeyError, TypeError) as error:
            raise NoBeacon(f"{self._url}/beacon tells no block: {error}") from error

    def bands(self, model: str, *, shape: str, memory_bytes: int) -> Bands | None:
        """Give the band that is in force for a model; None where there is none yet.

        :raises NoBeacon: the market does not tell.
        """
        try:
            told = (one for one in self._get("bands") if not one["shadow"] and not one["simulated"])
            band = next(
                (one for one in told if (one["gpu_model"], one["shape"]) == (model, shape)), None
            )
            return band and Bands(
                version=int(band["version"]),
                model=model,
                memory_bytes=memory_bytes,
                samples=int(band["sample_count"]),
                fill_us=around(int(band["fill_median_us"])),
                residency_us=around(int(band["sweep_median_us"])),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise NoBeacon(f"{self._url}/bands tells no bands: {error}") from error

    def _get(self, what: str) -> Any:
        try:
            with urllib.request.urlopen(f"{self._url}/{what}", timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return json.loads(answer.read(MOST_BYTES))
        except (OSError, ValueError) as error:
            raise NoBeacon(f"{self._url}/{what} does not answer: {error}") from error

    def later(self, than: Block, after_us: int) -> Block:
        """Wait for a later block that was made after a time.

        :raises NoBeacon: none comes.
        """
        deadline = time.monotonic() + BEACON_SECONDS
        while time.monotonic() < deadline:
            block, made_at_us = self.newest()
            if block.number > than.number and made_at_us >= after_us:
                return block
            time.sleep(POLL_SECONDS)
        raise NoBeacon(f"no later block than {than.number} within {BEACON_SECONDS:.0f} s")


def _subject(chosen: argparse.Namespace, market: Market) -> Subject:
    memory_bytes = chosen.memory_mib << 20
    reserved = {"reserved_bytes": 0} if chosen.simulated else {}
    sizes = Parameters(
        n=chosen.n, products=products_that_fill(memory_bytes, n=chosen.n, **reserved)
    )
    shape = shape_of(sizes, cards=chosen.cards)
    return Subject(
        purpose=Purpose.RENTER,
        machine=Machine(
            node_id=chosen.node,
            hotkey="",
            host_key=chosen.host_key,
            claimed_model=chosen.model,
            claimed_count=chosen.cards,
            simulated=chosen.simulated,
        ),
        parameters=sizes,
        bands=None
        if chosen.simulated
        else market.bands(chosen.model, shape=shape, memory_bytes=memory_bytes),
    )


def _arguments(chosen: argparse.Namespace) -> list[str]:
    """Say to the prover which cards it has, where they are simulated; real ones it finds by itself."""
    if not chosen.simulated:
        return []
    told = ["--simulated", str(chosen.cards), "--memory", str(chosen.memory_mib << 20)]
    return [*told, *(word for uuid in chosen.uuid for word in ("--uuid", uuid))]


def _compare(transcript: Transcript, rented: Sequence[str], *, memory_mib: int) -> int:
    """Say whether the cards that answered are as large as those that were rented, and just these where it is told which.

    A card is asked for the memory that it claims, and without a band nothing else holds that against its model's.
    """
    cards = transcript.statement.cards
    shown, sizes = {card.uuid for card in cards}, [card.memory_bytes / MIB for card in cards]
    least, most = LEAST_MEMORY * memory_mib, MOST_MEMORY * memory_mib
    checks = (
        check(
            "memory",
            all(least <= size <= most for size in sizes),
            measured=", ".join(f"{size:,.0f} MiB" for size in sizes),
            required=f"cards of {least:,.0f} to {most:,.0f} MiB, as rented",
        ),
        check(
            "rented",
            not rented or shown == set(rented),
            measured=f"{', '.join(sorted(shown))} answered",
            required=", ".join(sorted(rented)),
        ),
    )
    wrong = [one for one in checks if one.status is Status.FAIL]
    for one in wrong:
        print("\n".join(map(printable, lines_of(one))))
    return FAILS if wrong else HOLDS


def _keep(transcript: Transcript, file: Path) -> int:
    """Judge, sign with a key that is made for this bundle and forgotten, and say what was found."""
    checks, bundle = judged_and_sealed(transcript)
    file.write_bytes(bundle)
    for one in checks:
        print("\n".join(map(printable, lines_of(one))))
    verdict = verdict_of(checks)
    print(f"verdict: {verdict}; {file} is signed with a key made for it")
    return FAILS if verdict is Status.FAIL else HOLDS


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program, description="Have GPUs that you rent proven to you.", epilog=EPILOG
    )
    parser.add_argument("--market", required=True, metavar="URL", help="whose chain gives the coin")
    parser.add_argument("--node", required=True, metavar="ID", help="the machine's id")
    parser.add_argument("--model", required=True, help="as listed")
    parser.add_argument("--cards", required=True, type=int, metavar="N", help="that you rent")
    parser.add_argument("--memory-mib", required=True, type=int, metavar="MIB", help="of each card")
    parser.add_argument("--uuid", action="append", default=[], help="of each card that you rent")
    parser.add_argument("--host-key", default="", help="fingerprint of what you connect to")
    parser.add_argument(
        "--send", action="store_true", help="put the prover of this checkout there first"
    )
    parser.add_argument("--n", type=int, default=FULL_N, help="side of the matrices (%(default)s)")
    parser.add_argument("--simulated", action="store_true", help="the cards are simulated")
    parser.add_argument("--out", type=Path, default=Path("renter.bundle.json"), metavar="FILE")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    return parser
