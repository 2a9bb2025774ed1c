"""The SSH server that runs in any image: binaries with their own loader under one prefix."""

import gzip
import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from importlib.resources import files
from io import BytesIO
from pathlib import Path

from rentals.runtime.archive import Archive, plain_name
from rentals.runtime.artifacts import RuntimeBundle
from rentals.runtime.packages import Package, PackagesUnavailable, architecture

PACKAGES = ("openssh-server", "libnss-wrapper", "rsync", "busybox-static", "usr-is-merged")
# Whose files we take; the rest of the closure only satisfies apt.
PROGRAMS = {"sshd": "usr/sbin/sshd", "rsync": "usr/bin/rsync"}
BUSYBOX = ("usr/bin/busybox", "bin/busybox")
NSS_WRAPPER = "libnss_wrapper.so"
SCRIPTS = {
    "init": "init",
    "shell": "shell",
    "which-shell": "bin/which-shell",
    "sshd": "bin/sshd",
    "rsync": "tools/rsync",
}
SETTINGS = ("sshd_config", "passwd", "group", "shadow")
DIRECTORIES = ("bin", "etc", "lib", "pod", "run", "tools")
_RESOLVED = re.compile(r"^\s*(?P<soname>[^/\s]\S*) => (?P<path>/\S+) ", re.MULTILINE)


def build_bundle(packages: Sequence[Package], *, work: Path, target: Path) -> RuntimeBundle:
    """Make the bundle in `target` from unpacked packages.

    :raises PackagesUnavailable: when a part is not in the packages.
    """
    tree = work / "tree"
    for package in packages:
        _unpack(package, tree)
    data = gzip.compress(_archive(tree), compresslevel=6, mtime=0)
    version = hashlib.sha256(data).hexdigest()[:16]
    path = target / f"runtime-{version}.tar.gz"
    part = path.with_suffix(".part")
    part.write_bytes(data)
    os.replace(part, path)
    return RuntimeBundle(version=version, architecture=architecture(), archive=path)


def _unpack(package: Package, tree: Path) -> None:
    wanted = re.compile(r"(usr/)?(lib(64)?/.*\.so[.0-9]*|s?bin/(sshd|rsync|busybox))")
    with package.contents() as archive:
        members = [
            member
            for member in archive
            if (member.isfile() or member.issym()) and wanted.fullmatch(plain_name(member.name))
        ]
        archive.extractall(tree, members=members, filter="tar")


def _archive(tree: Path) -> bytes:
    stream = BytesIO()
    sources = files("rentals.runtime") / "files"
    with Archive(stream) as archive:
        for name in DIRECTORIES:
            archive.directory(name)
        for source, name in SCRIPTS.items():
            archive.file(name, (sources / source).read_bytes(), mode=0o755)
        for name in SETTINGS:
            archive.file(f"etc/{name}", (sources / name).read_bytes())
        archive.file("bin/busybox", _first(tree, BUSYBOX).read_bytes(), mode=0o755)
        archive.link("bin/sh", "busybox")
        for name, path in sorted(_binaries(tree)):
            archive.file(f"lib/{name}", path.read_bytes(), mode=0o755)
    return stream.getvalue()


def _binaries(tree: Path) -> set[tuple[str, Path]]:
    loader = _only(tree, "ld-linux*.so.*")
    programs = {name: _first(tree, (path,)) for name, path in PROGRAMS.items()}
    programs[NSS_WRAPPER] = _only(tree, NSS_WRAPPER)
    found = {("ld.so", loader), *programs.items()}
    for path in programs.values():
        found.update(_libraries(loader, path, tree))
    return found


def _libraries(loader: Path, program: Path, tree: Path) -> Iterator[tuple[str, Path]]:
    """Ask the packaged loader which packaged libraries a program needs."""
    places = sorted({str(path.parent) for path in tree.rglob("*.so.*")})
    argv = [str(loader), "--inhibit-cache", "--library-path", ":".join(places), "--list"]
    done = subprocess.run([*argv, str(program)], check=True, capture_output=True, timeout=30)  # noqa: S603
    for match in _RESOLVED.finditer(done.stdout.decode()):
        path = Path(match["path"]).resolve()
        if not path.is_relative_to(tree.resolve()):
            raise PackagesUnavailable(f"{match['soname']} is not among the packages.")
        yield match["soname"], path


def _only(tree: Path, pattern: str) -> Path:
    # Links are skipped: an absolute one would lead out of the tree.
    found = [path for path in tree.rglob(pattern) if path.is_file() and not path.is_symlink()]
    if len(found) != 1:
        raise PackagesUnavailable(f"Expected one {pattern} in the packages, found {len(found)}.")
    return found[0]


def _first(tree: Path, names: Sequence[str]) -> Path:
    for name in names:
        if (tree / name).exists():
            return tree / name
    raise PackagesUnavailable(f"None of {', '.join(names)} is in the packages.")
