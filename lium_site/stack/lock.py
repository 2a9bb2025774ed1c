"""`./market lock`: pin every package of pyproject.toml by hash, with no host and no path in the file."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from lium_site.stack.console import StackError, say
from lium_site.stack.paths import ROOT

LOCK = ROOT / "requirements.lock"
GPU_LOCK = ROOT / "requirements-gpu.lock"
INSTALLER_LOCK = ROOT / "lium_site" / "stack" / "installer.lock"
INSTALLER = "uv==0.13.8"
QUIET_ABOUT_SOURCES = ("--no-annotate", "--no-emit-index-url", "--no-emit-find-links")


def run() -> int:
    """Write requirements.lock anew, the lock of what a prover on a real card needs, and that of the installer itself.

    :raises StackError: if resolving fails, or a host or path got into a file.
    """
    _compile("pyproject.toml", LOCK, "--extra", "dev")
    _compile("-", GPU_LOCK, data="\n".join(_extra("gpu")))
    _compile("-", INSTALLER_LOCK, data=INSTALLER)
    for file in (LOCK, GPU_LOCK, INSTALLER_LOCK):
        _ensure_portable(file)
    say("the next ./market command installs what changed")
    return 0


def _extra(name: str) -> Sequence[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return list(project["optional-dependencies"][name])


def _compile(source: str, target: Path, *options: str, data: str = "") -> None:
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        raise StackError(f"{uv} is missing. Remove .venv and run ./market lock again")
    command: list[str | Path] = [
        uv,
        "pip",
        "compile",
        source,
        *options,
        "--universal",
        "--generate-hashes",
    ]
    command += [*QUIET_ABOUT_SOURCES, "--custom-compile-command", "./market lock", "-o", target]
    if subprocess.run(
        command, cwd=ROOT, input=data, text=True, stdout=subprocess.DEVNULL, check=False
    ).returncode:
        raise StackError(f"uv could not resolve {source}; its words are above")


def _ensure_portable(file: Path) -> None:
    found = re.search(r"https?://|file:|^--", file.read_text(), re.MULTILINE)
    if found:
        raise StackError(
            f"{file.name} names a place ({found.group()}): it would not install elsewhere"
        )
