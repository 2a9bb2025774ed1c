"""Debian packages with all that they depend on, fetched and checked by apt, installed nowhere."""

import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

UPDATE_SECONDS = 300
DOWNLOAD_SECONDS = 900
UNPACK_SECONDS = 120


class PackagesUnavailable(Exception):
    """apt could not provide the packages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One .deb file."""

    file: Path

    @property
    def identity(self) -> str:
        """Give name, version and architecture, as apt writes them."""
        return self.file.stem

    @contextmanager
    def contents(self) -> Iterator[tarfile.TarFile]:
        """Open the files that the package installs."""
        with tarfile.open(fileobj=BytesIO(_deb("--fsys-tarfile", self.file))) as archive:
            yield archive

    @contextmanager
    def control(self) -> Iterator[tarfile.TarFile]:
        """Open the package's description and maintainer scripts."""
        with tarfile.open(fileobj=BytesIO(_deb("--ctrl-tarfile", self.file))) as archive:
            yield archive


def architecture() -> str:
    """Name this computer's architecture as Debian does.

    :raises PackagesUnavailable: when it is not a Debian or a relative of it.
    """
    return _run(["dpkg", "--print-architecture"], seconds=10).decode().strip()


class Apt:
    """An apt of our own: its lists, its downloads, and a system on which nothing is installed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (directory / "state" / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (directory / "status").touch()
        self._get(directory / "cache", "update", seconds=UPDATE_SECONDS)

    def download(self, names: Sequence[str], *, into: Path) -> tuple[Package, ...]:
        """Fetch packages and all that they depend on; needs no privileges.

        :raises PackagesUnavailable: saying what apt said.
        """
        install = ["install", "--yes", "--no-install-recommends", "--download-only", *names]
        self._get(into, *install, seconds=DOWNLOAD_SECONDS)
        return tuple(Package(file=file) for file in sorted((into / "archives").glob("*.deb")))

    def _get(self, cache: Path, *arguments: str, seconds: int) -> None:
        (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        options = {
            "Dir::State": self._directory / "state",
            "Dir::State::status": self._directory / "status",
            "Dir::Cache": cache,
            "Debug::NoLocking": "true",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        chosen = (f"-o{name}={value}" for name, value in options.items())
        _run(["apt-get", "-q", *chosen, *arguments], seconds=seconds)


def _deb(action: str, file: Path) -> bytes:
    return _run(["dpkg-deb", action, str(file)], seconds=UNPACK_SECONDS)


def _run(argv: list[str], *, seconds: int) -> bytes:
    try:
        done = subprocess.run(argv, check=True, capture_output=True, timeout=seconds)  # noqa: S603  # fixed
    except FileNotFoundError as error:
        raise PackagesUnavailable(
            f"{argv[0]} is missing: the pods' runtime is built on Debian, Ubuntu or a relative."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise PackagesUnavailable(f"{argv[0]} did not finish within {seconds} seconds.") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip()[-600:]
        raise PackagesUnavailable(f"{argv[0]} failed: {said}") from error
    return done.stdout
