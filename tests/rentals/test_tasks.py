"""Which worker does what: an image's pull must never keep the probes waiting."""

import uuid
from typing import Any

import pytest

from lium_site.celery import QUEUES, app
from rentals import dispatch, tasks
from rentals.models import Pod

STEPS = {"rentals.tasks.reconcile_pod", "rentals.tasks.prepare_node"}
LOOKS = {"rentals.tasks.probe_pods", "rentals.tasks.sample_node"}


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    queues: dict[str, str] = {}

    def ring(task: str, *, queue: str, **_: Any) -> None:
        queues[task] = queue

    monkeypatch.setattr(dispatch, "ring", ring)
    return queues


class TestQueues:
    def test_steps_of_starts_and_looks_at_machines_have_workers_of_their_own(
        self, rung: dict[str, str]
    ) -> None:
        dispatch.reconcile(Pod(public_id=uuid.uuid4()))
        dispatch.probe(node_id=1)
        dispatch.prepare(node_id=1)
        dispatch.sample(node_id=1)

        assert rung == dict.fromkeys(STEPS, "provision") | dict.fromkeys(LOOKS, "probe")

    @pytest.mark.parametrize("title", ["rentals.sweep", "rentals.watched"])
    def test_what_rings_for_the_probes_waits_for_no_machine(self, title: str) -> None:
        assert tasks.SCHEDULE[title][2] == "sweep"

    def test_each_periodic_task_exists_and_has_a_queue_that_is_worked_on(self) -> None:
        for task, _, queue in tasks.SCHEDULE.values():
            assert hasattr(tasks, task.rpartition(".")[2])
            assert queue in QUEUES

    def test_only_the_sender_names_a_queue(self) -> None:
        ours = [task for name, task in app.tasks.items() if name.startswith("rentals.")]

        assert [task.name for task in ours if getattr(task, "queue", None)] == []
