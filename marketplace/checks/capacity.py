"""Judging threads, memory and disk.

More than any computer has is no figure to sell by: what says so is refused like what has too little.
"""

from typing import Final

from marketplace.checks.evidence import Evidence, Requirements
from marketplace.checks.verdict import Verdict, failed, passed, unknown

MIB: Final = 1024
# What Linux runs on at most, on x86: threads, and memory with four levels of page tables.
MOST_THREADS: Final = 8192
MOST_RAM_GIB: Final = 65_536
# A pebibyte; network file systems without a bound show more.
MOST_DISK_GIB: Final = 1_048_576


def judge_memory(evidence: Evidence, requirements: Requirements) -> Verdict:
    """Judge CPU threads and memory."""
    found = evidence.found
    threads, memory = requirements.min_cpu_threads, requirements.min_ram_gib
    required = f"{threads} threads and {memory} GiB, at least"
    if found is None or found.cpu_count is None or found.ram_mib is None:
        return unknown("The machine does not say.", required)
    # A machine sold as 8 GiB shows a little less.
    measured = f"{found.cpu_count} threads, {found.ram_mib / MIB:.1f} GiB"
    if found.cpu_count > MOST_THREADS or found.ram_mib > MOST_RAM_GIB * MIB:
        most = f"{MOST_THREADS} threads and {MOST_RAM_GIB} GiB, at most"
        return _implausible(measured, most, what="threads and memory", command="nproc; free -g")
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
    if found.disk_gib > MOST_DISK_GIB:
        most = f"{MOST_DISK_GIB} GiB, at most"
        return _implausible(measured, most, what="free disk", command=f"df -B1G {where}")
    if found.disk_gib >= requirements.min_disk_gib:
        return passed(measured, required)
    return failed(
        "disk_too_small",
        measured=measured,
        required=required,
        fix="Make room, or put Docker's data on a larger disk (data-root in its daemon.json).",
        command=f"docker system df; sudo du -xh --max-depth=1 {where} | sort -h | tail",
    )


def _implausible(measured: str, most: str, *, what: str, command: str) -> Verdict:
    return failed(
        "implausible",
        measured=measured,
        required=most,
        fix=f"No computer has so much. See what this command says of its {what}, and mend what answers wrongly.",
        command=command,
    )
