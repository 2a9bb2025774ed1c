"""A real card's fill against the bare vendor product, its sweep against a copy of memory, and then a whole proof of it.

Without a card it says so: nothing is measured on a CPU.
"""

import argparse
import json
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from lium_site.stack.console import StackError
from lium_site.stack.kernels_bench import interpreter, proof
from lium_site.stack.paths import open_state
from validation.proof.bundle.records import Status
from validation.proof.parameters import FULL_N, Parameters, products_that_fill
from validation.prover import build

MEASURE_SECONDS: Final = 900
UNIT: Final = "ms a product"

Round = Mapping[str, Any]


def run(arguments: Sequence[str]) -> dict[str, Any]:
    """Measure the first card of this machine and prove all; or say why there is nothing to measure."""
    options = _options(arguments)
    python = interpreter.chosen(python=options.python, install=options.install)
    with TemporaryDirectory(prefix="market-kernels-") as folder:
        prover = Path(folder) / "prove.pyz"
        prover.write_bytes(build.build())
        command = [python, str(prover)]
        card, *rounds = _measured(command, options.rounds)
        if card["type"] == "error":
            return _nothing(card)
        _show_card(card)
        _require_exact(rounds)
        for number, figures in enumerate(rounds, start=1):
            print(_row(number, figures), flush=True)
        _show_shares(rounds)
        if options.proof:
            _prove(command, card)
    return _outcome(rounds)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./market bench kernels")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", metavar="PATH", help="an interpreter with PyCUDA and NumPy")
    parser.add_argument(
        "--install", action="store_true", help="install PyCUDA from requirements-gpu.lock first"
    )
    parser.add_argument(
        "--no-proof", dest="proof", action="store_false", help="only measure; leave no bundle"
    )
    return parser.parse_args(arguments)


def _measured(command: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """Return what the prover says of the card, or why there is none; then each round."""
    try:
        done = subprocess.run(
            [*command, "--measure", str(rounds)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=MEASURE_SECONDS,
            check=False,
        )
    except OSError as missing:
        raise StackError(f"{command[0]} cannot be started: {missing}") from missing
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if not lines or (done.returncode and lines[0]["type"] != "error"):
        raise StackError(f"the prover ended with {done.returncode}; its words are above")
    return lines


def _require_exact(rounds: Sequence[Round]) -> None:
    if not all(figures["exact"] for figures in rounds):
        raise StackError("a whole product that the card kept is wrong: its times say nothing")


def _nothing(error: Mapping[str, str]) -> dict[str, Any]:
    """Say that nothing was measured, which is neither good nor bad news."""
    reason = f"{error['what']}: {error['why']}"
    print(f"Nothing was measured: {reason}. {error['remedy']}.")
    print(
        "On a machine with a GPU and the CUDA toolkit, run: ./market bench kernels --install",
        flush=True,
    )
    unknown = dict.fromkeys(("ours", "reference", "ratio", "spread"))
    return {"bench": "kernels", **unknown, "unit": UNIT, "n": 0, "reason": reason}


def _show_card(card: Mapping[str, Any]) -> None:
    gib = card["memory_bytes"] / 2**30
    print(
        f"{card['name']}, {gib:.1f} GiB, compute capability {card['compute_capability']},"
        f" driver {card['driver']}, {card['count']} in this machine"
    )
    print(f"the product is {card['product']}; {json.dumps(card['versions'])}")


def _row(number: int, figures: Round) -> str:
    vendor = _vendor_ms(figures)
    bare = "       none" if vendor is None else f"{vendor:8.3f} ms"
    return (
        f"  {number:2d}  fill and commitment {_ours_ms(figures):8.3f} ms a product   bare vendor product {bare}"
        f"   sweep {_sweep_rate(figures):7.0f} GB/s   copy {_copy_rate(figures):7.0f} GB/s"
    )


def _show_shares(rounds: Sequence[Round]) -> None:
    for text, share in (
        ("generation and hashing, of the fill", _hashing_share),
        ("packing to 16 bits, of the fill", _packing_share),
        ("sweep, of a copy's bytes a second", _sweep_of_copy),
    ):
        print(f"  median {text}: {statistics.median(map(share, rounds)):.1%}")


def _prove(command: Sequence[str], card: Mapping[str, Any]) -> None:
    """Prove every card of this machine at full size, and keep the bundle."""
    products = products_that_fill(card["memory_bytes"], n=FULL_N)
    sizes = Parameters(n=FULL_N, products=products)
    done = proof.prove(command, sizes, model=card["name"], count=card["count"])
    path = proof.save(done.bundle, open_state().folder / "bundles")
    for found in done.checks:
        print(f"  {found.status:<12}{found.id:<12}{found.measured}")
    failed = [found.id for found in done.checks if found.status == Status.FAIL]
    print(f"the bundle is {path}; check it with: ./market verify {path}", flush=True)
    if failed:
        raise StackError(f"the proof of this machine's own cards fails: {', '.join(failed)}")


def _outcome(rounds: Sequence[Round]) -> dict[str, Any]:
    """Compare with the vendor's product, where the card has one."""
    ours = [_ours_ms(figures) for figures in rounds]
    bare = [found for figures in rounds if (found := _vendor_ms(figures)) is not None]
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)] if bare else []
    return {
        "bench": "kernels",
        "ours": _median(ours),
        "reference": _median(bare),
        "ratio": _median(ratios),
        "unit": UNIT,
        "n": len(rounds),
        "spread": {
            "ours": _range(ours),
            "reference": _range(bare),
            "ratio": _range(ratios),
            "generation_and_hashing": _spread(_hashing_share, rounds),
            "packing": _spread(_packing_share, rounds),
            "sweep_of_copy": _spread(_sweep_of_copy, rounds),
        },
    }


def _ours_ms(figures: Round) -> float:
    return float(figures["fill_us"] + figures["commit_us"]) / 1000 / float(figures["products"])


def _vendor_ms(figures: Round) -> float | None:
    spent = figures["vendor_us"]
    return None if spent is None else float(spent) / 1000 / float(figures["products"])


def _hashing_share(figures: Round) -> float:
    return _share(figures, "generate_us", "commit_us")


def _packing_share(figures: Round) -> float:
    return _share(figures, "pack_us")


def _share(figures: Round, *parts: str) -> float:
    whole = figures["fill_us"] + figures["commit_us"]
    return float(sum(figures[part] for part in parts)) / float(whole)


def _sweep_rate(figures: Round) -> float:
    return float(figures["kept_bytes"]) / float(figures["sweep_us"]) / 1000


def _copy_rate(figures: Round) -> float:
    # A copy reads its bytes and writes them.
    return 2 * float(figures["kept_bytes"]) / float(figures["copy_us"]) / 1000


def _sweep_of_copy(figures: Round) -> float:
    return _sweep_rate(figures) / _copy_rate(figures)


def _spread(value: Callable[[Round], float], rounds: Sequence[Round]) -> list[float] | None:
    return _range([value(figures) for figures in rounds])


def _median(values: Sequence[float]) -> float | None:
    return round(statistics.median(values), 3) if values else None


def _range(values: Sequence[float]) -> list[float] | None:
    return [round(min(values), 3), round(max(values), 3)] if values else None
