"""Machines on a market that runs, as its books have them; the settings must be that market's."""

import subprocess
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

from django.db import connection
from django.db.models import F, QuerySet

from core import clock
from lium_site.stack.machine import offer_python
from lium_site.stack.paths import State
from marketplace.models import Alert, Node, NodeEvent, NodeStatus, Outcome, Trigger
from marketplace.services import checking, enrolment
from marketplace.services.enrolment import Description
from rentals.models import Pod, PodEvent, PodStatus
from rentals.services.meter import ready_seconds
from tests.machines import EngineMachine
from tests.market import LiveMarket

GPUS: Final = 2
PORTS: Final = (20300, 20399)


@dataclass(frozen=True)
class RestingMeter:
    """Where the meter of a pod that is out of reach stands."""

    pod: str
    last_proof_before_fault: float
    rests: bool
    posted_usd: Decimal


class Fleet:
    """Ten machines, each of a provider of its own, and the seeded renter's pods on some of them."""

    def __init__(self, market: LiveMarket, machines: Sequence[EngineMachine]) -> None:
        self.market, self.machines = market, machines
        self.rented: list[str] = []

    def list_machines(self) -> None:
        """List every machine through the market's own checks."""
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(partial(_with_connection, self._list), range(len(self.machines))))

    def rent_on(self, *numbers: int) -> None:
        """Rent a GPU on each of these machines."""
        self.rented += [self._rent(number) for number in numbers]

    def end_pods(self) -> None:
        """Remove what was rented."""
        for pod in self.rented:
            self.market.api.delete(f"pods/{pod}")

    def pods(self) -> QuerySet[Pod]:
        """Give what was rented."""
        return Pod.objects.filter(public_id__in=self.rented).order_by("pk")

    def all_run(self) -> bool:
        """Say whether every pod runs."""
        return self.pods().filter(status=PodStatus.RUNNING).count() == len(self.rented)

    def all_removed(self) -> bool:
        """Say whether no pod is left."""
        return not self.pods().exclude(status=PodStatus.REMOVED).exists()

    def offline(self) -> int:
        """Count the machines that are offline."""
        return Node.objects.filter(delisted_at=None, status=NodeStatus.OFFLINE).count()

    def seconds_to(self, status: NodeStatus, since: datetime) -> list[float]:
        """Give how long each machine took that came to a status, soonest first."""
        found = _machines_moved(since).filter(to_status=status)
        return _seconds(found.values_list("created_at", flat=True), since)

    def pods_to(self, status: PodStatus, since: datetime) -> list[float]:
        """Give how long each pod took that came to a status, soonest first."""
        found = _pods_moved(since).filter(to_status=status)
        return _seconds(found.values_list("occurred_at", flat=True), since)

    def reasons(self, status: NodeStatus, since: datetime) -> list[str]:
        """Give the words with which machines came to a status."""
        found = _machines_moved(since).filter(to_status=status)
        return list(found.values_list("reason", flat=True))

    def moves(self, since: datetime) -> list[str]:
        """Give every change of state of a machine or a pod."""
        rows = [*_machines_moved(since), *_pods_moved(since)]
        return [f"{row.from_status} to {row.to_status}" for row in rows]

    def alerts(self, *, only_open: bool = False) -> list[str]:
        """Give the alerts that there were."""
        rows = Alert.objects.filter(closed_at=None) if only_open else Alert.objects.all()
        return list(rows.order_by("pk").values_list("kind", flat=True))

    def proven_seconds(self) -> dict[str, Decimal]:
        """Give what each pod's meter has counted."""
        return {
            pod.name: ready_seconds(pod.meter, proven_until=pod.last_proof_at)
            for pod in self.pods().select_related("meter")
        }

    def resting_meters(self, fault: datetime) -> list[RestingMeter]:
        """Give where the meters of the pods out of reach stand."""
        lost = self.pods().filter(status=PodStatus.UNREACHABLE)
        return [_resting(pod, fault) for pod in lost.select_related("meter")]

    def gaps(self, since: datetime) -> list[float]:
        """Give the time between the last two intervals of each pod that was interrupted since."""
        found = []
        for pod in self.pods():
            last = pod.ready_intervals.order_by("-pk")[:2]
            if len(last) == 2 and last[0].started_at > since and last[1].ended_at:
                found.append((last[0].started_at - last[1].ended_at).total_seconds())
        return [round(seconds, 1) for seconds in found]

    def _list(self, number: int) -> None:
        machine = self.machines[number]
        offer_python(State(Path(machine.directory).parent))
        node = enrolment.register(_description(machine, name=_name(number)), now=clock.now())
        run = checking.run_now(node_id=node.pk, trigger=Trigger.OPERATOR, now=clock.now())
        assert run.outcome == Outcome.PASSED, [
            (row.check_id, row.measured) for row in run.results.exclude(status="passed")
        ]

    def _rent(self, number: int) -> str:
        node = Node.objects.get(name=_name(number), delisted_at=None)
        key = self.machines[number].sshd.home / "authorized_keys"
        body = {
            "pod_name": f"pod-{number}",
            "template_id": self.market.api.get("templates")[0]["id"],
            "user_public_key": [key.read_text().strip()],
            "gpu_count": 1,
            "enable_backups": False,
        }
        path = f"executors/{node.public_id}/rent"
        answer = self.market.api.post(path, body, idempotency_key=str(uuid4()))
        return str(answer.get("pod_id") or answer["id"])


def _name(number: int) -> str:
    return f"machine-{number}"


def _description(machine: EngineMachine, *, name: str) -> Description:
    argv = ["ssh-keygen", "-y", "-f", str(machine.sshd.home / "host_key")]
    host_key = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    return Description(
        name=name,
        host=machine.address.host,
        port=machine.address.port,
        user=machine.address.user,
        host_key=" ".join(host_key.split()[:2]),
        private_key=machine.address.private_key,
        state_dir=machine.directory,
        public_host=machine.address.host,
        port_range=PORTS,
        gpus=GPUS,
    )


def _resting(pod: Pod, fault: datetime) -> RestingMeter:
    last = pod.ready_intervals.order_by("-pk")[0]
    before = (fault - pod.last_proof_at).total_seconds() if pod.last_proof_at else 0.0
    return RestingMeter(
        pod=pod.name,
        last_proof_before_fault=round(before, 1),
        rests=last.ended_at == pod.last_proof_at and pod.meter.settled and before > -1,
        posted_usd=pod.meter.posted_usd,
    )


def _machines_moved(since: datetime) -> QuerySet[NodeEvent]:
    rows = NodeEvent.objects.filter(created_at__gte=since).exclude(from_status=F("to_status"))
    return rows.order_by("created_at")


def _pods_moved(since: datetime) -> QuerySet[PodEvent]:
    rows = PodEvent.objects.filter(occurred_at__gte=since).exclude(to_status="")
    return rows.order_by("occurred_at")


def _seconds(moments: Iterable[datetime], since: datetime) -> list[float]:
    return [round((moment - since).total_seconds(), 1) for moment in moments]


def _with_connection(work: Callable[[int], None], number: int) -> None:
    try:
        work(number)
    finally:
        connection.close()
