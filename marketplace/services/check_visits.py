"""One visit to a machine for a run: each pending check measured, judged and written down in turn."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog

from core.actors import PLATFORM
from core.errors import DomainError
from marketplace import hooks
from marketplace.checks import (
    BY_ID,
    CHECKS,
    Check,
    Claim,
    Contact,
    ContactFault,
    Evidence,
    Preparation,
    Speed,
    Verdict,
    judge,
    listed_already,
    skipped,
    unknown,
)
from marketplace.machine import MachineUnreachable
from marketplace.models import CheckResult, CheckRun, CheckStatus, Node, NodeStatus
from marketplace.selectors.claims import claimed_gpus
from marketplace.selectors.same_machine import gpus_elsewhere
from marketplace.services import check_outcomes, check_turns, measurements
from marketplace.services.host_keys import confirm_host_key, look_at_host_key
from marketplace.services.machines import machine_address
from marketplace.services.requirements import requirements
from marketplace.services.visiting import Visit

log = structlog.get_logger(__name__)
# What a check's judgement rests on, in the order in which it is measured.
PARTS: Final = {
    "engine": ("found",),
    "limits": ("found",),
    "gpus": ("found",),
    "driver": ("found",),
    "gpu_access": ("found", "gpu_trial"),
    "memory": ("found",),
    "disk": ("found",),
    "isolation": ("found",),
    "ports": ("ports",),
    "speed": ("speed",),
    "exposure": ("exposure",),
    "interconnect": ("found",),
    "power": ("found",),
    "preparation": ("found",),
}

BEGIN_WITHIN_SECONDS: Final = 600.0
HURTS_RENTERS: Final = ("speed", "gpu_access")


class Visited:
    """What a visit found, and when it ended: ``now`` at its start plus what passed since."""

    def __init__(self, *, now: datetime) -> None:
        """Start the clock."""
        self.evidence: Evidence | None = None
        self._now, self.began = now, time.monotonic()

    def moment(self) -> datetime:
        """Give the present moment of this visit."""
        return self._now + timedelta(seconds=time.monotonic() - self.began)


def visit(run: CheckRun, visited: Visited, *, token: UUID) -> None:
    """Try all that is not decided yet of a run.

    :raises RunLost: it is not held with this token any more.
    """
    results = {result.check_id: result for result in run.results.all()}
    node = run.node
    fault = _pin_at_first_contact(node, now=visited.moment())
    there = Visit(
        evidence_of(node, contact=fault),
        address=machine_address(node) if node.host_key else None,
        where=node.public_host,
        state_dir=node.state_dir,
    )
    with there.connected():
        for check in CHECKS:
            if results[check.id].status in (CheckStatus.PENDING, CheckStatus.RUNNING):
                _try(check, results, there, node, visited, token)
    visited.evidence = there.evidence


def evidence_of(node: Node, *, contact: Contact | None = None) -> Evidence:
    """Give what is known of a machine before a visit."""
    claimed = claimed_gpus(node)
    claim = Claim(
        gpu_model=claimed.model.name,
        gpu_count=claimed.count,
        first_port=node.first_port,
        last_port=node.last_port,
    )
    return Evidence(
        claim=claim,
        contact=contact,
        public_key=node.provider.ssh_public_key,
        ssh_user=node.ssh_user,
        state_dir=node.state_dir,
        held_ports=frozenset(node.port_reservations.values_list("port", flat=True)),
    )


def _pin_at_first_contact(node: Node, *, now: datetime) -> Contact | None:
    """Trust the host key that answers first, where the provider asked for a listing without looking at it."""
    if node.host_key:
        return None
    try:
        key = look_at_host_key(node)
        confirm_host_key(
            node_id=node.pk, host_key=key, actor=PLATFORM, now=now, trusted="trusted at first use"
        )
    except MachineUnreachable as error:
        return Contact(ContactFault.UNREACHABLE, why=error.why)
    except DomainError as error:
        return Contact(ContactFault.UNREACHABLE, why=error.message.rstrip("."))
    node.host_key = key
    return None


def _try(
    check: Check,
    results: dict[str, CheckResult],
    there: Visit,
    node: Node,
    visited: Visited,
    token: UUID,
) -> None:
    result = results[check.id]
    began = visited.began if check.id == "contact" else time.monotonic()
    _set(result, token, status=CheckStatus.RUNNING, started_at=visited.moment())
    verdict = (
        _lacking(check, results)
        or _sparing(check, node)
        or _too_late(visited)
        or _judged(check, there, node, visited)
    )
    if check.id == "key" and verdict.status == CheckStatus.PASSED:
        ours = check_outcomes.reached(node_id=node.pk, now=visited.moment())
        verdict = verdict if ours else listed_already()
    _write(result, verdict, token, seconds=time.monotonic() - began)


def _lacking(check: Check, results: dict[str, CheckResult]) -> Verdict | None:
    needs = check.needs
    if check.id == "preparation":
        needs = tuple(other.id for other in CHECKS if other.blocks and other is not check)
    for need in needs:
        if not _fine(results[need]):
            return skipped(f"Not tried: “{BY_ID[need].title}” must pass first.")
    return None


def _fine(result: CheckResult) -> bool:
    """Say whether others may rest on a result; what is skipped for simulated GPUs waits for nothing."""
    if result.status == CheckStatus.SKIPPED:
        return not result.measured.startswith("Not tried")
    return bool(result.status == CheckStatus.PASSED)


def _judged(check: Check, there: Visit, node: Node, visited: Visited) -> Verdict:
    for part in PARTS.get(check.id, ()):
        there.measure(part)
    if check.id == "gpus":
        there.evidence = replace(there.evidence, gpus_elsewhere=_elsewhere(node, there.evidence))
    if check.id == "preparation":
        there.prepare(lambda: _prepare(node, there.evidence, visited))
    evidence = there.evidence
    if check.id == "speed" and evidence.speed and node.status == NodeStatus.AVAILABLE:
        # What is on the market is not taken off it by one slow moment.
        evidence = replace(evidence, speed=_typical(node, evidence.speed))
    return judge(check.id, evidence, requirements())


def _sparing(check: Check, node: Node) -> Verdict | None:
    """Leave out what would take network or GPUs from those who rent them."""
    if check.id in HURTS_RENTERS and node.gpus.filter(holder__isnull=False).exists():
        return skipped("Left out while it is rented: it would be at its renters' cost.")
    return None


def _too_late(visited: Visited) -> Verdict | None:
    """Begin nothing more on a machine that takes its time: others wait for the worker."""
    if time.monotonic() - visited.began < BEGIN_WITHIN_SECONDS:
        return None
    minutes = int(BEGIN_WITHIN_SECONDS // 60)
    return unknown(f"Not tried: the checks before it took more than {minutes} minutes.")


def _elsewhere(node: Node, evidence: Evidence) -> tuple[str, ...]:
    found = evidence.found
    return tuple(gpus_elsewhere(node, [gpu.uuid for gpu in found.gpus])) if found else ()


def _typical(node: Node, speed: Speed) -> Speed:
    down = measurements.typical(node, "download", also=speed.download_mbps)
    up = measurements.typical(node, "upload", also=speed.upload_mbps)
    return Speed(download_mbps=down or 0.0, upload_mbps=up or 0.0)


def _prepare(node: Node, evidence: Evidence, visited: Visited) -> Preparation | None:
    if not check_outcomes.write_findings(node_id=node.pk, evidence=evidence, now=visited.moment()):
        return None
    try:
        hooks.prepare_node(node.pk)
    except hooks.NotPrepared as error:
        log.info("check.not_prepared", node=str(node.public_id), error=str(error))
        return Preparation(False, str(error))
    except Exception:
        # What a hostile machine makes us stumble over costs it the check, and never the run.
        log.exception("check.stumbled", part="preparation", node=str(node.public_id))
        return None
    return Preparation(True)


def _write(result: CheckResult, verdict: Verdict, token: UUID, *, seconds: float) -> None:
    _set(
        result,
        token,
        status=verdict.status,
        code=verdict.code,
        measured=verdict.measured[:300],
        required=verdict.required[:300],
        fix=verdict.fix[:500],
        fix_command=verdict.fix_command[:500],
        seconds=round(seconds, 3) if verdict.status != CheckStatus.SKIPPED else None,
    )


def _set(result: CheckResult, token: UUID, **values: Any) -> None:
    """Write to a result of a run that is still ours."""
    if not check_turns.mine(result, token).update(**values):
        raise check_turns.RunLost
    for name, value in values.items():
        setattr(result, name, value)
