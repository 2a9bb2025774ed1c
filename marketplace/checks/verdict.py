"""How a check went, in words that its reader can act on."""

from dataclasses import dataclass

from marketplace.models import CheckStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """One judgement; a code on a passed check is advice."""

    status: CheckStatus
    measured: str = ""
    required: str = ""
    code: str = ""
    fix: str = ""
    fix_command: str = ""


def passed(measured: str, required: str = "") -> Verdict:
    """Say that all is well."""
    return Verdict(status=CheckStatus.PASSED, measured=measured, required=required)


def advised(code: str, *, measured: str, required: str, fix: str, command: str = "") -> Verdict:
    """Say that it passes, and what would be better."""
    return Verdict(
        status=CheckStatus.PASSED,
        code=code,
        measured=measured,
        required=required,
        fix=fix,
        fix_command=command,
    )


def failed(code: str, *, measured: str, required: str, fix: str, command: str = "") -> Verdict:
    """Say what is wrong and how to mend it."""
    return Verdict(
        status=CheckStatus.FAILED,
        code=code,
        measured=measured,
        required=required,
        fix=fix,
        fix_command=command,
    )


def unknown(measured: str, required: str = "", *, fix: str = "", command: str = "") -> Verdict:
    """Say that it could not be told, which is no failure."""
    return Verdict(
        status=CheckStatus.UNKNOWN,
        measured=measured,
        required=required,
        fix=fix,
        fix_command=command,
    )


def skipped(why: str) -> Verdict:
    """Say why it was not tried."""
    return Verdict(status=CheckStatus.SKIPPED, measured=why)
