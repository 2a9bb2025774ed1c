"""`./market test`: an empty database and broker, an engine where one can be had, and pytest."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from lium_site.stack import machine, packages, services
from lium_site.stack.application import base_environment
from lium_site.stack.console import StackError, say
from lium_site.stack.paths import ROOT, open_state, private_folder

SETTINGS = "lium_site.settings.test"
# Builds the kernels for this machine's CPU.
COMPILER = "g++"
# Much of the time goes on waiting for machines, hence more workers than two cores; what shares a machine or a market
# stays on one of them (tests/conftest.py).
WORKERS = max(4, os.cpu_count() or 1)
IN_PARALLEL = ("--numprocesses", str(WORKERS), "--dist", "loadgroup", "--no-loadscope-reorder")


def run(arguments: Sequence[str]) -> int:
    """Run the tests and return pytest's exit status."""
    try:
        machine.ensure_programs(install=True)
    except StackError as reason:
        say(f"tests that need an engine or sshd will be skipped: {reason}")
    if packages.find(COMPILER) is None:
        say(f"tests that run the CUDA kernels will be skipped: install {COMPILER}")
    status = 1
    with services.throwaway() as addresses:
        environment = {
            **base_environment(),
            **addresses,
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            # The base image is built once a checkout, and takes longer than most of the suite.
            "MARKET_RUNTIME_CACHE": str(private_folder(open_state().folder / "runtime")),
        }
        if "DATABASE_URL" not in os.environ:
            environment |= _with_template(environment)
        status = in_foreground(
            [sys.executable, "-m", "pytest", *_parallel(arguments), *arguments], environment
        )
    return status


def _with_template(environment: Mapping[str, str]) -> dict[str, str]:
    """Migrate our own empty database once: the tests of every worker begin with a copy of it."""
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=dict(environment), check=True)
    return {"MARKET_TEST_TEMPLATE": "yes"}


def _parallel(arguments: Sequence[str]) -> Sequence[str]:
    """Use all cores for the whole suite; a file or two is faster without workers."""
    named = any(not argument.startswith("-") for argument in arguments)
    return () if named else IN_PARALLEL


def in_foreground(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program that owns the terminal: Ctrl-C is its to handle, not ours."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(command, cwd=ROOT, env=dict(environment), check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
