"""A skip that nobody allowed must not pass for green in CI."""

from pathlib import Path

import pytest

from tests.skips import judged


def skipped(reason: str) -> pytest.CollectReport:
    return pytest.CollectReport(
        "test", "skipped", (str(Path(__file__)), 1, f"Skipped: {reason}"), []
    )


@pytest.fixture
def in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")


def test_what_is_missing_fails_in_ci_and_says_what(in_ci: None) -> None:
    report = judged(skipped("rsync is not installed here"))

    assert report.failed
    assert "rsync is not installed here" in str(report.longrepr)


@pytest.mark.parametrize("reason", ["GPU: this machine has none", "chain-spec: no copy here"])
def test_what_is_named_may_be_left_out(in_ci: None, reason: str) -> None:
    assert judged(skipped(reason)).skipped


def test_elsewhere_everything_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    assert judged(skipped("rsync is not installed here")).skipped


def test_a_failure_that_was_expected_is_no_skip(in_ci: None) -> None:
    report = skipped("")
    report.wasxfail = "known"  # type: ignore[attr-defined]

    assert judged(report).skipped
