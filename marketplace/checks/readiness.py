"""Judging whether the machine was made ready for pods."""

from typing import Final

from marketplace.checks.evidence import Evidence, Requirements
from marketplace.checks.verdict import Verdict, failed, passed, unknown

READY: Final = "Runtime, base image, network and firewall in place"


def judge_preparation(evidence: Evidence, _: Requirements) -> Verdict:
    """Judge what came of the preparation."""
    preparation = evidence.preparation
    if preparation is None:
        return unknown("It was not prepared to the end.", READY)
    if preparation.done:
        return passed(
            "Ready; pods are kept from metadata addresses, your network, this machine and each other.",
            READY,
        )
    return failed(
        "not_prepared",
        measured=preparation.why_not[:300],
        required=READY,
        fix="See what the engine and the disk say there, then run this check again.",
        command="docker info; df -h; sudo journalctl -u docker -n 50",
    )
