"""Recompute published scores anywhere: `python -m validation.scoring --from URL --at BLOCK`, or with a file.

Exits 0 where the result is the published one (or none was given to compare with), 1 where it differs, 2 where there is
nothing that can be read.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from validation.scoring.counting import wrong_bundles
from validation.scoring.data import MOST_BYTES, Data, NotData, decode
from validation.scoring.report import as_json, lines
from validation.scoring.weights import weigh

SECONDS: Final = 30
SAME, DIFFERENT, UNREADABLE = 0, 1, 2
COMPARED: Final = ("data_sha256", "uids", "weights")


def main(arguments: list[str]) -> int:
    """Recompute and print; give the exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        raw, published = _read(chosen)
        data = decode(raw)
    except (NotData, OSError, ValueError) as error:
        print(f"scores: {error}", file=sys.stderr)
        return UNREADABLE
    result = weigh(data)
    print(json.dumps(as_json(data, result)) if chosen.json else "\n".join(lines(data, result)))
    status = _compared(as_json(data, result), published)
    return max(status, _counted(data, chosen.url)) if chosen.bundles else status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scores", description="Recompute published scores.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", type=Path, help="published data, as it was downloaded")
    source.add_argument("--from", dest="url", help="a market's address; its result is compared")
    parser.add_argument("--at", default="latest", help="a block, or latest (default)")
    parser.add_argument(
        "--bundles", action="store_true", help="with --from: verify and count every bundle, too"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _read(chosen: argparse.Namespace) -> tuple[bytes, Any]:
    if chosen.file:
        if chosen.bundles:
            raise NotData("--bundles needs --from: a file says nothing of where bundles are.")
        return chosen.file.read_bytes()[: MOST_BYTES + 1], None
    if urlsplit(chosen.url).scheme not in {"http", "https"}:
        raise NotData(f"{chosen.url} is no address of a market: http://… or https://…")
    address = f"{chosen.url.rstrip('/')}/api/scores"
    published = json.loads(_fetch(f"{address}/{chosen.at}"))
    return _fetch(f"{address}/{published['block']}/data"), published


def _fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310
            return bytes(answer.read(MOST_BYTES + 1))
    except urllib.error.HTTPError as error:
        raise NotData(f"{url} answered {error.code}: nothing is published there.") from error


def _counted(data: Data, url: str) -> int:
    """Fetch and verify every bundle that the data count."""
    try:
        wrong = list(
            wrong_bundles(data, lambda digest: _fetch(f"{url.rstrip('/')}/api/bundles/{digest}"))
        )
    except (NotData, OSError) as error:
        print(f"scores: {error}", file=sys.stderr)
        return UNREADABLE
    for line in wrong:
        print(f"scores: {line}", file=sys.stderr)
    bundles = sum(len(machine.bundles) for machine in data.machines)
    print(f"{bundles} bundles verified, {len(wrong)} complaints", file=sys.stderr)
    return DIFFERENT if wrong else SAME


def _compared(computed: Any, published: Any) -> int:
    if published is None:
        return SAME
    differing = [name for name in COMPARED if computed[name] != published.get(name)]
    if differing:
        print(f"scores: {', '.join(differing)} differ from what was published", file=sys.stderr)
        return DIFFERENT
    print("the same as published", file=sys.stderr)
    return SAME


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
