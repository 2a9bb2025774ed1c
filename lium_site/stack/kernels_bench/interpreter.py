"""The Python that the prover runs under: the market's own has no PyCUDA, which needs CUDA's headers to build."""

import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

from lium_site.stack.console import StackError, say
from lium_site.stack.lock import GPU_LOCK
from lium_site.stack.paths import open_state

FOLDER: Final = "prover"
INSTALL_SECONDS: Final = 1800


def chosen(*, python: str | None, install: bool) -> str:
    """Return the interpreter that was named, or the one that was installed, or the market's own.

    :raises StackError: if it could not be installed.
    """
    if python:
        return python
    ours = open_state().folder / FOLDER / "bin" / "python"
    if install:
        _install(ours.parent.parent)
    return str(ours) if ours.exists() else sys.executable


def _install(folder: Path) -> None:
    """Make an environment with exactly what requirements-gpu.lock names."""
    say(f"installing PyCUDA and NumPy in {folder} (about two minutes: PyCUDA is compiled)")
    venv.create(folder, with_pip=True, clear=True)
    pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes")
    done = subprocess.run(
        [*pip, "-r", str(GPU_LOCK)], stdout=sys.stderr, timeout=INSTALL_SECONDS, check=False
    )
    if done.returncode:
        raise StackError(
            "PyCUDA could not be installed; the lines above say why. It needs cuda.h and a C++ compiler: "
            "use an image with the CUDA toolkit, such as nvidia/cuda's devel images"
        )
