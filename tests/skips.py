"""What CI may leave out: only what no ordinary machine can have, named in the skip's own reason."""

import os
from typing import Final, TypeVar

import pytest

ALLOWED_IN_CI: Final = ("chain-spec", "GPU")
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def judged(report: Report) -> Report:
    """Give a report as it counts here: in CI a skip for any other reason is a failure."""
    if not os.environ.get("CI") or not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = _reason(report)
    if not reason.startswith(ALLOWED_IN_CI):
        report.outcome = "failed"
        report.longrepr = f"CI must be able to run this: {reason}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return told.removeprefix("Skipped: ")
