"""The base image: a small Debian (or Ubuntu) made from packages, without any image registry.

The archive is what `dpkg --unpack` would leave; the machine's engine runs `dpkg --configure` in it
once, so that it is a real system in which apt and everything else works.
"""

import hashlib
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from rentals.runtime.archive import Archive, plain_name
from rentals.runtime.artifacts import REPOSITORY, BaseImage
from rentals.runtime.packages import Package, PackagesUnavailable, architecture

PACKAGES = (
    *("base-files", "base-passwd", "bash", "coreutils", "dash", "debianutils", "diffutils", "dpkg"),
    *("findutils", "grep", "gzip", "hostname", "init-system-helpers", "libc-bin", "login", "mawk"),
    *("ncurses-base", "ncurses-bin", "passwd", "perl-base", "sed", "tar", "util-linux"),
    *("apt", "bzip2", "ca-certificates", "curl", "iproute2", "iptables", "less", "nano", "netbase"),
    *("openssh-client", "openssh-sftp-server", "procps", "rsync", "vim-tiny"),
    # Renters have their GPUs proven in the pod: the prover needs Python with NumPy, and brings nothing but itself.
    *("python3", "python3-numpy"),
    *("xz-utils", "zstd", "usr-is-merged"),
)
MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
LINKED = ("bin", "lib", "lib64", "sbin")
UNWANTED = re.compile(
    r"usr/share/(?:man|info|locale|lintian|doc-base|bug|bash-completion)/.+"
    r"|usr/share/doc/.*/(?!copyright$)[^/]*"
)
MASTERS = {
    "usr/share/base-passwd/passwd.master": "etc/passwd",
    "usr/share/base-passwd/group.master": "etc/group",
}
SOURCES = {
    "debian": "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: {0} {0}-updates\n"
    "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n"
    "Types: deb\nURIs: http://deb.debian.org/debian-security\nSuites: {0}-security\n"
    "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
    "ubuntu": "Types: deb\nURIs: http://archive.ubuntu.com/ubuntu\n"
    "Suites: {0} {0}-updates {0}-security\nComponents: main universe\n"
    "Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n",
}


def build_base_image(packages: Sequence[Package], *, recipe: str, target: Path) -> BaseImage:
    """Make the image's archive in `target`; its name holds the packages' versions, hashed."""
    identity = "\n".join([recipe, *(package.identity for package in packages)])
    version = hashlib.sha256(identity.encode()).hexdigest()[:12]
    path = target / f"base-{version}.tar"
    part = path.with_suffix(".part")
    with part.open("wb") as stream, Archive(stream) as archive:
        _write(archive, packages)
    os.replace(part, path)
    return BaseImage(name=f"{REPOSITORY}:{version}", architecture=architecture(), archive=path)


def _write(archive: Archive, packages: Sequence[Package]) -> None:
    _skeleton(archive)
    statuses = [_add(archive, package) for package in packages]
    archive.file("var/lib/dpkg/status", "\n".join(statuses).encode())


def _skeleton(archive: Archive) -> None:
    archive.directory("usr")
    for name in LINKED:
        archive.directory(f"usr/{name}")
        archive.link(name, f"usr/{name}")
    for name in ("var", "var/lib", "var/lib/dpkg", "var/lib/dpkg/info", "var/lib/dpkg/updates"):
        archive.directory(name)
    archive.directory("workspace")
    archive.file("var/lib/dpkg/info/format", b"1\n")
    archive.file("var/lib/dpkg/available", b"")


def _add(archive: Archive, package: Package) -> str:
    """Add a package as unpacked and give its paragraph for dpkg's status file."""
    with package.control() as control:
        scripts = {plain_name(m.name): (_read(control, m), m.mode) for m in control if m.isfile()}
    paragraph = scripts.pop("control")[0].decode().rstrip("\n")
    info = f"var/lib/dpkg/info/{_info_name(paragraph)}"
    with package.contents() as contents:
        paths = list(_add_contents(archive, contents))
    archive.file(f"{info}.list", "".join(f"{path}\n" for path in ["/.", *paths]).encode())
    for name, (data, mode) in scripts.items():
        archive.file(f"{info}.{name}", data, mode=mode)
    first, _, rest = paragraph.partition("\n")
    return f"{first}\nStatus: install ok unpacked\n{rest}\n"


def _add_contents(archive: Archive, contents: tarfile.TarFile) -> Iterator[str]:
    for member in contents:
        path = plain_name(member.name)
        if not path:
            continue
        yield f"/{path}"
        member.name = _merged(path)
        if member.name in {f"usr/{name}" for name in MERGED} or UNWANTED.fullmatch(member.name):
            continue
        if member.islnk():
            member.linkname = _merged(plain_name(member.linkname))
        data = _read(contents, member) if member.isfile() else None
        archive.copy(member, None if data is None else BytesIO(data))
        if data is not None:
            _derive(archive, member.name, data)


def _derive(archive: Archive, name: str, data: bytes) -> None:
    """Write what only a maintainer script for a first installation would."""
    if name in MASTERS:
        archive.file(MASTERS[name], data)
    elif name == "usr/lib/os-release":
        facts = dict(line.split("=", 1) for line in data.decode().splitlines() if "=" in line)
        template = SOURCES.get(facts.get("ID", ""))
        if template:
            sources = template.format(facts["VERSION_CODENAME"])
            archive.file("etc/apt/sources.list.d/system.sources", sources.encode())


def _merged(path: str) -> str:
    """Move /bin, /lib and the like below /usr, where every current system has them."""
    return f"usr/{path}" if path.split("/", 1)[0] in MERGED else path


def _info_name(paragraph: str) -> str:
    fields = dict(re.findall(r"^(Package|Architecture|Multi-Arch): (.*)$", paragraph, re.MULTILINE))
    shared = fields.get("Multi-Arch") == "same"
    return f"{fields['Package']}:{fields['Architecture']}" if shared else fields["Package"]


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    body = archive.extractfile(member)
    if body is None:
        raise PackagesUnavailable(f"{member.name} in a package cannot be read.")
    return body.read()
