"""Recompute published scores anywhere: `python -m validation.scoring --from URL --at BLOCK`, or from what was downloaded.

Exits 0 where the result, and the vector that was sent, are the published ones (or none was given to compare with),
1 where they differ, 2 where there is nothing that can be read.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from validation.scoring import published, setting
from validation.scoring.counting import Counting, wrong_bundles
from validation.scoring.data import Data, NotData, decode
from validation.scoring.published import Source
from validation.scoring.report import as_json, lines
from validation.scoring.weights import Result, weigh
from validation.verifier.chain import ChainError, RpcChain
from validation.verifier.command import printable

SAME, DIFFERENT, UNREADABLE = 0, 1, 2
COMPARED: Final = ("data_sha256", "uids", "weights")
EPILOG: Final = "Exit status: 0 the same as published, 1 it differs, 2 nothing can be read."


def main(arguments: list[str]) -> int:
    """Recompute and print; give the exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        source = _source(chosen)
        data = decode(source.data())
        result = weigh(data)
        for line in [json.dumps(as_json(data, result))] if chosen.json else lines(data, result):
            print(printable(line))
        status = max(_compared(as_json(data, result), source.result()), _set(data, result, source))
        if chosen.bundles or isinstance(source, published.Folder):
            status = max(status, _counted(data, source, chosen.chain))
        if chosen.save:
            _say(f"{published.save(source, data, chosen.save)} bundles saved in {chosen.save}")
    except (NotData, ChainError, OSError, ValueError) as error:
        _say(f"scores: {error}")
        return UNREADABLE
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scores", description="Recompute published scores.", epilog=EPILOG
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "file", nargs="?", type=Path, help="data as downloaded, or a folder that --save filled"
    )
    source.add_argument("--from", dest="url", help="a market's address; its result is compared")
    parser.add_argument("--at", default="latest", help="a block, or latest (default)")
    parser.add_argument(
        "--bundles", action="store_true", help="verify and count every bundle, too; a folder always"
    )
    parser.add_argument(
        "--chain", metavar="URL", help="a Substrate node that knows the beacons of bundles"
    )
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="download all of it to there")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _source(chosen: argparse.Namespace) -> Source:
    if chosen.url:
        return published.Market(chosen.url, at=chosen.at)
    if chosen.file.is_dir():
        return published.Folder(chosen.file)
    if chosen.bundles or chosen.save:
        raise NotData("--bundles and --save need --from: a file says nothing of where bundles are.")
    return published.File(chosen.file)


def _compared(computed: Mapping[str, Any], told: Mapping[str, Any] | None) -> int:
    if told is None:
        return SAME
    differing = [name for name in COMPARED if computed[name] != told.get(name)]
    if differing:
        _say(f"scores: {', '.join(differing)} differ from what was published")
        return DIFFERENT
    _say("the same as published")
    return SAME


def _set(data: Data, result: Result, source: Source) -> int:
    """Say what was set on chain, and whether it is what the data come to."""
    if (told := source.result()) is None:
        return SAME
    sent = setting.read_sent(told)
    _say(setting.words(sent))
    wrong = list(setting.differences(data, result, sent)) if sent else []
    for line in wrong:
        _say(f"scores: {line}")
    if sent and sent.vector.uids and not wrong:
        _say("the vector that was sent is the one that follows from the data")
    return DIFFERENT if wrong else SAME


def _counted(data: Data, source: Source, node: str | None) -> int:
    """Verify every bundle that the data count."""
    told = source.result() or {}
    sent = setting.read_sent(told)
    counting = Counting(
        fetch=source.bundle,
        signer=sent.hotkey if sent else None,
        chain=RpcChain(node) if node else None,
        simulated=told.get("simulated") is True,
    )
    wrong = list(wrong_bundles(data, counting))
    for line in wrong:
        _say(f"scores: {line}")
    bundles = sum(len(machine.bundles) for machine in data.machines)
    _say(f"{bundles} bundles verified, {_held_against(counting)}: {len(wrong)} complaints")
    return DIFFERENT if wrong else SAME


def _held_against(counting: Counting) -> str:
    """Say what bundles were compared with, and what not for want of it."""
    signer = f"signer {counting.signer}" if counting.signer else "signer not checked"
    beacons = (
        "beacons looked up" if counting.chain else "beacons not checked: name a node, --chain URL"
    )
    return f"{'SIMULATED chain, ' if counting.simulated else ''}{signer}, {beacons}"


def _say(line: str) -> None:
    print(printable(line), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
