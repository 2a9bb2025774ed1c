"""The whole journey on the real runtime with kills at random moments; MARKET_JOURNEY_SEED and MARKET_JOURNEY_KILLS set it."""

import os
import subprocess
import sys

import pytest

from lium_site.stack.paths import ROOT
from tests.billing.chain import runtime

KILLS = os.environ.get("MARKET_JOURNEY_KILLS", "6")
SECONDS = 900


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.engine
def test_nothing_is_lost_or_doubled() -> None:
    if reason := runtime.why_not():
        pytest.skip(reason)
    command = [sys.executable, "-m", "tests.journeys.real_chain", "--kills", KILLS]
    if seed := os.environ.get("MARKET_JOURNEY_SEED"):
        command += ["--seed", seed]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)

    assert done.returncode == 0, done.stdout + done.stderr
