"""A child is started with its log, and ends with everything below it."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lium_site.stack.console import StackError
from lium_site.stack.kernel import reference
from lium_site.stack.process import Child, Program, run_to_end, wait_until_ready
from tests.stack.conftest import eventually

Describe = Callable[..., Program]


def test_output_goes_to_a_log_and_the_last_one_is_kept(program: Describe, tmp_path: Path) -> None:
    run_to_end(program("print('first')"), log_folder=tmp_path)
    run_to_end(program("print('second')"), log_folder=tmp_path)

    assert (tmp_path / "program.log").read_text() == "second\n"
    assert (tmp_path / "program.log.1").read_text() == "first\n"


def test_input_is_read_to_its_end(program: Describe, tmp_path: Path) -> None:
    echo = "import sys; print(sys.stdin.read().upper())"

    run_to_end(program(echo, input=b"secret"), log_folder=tmp_path)

    assert (tmp_path / "program.log").read_text() == "SECRET\n"


def test_failure_shows_the_end_of_the_log(program: Describe, tmp_path: Path) -> None:
    broken = program("print('one'); raise SystemExit('no such table')", name="migrate")

    with pytest.raises(StackError) as caught:
        run_to_end(broken, log_folder=tmp_path)

    assert "migrate ended with status 1" in str(caught.value)
    assert "no such table" in str(caught.value)


def test_full_disk_is_called_by_its_name(program: Describe, tmp_path: Path) -> None:
    broken = program("raise OSError(28, 'No space left on device')")

    with pytest.raises(StackError, match="the disk is full: free some space"):
        run_to_end(broken, log_folder=tmp_path)


def test_stop_ends_grandchildren_in_sessions_of_their_own(
    program: Describe, tmp_path: Path
) -> None:
    source = """
        import subprocess, sys, time
        below = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        print(below.pid, flush=True)
        time.sleep(600)
    """
    child = Child(program(source), log_folder=tmp_path)
    assert eventually(lambda: child.log.read_text().endswith("\n"))
    below = reference(int(child.log.read_text()))
    assert below is not None

    child.stop()

    assert not child.is_running()
    assert eventually(lambda: not below.is_alive())


def test_stop_kills_what_does_not_listen(program: Describe, tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    child = Child(program(deaf, grace_seconds=0.2), log_folder=tmp_path)
    assert eventually(lambda: child.log.read_text() == "deaf\n")

    child.stop()

    assert child.process.returncode == -signal.SIGKILL


def test_waiting_for_a_program_that_ends_tells_why(program: Describe, tmp_path: Path) -> None:
    child = Child(program("raise SystemExit('address in use')"), log_folder=tmp_path)

    with pytest.raises(StackError, match="address in use"):
        wait_until_ready(child, probe=["false"], within_seconds=5)


def test_waiting_has_an_end(program: Describe, tmp_path: Path) -> None:
    child = Child(program("import time; time.sleep(600)"), log_folder=tmp_path)

    with pytest.raises(StackError, match="did not answer within"):
        wait_until_ready(child, probe=["false"], within_seconds=0.1)
    child.stop()


def test_reference_does_not_mistake_a_new_process_for_the_old() -> None:
    own = reference(os.getpid())
    assert own is not None
    assert own.is_alive()
    assert not type(own)(own.pid, "0").is_alive()
