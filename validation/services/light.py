"""The light look at rented GPUs: nothing is computed beside a renter, what is known is compared, and who else uses them asked.

A pod runs only after its GPUs were seen inside it by UUID; here they are compared with the machine's last sound proof.
"""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

from core.clock import Clock
from marketplace.machine import Machine, MachineError, session
from marketplace.models import HandOver, Node, ProofVerdict
from marketplace.services.machines import machine_address
from validation import terms
from validation.models import CardSample, Proof
from validation.proof.bundle.records import Status
from validation.services import concluding, onlooking
from validation.services.examining import in_public
from validation.services.onlooking import NotTold, Onlook
from validation.verifier.report import Check, check

# Rounds that a machine may have missed for being rented before its last proof is old.
ROUNDS: Final = 24
REMEDY: Final = "It is proven when its GPUs come back, and in every round while it is idle."
# What a driver keeps of a GPU for itself, and what it rounds.
MOST_UNEXPLAINED_MIB: Final = 1_024
# Memory of a process that has just ended is given back a little later.
AGAIN_SECONDS: Final = 5.0
FOREIGN_REMEDY: Final = (
    "End what else uses the GPUs, and what starts it: `nvidia-smi --query-compute-apps=pid,name,gpu_uuid --format=csv` names it. "
    "While GPUs are rented, only the renter's container may use them."
)
HELD_REMEDY: Final = (
    "Look at `nvidia-smi` on the machine: graphics may hold it, or a process that it does not list."
)
UNTOLD_REMEDY: Final = "`nvidia-smi` and `docker ps` must answer there."


def look(proof: Proof, token: UUID, *, now: Clock) -> None:
    """Compare the rented GPUs with those of the machine's last sound proof, and ask who else uses them."""
    node, moment = proof.node, now()
    rented = _rented(node, proof.hand_over)
    checks = [_identity(node, set(rented)), _age(node, now=moment), *_use(node, rented)]
    concluding.keep_light(proof.pk, token, checks, now=now())


def _rented(node: Node, hand_over: HandOver | None) -> dict[str, UUID]:
    """Give the rented GPUs with who has them: those that changed hands, or all."""
    gpus = node.gpus.exclude(holder=None)
    if hand_over:
        gpus = gpus.filter(holder=hand_over.holder)
    return {uuid: holder for uuid, holder in gpus.values_list("uuid", "holder") if holder}


def _identity(node: Node, uuids: set[str]) -> Check:
    known = set(_proven_uuids(node))
    holds = bool(uuids) and uuids <= known
    return Check(
        "identity",
        Status.PASS if holds else Status.UNKNOWN,
        f"{len(uuids & known)} of {len(uuids)} GPUs are cards of its last sound proof",
        "all that are rented",
        "" if holds else REMEDY,
    )


def _age(node: Node, *, now: datetime) -> Check:
    most: timedelta = settings.MARKET_PROOF_INTERVAL * ROUNDS
    passed = node.proof_at if node.proof_verdict == ProofVerdict.PASS else None
    minutes = round((now - passed).total_seconds() / 60) if passed else None
    holds = passed is not None and now - passed <= most
    return Check(
        "age",
        Status.PASS if holds else Status.UNKNOWN,
        "no proof has passed yet" if minutes is None else f"passed {minutes} min ago",
        f"a passed proof of the last {most.total_seconds() / 3600:.0f} h",
        "" if holds else REMEDY,
    )


def _use(node: Node, rented: Mapping[str, UUID]) -> list[Check]:
    """Ask the machine; what seems wrong is asked once more, for GPUs change hands while somebody looks."""
    try:
        with session(machine_address(node), timeout=terms.CONNECT_SECONDS) as machine:
            checks = _asked(machine, node, rented)
            if any(one.status is not Status.PASS for one in checks):
                time.sleep(AGAIN_SECONDS)
                checks = _asked(machine, node, rented)
            return checks
    except NotTold as error:
        return _untold(str(error))
    except MachineError as error:
        return _untold(in_public(error, otherwise="It gave no answer in time."))


def _asked(machine: Machine, node: Node, rented: Mapping[str, UUID]) -> list[Check]:
    program, market_id = onlooking.program_of(node), settings.MARKET_INSTANCE
    return checks_of(onlooking.ask(machine, program=program, market_id=market_id), rented)


def checks_of(onlook: Onlook, rented: Mapping[str, UUID]) -> list[Check]:
    """Judge what a look showed; a renter's own processes and memory are nobody's business and are not told."""
    if not set(rented.values()) <= set(onlook.containers):
        return _untold("The renter's container is not among those that run there.")
    foreign, left = onlook.foreign(rented), onlook.unexplained_mib(rented)
    explained = left is not None and left <= MOST_UNEXPLAINED_MIB
    return [
        check(
            "processes",
            not foreign,
            measured=_told(len(foreign), sum(one.mib or 0 for one in foreign)),
            required="nobody computes on rented GPUs but their renter",
            remedy=FOREIGN_REMEDY,
        ),
        Check(
            "held_memory",
            Status.PASS if explained else Status.UNKNOWN,
            _explained(left),
            f"all but {MOST_UNEXPLAINED_MIB:,} MiB of a rented GPU's memory in use is held by processes that compute",
            "" if explained else HELD_REMEDY,
        ),
    ]


def _told(count: int, mib: float) -> str:
    if not count:
        return "no process of anybody else"
    return f"{count} process{'es' if count > 1 else ''} outside of the renter's container, with {mib:,.0f} MiB"


def _explained(left: float | None) -> str:
    if left is None:
        return "the driver does not tell how much each process holds"
    if left <= MOST_UNEXPLAINED_MIB:
        return "all memory in use is accounted for"
    return f"{left:,.0f} MiB are held by no process that computes"


def _untold(why: str) -> list[Check]:
    return [
        Check(name, Status.UNKNOWN, why, "an answer of the machine", UNTOLD_REMEDY)
        for name in ("processes", "held_memory")
    ]


def _proven_uuids(node: Node) -> list[str]:
    latest = CardSample.objects.filter(node=node).order_by("-id").values("proof")[:1]
    return list(CardSample.objects.filter(proof__in=latest).values_list("uuid", flat=True))
