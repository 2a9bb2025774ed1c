"""The way of the money, stage after stage, with a kill now and then; it begins anew until all kills were made."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random

from django.db import transaction
from django.db.models import F

from billing import tasks as billing_tasks
from billing.chain.gateway import gateway
from billing.chain.port import ChainGateway
from billing.models import (
    OPEN_TRANSFERS,
    BatchStatus,
    ChainCursor,
    Deposit,
    DepositStatus,
    OutgoingTransfer,
    PayoutBatch,
    Reconciliation,
    TransferKind,
)
from core import clock
from lium_site.stack.paths import State
from rentals import tasks as rental_tasks
from rentals.models import Pod
from rentals.services import meter, usage_facts
from tests.billing.chain.runtime import Runtime
from tests.journeys.real_chain import machine, workers
from tests.journeys.real_chain.killer import Killer
from tests.journeys.real_chain.people import COLDKEY, STRANGER, People, approve_payouts, gather
from tests.journeys.real_chain.workers import Workers

TAO = 10**9
PAYMENT = 12_500_000_000
GIFT = 1_000_000_000
STAGE_SECONDS = 240.0
PROOF = timedelta(minutes=3)

WATCH, SWEEP, PAY, METER, RECONCILE = (
    "billing.watch",
    "billing.sweep",
    "billing.pay",
    "rentals.meter",
    "billing.reconcile",
)
SCHEDULE = {**billing_tasks.SCHEDULE, **rental_tasks.SCHEDULE}
WORKER_OF = {queue: name for name, queues in workers.QUEUES.items() for queue in queues}


class Journey:
    """Where the journey stands."""

    def __init__(
        self,
        runtime: Runtime,
        chain: ChainGateway,
        staff: Workers,
        people: People,
        *,
        rng: Random,
        kills: int,
    ) -> None:
        self.runtime, self.chain, self.people = runtime, chain, people
        self.killer, self.rounds = Killer(staff, rng=rng, kills=kills), 0
        self.first_block = chain.heads().best
        self._staff, self._rng = staff, rng
        self._proven: datetime = people.ready_at
        self._pod: Pod | None = None

    def travel(self) -> None:
        """Go the whole way again and again, until every kill was made."""
        self._begin()
        while not self.killer.is_done or not self.rounds:
            self.rounds += 1
            self._pay_in()
            self._sweep()
            self._run_pods()
            self._tell_use()
            self._pay_out()
            self._reconcile()
        if self._pod is not None:
            machine.remove(self._pod)

    def _begin(self) -> None:
        """Let the watcher look once: a new market reads from its newest final block on.

        It takes longest in a new process, so that is how long kills may take.
        """
        self._ring([WATCH])
        self._staff.await_taken("watcher")
        started = time.monotonic()
        self._until("it begins", ChainCursor.objects.exists, [WATCH])
        self.killer.window = 1.5 * (time.monotonic() - started)

    def _pay_in(self) -> None:
        self._send(COLDKEY, self.people.treasury, PAYMENT)
        self._send(STRANGER, self.people.standing_address, GIFT)
        before = _credited()
        looks = iter(range(2))
        self._until("a payment is on its way", lambda: next(looks, None) is None, [WATCH])
        assert _credited() == before, "what is in no block was credited"
        self.runtime.produce(self._rng.randint(1, 4))
        self._until("a payment is final", lambda: _credited() == before + 2, [WATCH])

    def _sweep(self) -> None:
        swept = OutgoingTransfer.objects.filter(kind=TransferKind.SWEEP)
        self._until(
            "a deposit is swept",
            lambda: swept.exclude(status__in=OPEN_TRANSFERS).count() == self.rounds,
            [SWEEP, WATCH],
            each=self._maybe_a_block,
        )

    def _run_pods(self) -> None:
        if self._pod is None:
            self._pod = machine.rent(self.people.workspace.owner, self.people.node)
        begun = self._proven
        self._until(
            "pods run",
            lambda: self._proven >= begun + 5 * PROOF and self.people.charged,
            [METER],
            each=self._prove,
        )

    def _tell_use(self) -> None:
        """Tell the market what was used so far, though no hour is full: only what is told is paid out."""
        usage_facts.SLICE = timedelta()  # type: ignore[misc]
        rental_tasks.record_usage()

    def _pay_out(self) -> None:
        approve_payouts(self.chain)
        planned = OutgoingTransfer.objects.filter(status="planned")
        self._until("payouts are signed", lambda: not planned.exists(), [PAY])
        open_batches = PayoutBatch.objects.exclude(status=BatchStatus.COMPLETED)
        self._until(
            "payouts become final",
            lambda: not open_batches.exists(),
            [PAY, WATCH],
            each=self._maybe_a_block,
        )

    def _reconcile(self) -> None:
        an_hour_earlier = F("started_at") - timedelta(hours=1)
        Reconciliation.objects.update(started_at=an_hour_earlier)
        before = Reconciliation.objects.count()
        self._until(
            "keys are compared", lambda: Reconciliation.objects.count() > before, [RECONCILE]
        )

    def _until(
        self,
        stage: str,
        done: Callable[[], bool],
        rung: list[str],
        *,
        each: Callable[[], None] = lambda: None,
    ) -> None:
        deadline, quota = time.monotonic() + STAGE_SECONDS, self.killer.quota()
        names = [WORKER_OF[SCHEDULE[title][2]] for title in rung]
        while not done():
            assert time.monotonic() < deadline, f"{stage}, for ever:\n{self._staff.last_words()}"
            each()
            self._ring(rung)
            if quota:
                quota -= 1
                self.killer.strike(names, when=f"round {self.rounds}, {stage}")
            else:
                time.sleep(0.2)

    def _ring(self, titles: list[str]) -> None:
        for title in titles:
            task, _, queue = SCHEDULE[title]
            self._staff.ring(task, queue)

    def _send(self, keypair: object, to: str, rao: int) -> None:
        self.chain.submit(self.chain.sign_transfer(signer=keypair, to=to, rao=rao))

    def _maybe_a_block(self) -> None:
        """Make a block, mostly after the last was read: a signature lives for 64."""
        read = ChainCursor.objects.get().number == self.chain.heads().best
        if self._rng.random() < (0.6 if read else 0.05):
            self.runtime.produce()

    def _prove(self) -> None:
        self._proven += PROOF
        with transaction.atomic():
            meter.prove_all(self.people.pod_ids, at=self._proven, evidence="SSH-2.0-OpenSSH_9.2")
        if self._pod is not None:
            machine.probe(self._pod)


@contextmanager
def opened(state: State, runtime: Runtime, *, rng: Random, kills: int) -> Iterator[Journey]:
    """Let everybody come, and start the workers."""
    for keypair in (COLDKEY, STRANGER):
        runtime.fund(keypair.ss58_address, 1000 * TAO)
    runtime.produce()
    with (
        machine.on_the_market(state.folder / "machine") as node,
        workers.running(state.logs) as staff,
    ):
        people = gather(node, clock.now())
        yield Journey(runtime, gateway(), staff, people, rng=rng, kills=kills)


def _credited() -> int:
    return Deposit.objects.filter(status=DepositStatus.CREDITED).count()
