"""The published client, unmodified, as a program of its own: arguments, environment, folder, output and exit status.

Python needs longer to import what the client needs than the client for most of its commands. So one process imports
that once, and is forked for each command, which then reads the client itself anew: in a home of its own.
"""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

LIUM = Path(sys.executable).with_name("lium")
PATIENCE_SECONDS = 120.0

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.lium_imports"])


def run_lium(
    *arguments: str,
    env: Mapping[str, str],
    cwd: Path,
    text: str = "",
    timeout: float = PATIENCE_SECONDS,
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end; the environment is all that it gets, and `text` is what is typed.

    :raises subprocess.TimeoutExpired: it did not end, and was ended.
    """
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        streams[0].write_text(text)
        process = _FORKS.Process(target=_become, args=(arguments, dict(env), cwd, streams))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired([LIUM, *arguments], timeout)
        _, out, err = (stream.read_text() for stream in streams)
        return subprocess.CompletedProcess([LIUM, *arguments], process.exitcode, out, err)


def _become(
    arguments: Sequence[str], environment: dict[str, str], cwd: Path, streams: Sequence[Path]
) -> None:
    for number, stream in enumerate(streams):
        os.dup2(os.open(stream, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT), number)
    sys.stdin = os.fdopen(0, closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = [str(LIUM), *arguments]
    try:
        runpy.run_path(str(LIUM), run_name="__main__")
    finally:
        # A forked process would leave these out; the client removes its pods there.
        atexit._run_exitfuncs()
