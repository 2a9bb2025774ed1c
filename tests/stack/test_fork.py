"""A program of ours as a fork: what it is given, what it leaves behind, and how it ends."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lium_site.stack.kernel import reference
from lium_site.stack.paths import ROOT
from tests.stack.conftest import eventually

# A keeper of its own, because a test's process has threads; the console script is one that every Python has.
KEEPER = """
    import os, signal, sys, time
    from importlib.metadata import EntryPoint
    from pathlib import Path
    from lium_site.stack import fork
    from lium_site.stack.process import Child, Program, run_to_end

    def script():
        {script}

    class Script:
        load = staticmethod(lambda: script)

    fork.entry_points = lambda **_: [Script]
    folder = Path(sys.argv[1])
    kept = open(folder / "kept", "w")
    signal.signal(signal.SIGTERM, lambda *_: print("the keeper was told", flush=True))
    program = Program(
        name="told", command=["script", "--with", "words"], folder=folder,
        environment={{"ONLY": "this"}}, input=b"secret", forked=True,
    )
    child = Child(program, log_folder=folder)
    {keeper}
"""


def kept(folder: Path, *, script: str, keeper: str) -> "subprocess.Popen[str]":
    source = textwrap.dedent(KEEPER).format(script=script, keeper=textwrap.dedent(keeper))
    return subprocess.Popen(
        [sys.executable, "-c", source, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_finds_its_own_words_folder_environment_and_input_and_nothing_of_its_keeper(
    tmp_path: Path,
) -> None:
    script = (
        "print(sys.argv[1:], os.getcwd() == str(folder), dict(os.environ), sys.stdin.read(),"
        " os.getsid(0) == os.getpid(), len(os.listdir('/proc/self/fd')),"
        " signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)"
    )
    keeper = kept(tmp_path, script=script, keeper="print(child.process.wait(20))")

    assert keeper.communicate(timeout=30)[0] == "0\n"
    told = (tmp_path / "told.log").read_text()
    # Its three standard files, and the folder that it lists.
    assert told == "['--with', 'words'] True {'ONLY': 'this'} secret True 4 True\n"


@pytest.mark.parametrize(
    ("script", "status", "words"),
    [
        ("return 3", "3", ""),
        ("sys.exit(4)", "4", ""),
        ("sys.exit('the port is taken')", "1", "the port is taken"),
        ("raise ValueError('broken')", "1", "ValueError: broken"),
        ("import atexit; atexit.register(print, 'tidied')", "0", "tidied"),
    ],
)
def test_ends_as_a_program_does(tmp_path: Path, script: str, status: str, words: str) -> None:
    keeper = kept(tmp_path, script=script, keeper="print(child.process.wait(20))")

    assert keeper.communicate(timeout=30)[0].strip() == status
    assert words in (tmp_path / "told.log").read_text()


def test_is_stopped_by_its_signal(tmp_path: Path) -> None:
    told = "child.stop(); print(child.process.returncode)"
    waits = "print('here', flush=True); time.sleep(60)"
    keeper = kept(
        tmp_path,
        script=waits,
        keeper=f"while 'here' not in child.log.read_text(): time.sleep(0.01)\n{told}",
    )

    assert keeper.communicate(timeout=30)[0].strip() == str(-signal.SIGTERM)


def test_dies_with_its_keeper(tmp_path: Path) -> None:
    keeper = kept(
        tmp_path,
        script="time.sleep(60)",
        keeper="print(child.process.pid, flush=True); time.sleep(60)",
    )
    assert keeper.stdout is not None
    fork = reference(int(keeper.stdout.readline()))
    assert fork is not None

    os.kill(keeper.pid, signal.SIGKILL)
    keeper.communicate()

    assert eventually(lambda: not fork.is_alive())
