"""Where a checkout keeps its state, and who may read it."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from lium_site.stack.console import StackError

ROOT = Path(__file__).resolve().parents[2]

# A unix socket's path must stay below 104 bytes (macOS; Linux allows 108), and the longest name that we add has 20.
LONGEST_RUN_FOLDER = 80
NEEDED_BYTES = 1 << 30


@dataclass(frozen=True)
class State:
    """The folder of one market, `.market` unless MARKET_STATE names another."""

    folder: Path

    @property
    def logs(self) -> Path:
        """Return the folder with one log file a process."""
        return private_folder(self.folder / "log")

    @property
    def run(self) -> Path:
        """Return the folder for sockets, in the temporary directory where the state's own path is too long for one."""
        folder = self.folder / "run"
        if len(os.fsencode(folder)) > LONGEST_RUN_FOLDER:
            folder = temporary_home(self.folder)
        return private_folder(folder)

    @property
    def node(self) -> Path:
        """Return the folder that the local machine uses as a miner's machine would."""
        return private_folder(self.folder / "node")

    @property
    def instance(self) -> str:
        """Return this market's id, which labels its containers; made once."""
        file = self.folder / "instance"
        if not file.exists():
            write_private(file, uuid4().hex[:12])
        return file.read_text().strip()


def open_state() -> State:
    """Return the state folder, made where it is missing.

    :raises StackError: if it belongs to someone else or the disk is nearly full.
    """
    state = State(Path(os.environ.get("MARKET_STATE") or ROOT / ".market").absolute())
    private_folder(state.folder)
    free = shutil.disk_usage(state.folder).free
    if free < NEEDED_BYTES:
        raise StackError(
            f"the disk that holds {state.folder} is full: {free >> 20} MiB are free and {NEEDED_BYTES >> 20} MiB are "
            "needed. Free some space, or set MARKET_STATE to a folder on another disk."
        )
    return state


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner can enter, or check that it is ours.

    :raises StackError: if it belongs to someone else or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)
            return folder
    except OSError as error:
        raise StackError(
            f"cannot use {folder}: {error.strerror}. Set MARKET_STATE to a folder of your own."
        ) from error
    raise StackError(
        f"{folder} belongs to user id {folder.stat().st_uid} and you are {os.geteuid()}. Run as that user, remove the "
        "folder, or set MARKET_STATE to a folder of your own."
    )


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = file.with_name(file.name + ".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
    draft.replace(file)


def temporary_home(folder: Path, *, root: str | None = None) -> Path:
    """Name a short folder outside the checkout that belongs to this user and state folder alone."""
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]
    base = root or os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"market-{os.geteuid()}-{digest}"
