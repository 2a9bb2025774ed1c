"""The verifier as one file, away from any checkout."""

import os
import subprocess
import sys
from pathlib import Path

from tests.validation.sessions import Session, TimedCard, sealed
from validation.proof.parameters import Parameters
from validation.verifier import verifying
from validation.verifier.build import build


def test_one_file_verifies_without_a_checkout(tmp_path):
    program, bundle = tmp_path / "lium-verify.pyz", tmp_path / "a.bundle.json"
    build(program)
    sizes = Parameters(n=64, products=1, sweeps=1, openings=2)
    bundle.write_bytes(sealed(Session(cards=[TimedCard("GPU-0")], sizes=sizes).run()))
    command = [sys.executable, "-I", program, bundle]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("verdict: pass\n")
    bundle.write_bytes(b"no")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")


def test_the_same_sources_give_the_same_bytes(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    build(first)
    source = Path(verifying.__file__)
    was = source.stat()
    os.utime(source, (was.st_atime, was.st_mtime + 3_600))
    try:
        build(second)
    finally:
        os.utime(source, (was.st_atime, was.st_mtime))
    assert first.read_bytes() == second.read_bytes()
