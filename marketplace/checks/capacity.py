"""Judging threads, memory and disk."""

from marketplace.checks.evidence import Evidence, Requirements
from marketplace.checks.verdict import Verdict, failed, passed, unknown

MIB = 1024


def judge_memory(evidence: Evidence, requirements: Requirements) -> Verdict:
    """Judge CPU threads and memory."""
    found = evidence.found
    threads, memory = requirements.min_cpu_threads, requirements.min_ram_gib
    required = f"{threads} threads and {memory} GiB, at least"
    if found is None or found.cpu_count is None or found.ram_mib is None:
        return unknown("The machine does not say.", required)
    # A machine sold as 8 GiB shows a little less.
    measured = f"{found.cpu_count} threads, {found.ram_mib / MIB:.1f} GiB"
    if found.cpu_count >= threads and found.ram_mib >= memory * MIB * 0.9:
        return passed(measured, required)
    return failed(
        "too_little_memory",
        measured=measured,
        required=required,
        fix="Give the machine more memory or threads; a virtual machine gets them from its host.",
        command="nproc; free -g",
    )


def judge_disk(evidence: Evidence, requirements: Requirements) -> Verdict:
    """Judge the disk that pods can use: what is free where the engine keeps its data."""
    found, required = evidence.found, f"{requirements.min_disk_gib} GiB free for pods"
    if found is None or found.disk_gib is None:
        return unknown("The machine does not say.", required)
    where = found.engine_root or "/var/lib/docker"
    total = f" of {found.disk_total_gib}" if found.disk_total_gib else ""
    measured = f"{found.disk_gib}{total} GiB free at {where}"
    if found.disk_gib >= requirements.min_disk_gib:
        return passed(measured, required)
    return failed(
        "disk_too_small",
        measured=measured,
        required=required,
        fix="Make room, or put Docker's data on a larger disk (data-root in its daemon.json).",
        command=f"docker system df; sudo du -xh --max-depth=1 {where} | sort -h | tail",
    )
