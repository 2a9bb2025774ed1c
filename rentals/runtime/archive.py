"""Archives whose bytes depend on nothing but their content."""

import tarfile
from io import BytesIO
from types import TracebackType
from typing import IO, Self

# Not 0: libnss_wrapper takes a file of that date for one that it has read already.
DATE = 1


class Archive:
    """A tar file being written; every entry belongs to root and has the same date unless copied."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._directories: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            self._tar.close()

    def directory(self, name: str, *, mode: int = 0o755) -> None:
        """Add a directory, once."""
        if name not in self._directories:
            self._directories.add(name)
            self._tar.addfile(_member(name, mode=mode, kind=tarfile.DIRTYPE))

    def file(self, name: str, data: bytes, *, mode: int = 0o644) -> None:
        """Add a file."""
        member = _member(name, mode=mode)
        member.size = len(data)
        self._tar.addfile(member, BytesIO(data))

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        member = _member(name, mode=0o777, kind=tarfile.SYMTYPE)
        member.linkname = target
        self._tar.addfile(member)

    def copy(self, member: tarfile.TarInfo, body: IO[bytes] | None) -> None:
        """Add an entry of another archive as it is; a directory only once."""
        if member.isdir():
            if member.name in self._directories:
                return
            self._directories.add(member.name)
        self._tar.addfile(member, body)


def plain_name(name: str) -> str:
    """Strip what tar puts around a path: `./usr/bin/` is `usr/bin`."""
    return name.removeprefix("./").strip("/").removeprefix(".")


def _member(name: str, *, mode: int, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mode, member.type, member.mtime = mode, kind, DATE
    return member
