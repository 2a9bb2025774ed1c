"""Where published scores are read from: a market, a folder that `save` filled from one, or one file of data."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from validation.proof.hashing import is_hex_digest
from validation.scoring.data import MOST_BYTES, Data, NotData

SECONDS: Final = 30
RESULT, DATA, BUNDLES = "result.json", "data.json", "bundles"


class Source(Protocol):
    """What was published at one block."""

    has_bundles: bool

    def data(self) -> bytes:
        """Give the data, byte for byte.

        :raises NotData, OSError: there is none.
        """

    def result(self) -> dict[str, Any] | None:
        """Give the result that was published beside the data; None where only the data is at hand."""

    def bundle(self, digest: str) -> bytes:
        """Give the bytes of a bundle by its SHA-256.

        :raises NotData, OSError: there is none.
        """


class Market:
    """A market's public addresses."""

    has_bundles = True

    def __init__(self, url: str, *, at: str) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise NotData(f"{url} is no address of a market: it begins with http:// or https://.")
        self._api = f"{url.rstrip('/')}/api"
        self._result = _object(_fetch(f"{self._api}/scores/{at}"))
        if type(self._result.get("block")) is not int:
            raise NotData(f"{url} does not tell the scores of a block.")

    def data(self) -> bytes:
        """Give the data, byte for byte."""
        return _fetch(f"{self._api}/scores/{self._result['block']}/data")

    def result(self) -> dict[str, Any] | None:
        """Give the result that was published beside the data."""
        return self._result

    def bundle(self, digest: str) -> bytes:
        """Give the bytes of a bundle by its SHA-256."""
        return _fetch(f"{self._api}/bundles/{digest}")


class Folder:
    """What `save` wrote; nothing else is asked."""

    has_bundles = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def data(self) -> bytes:
        """Give the data, byte for byte."""
        return _read(self._path / DATA)

    def result(self) -> dict[str, Any] | None:
        """Give the result that was published beside the data."""
        return _object(_read(self._path / RESULT))

    def bundle(self, digest: str) -> bytes:
        """Give the bytes of a bundle by its SHA-256."""
        return _read(_place(self._path, digest))


class File:
    """The data alone, as it was downloaded."""

    has_bundles = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def data(self) -> bytes:
        """Give the data, byte for byte."""
        return _read(self._path)

    def result(self) -> dict[str, Any] | None:
        """Give None: nothing is there to compare with."""
        return None

    def bundle(self, digest: str) -> bytes:
        """Refuse: a file has none."""
        raise NotData("A file of data has no bundles; a market has, and a folder saved from one.")


def save(source: Source, data: Data, folder: Path) -> int:
    """Write all that scores of a block follow from to a folder; give the number of bundles.

    :raises NotData, OSError: something cannot be had, or written.
    """
    (folder / BUNDLES).mkdir(parents=True, exist_ok=True)
    (folder / DATA).write_bytes(source.data())
    (folder / RESULT).write_text(json.dumps(source.result()))
    digests = {digest for machine in data.machines for digest in machine.bundles}
    for digest in sorted(digests):
        _place(folder, digest).write_bytes(source.bundle(digest))
    return len(digests)


def _place(folder: Path, digest: str) -> Path:
    if not is_hex_digest(digest):
        raise NotData(f"{digest[:80]!r} is no SHA-256.")
    return folder / BUNDLES / f"{digest}.json"


def _fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310
            return bytes(answer.read(MOST_BYTES + 1))
    except urllib.error.HTTPError as error:
        raise NotData(f"{url} answered {error.code}: nothing is published there.") from error


def _read(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(MOST_BYTES + 1)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise NotData(f"Not the result that is published beside data: {error}") from error
    if not isinstance(told, dict):
        raise NotData("Not the result that is published beside data: it is no object.")
    return told
