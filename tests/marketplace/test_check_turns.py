"""A run belongs to one worker at a time, and outlives it; its provider's turn decides when."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest

from core.leases import LEASE
from marketplace.models import CheckRun, CheckStatus, Node, Outcome, Provider, Trigger
from marketplace.services import check_turns, checking
from marketplace.services.check_outcomes import finish
from tests.factories.marketplace import NOON, make_node, make_provider

pytestmark = pytest.mark.django_db
DEAD = NOON + LEASE + timedelta(seconds=1)
NOTHING = SimpleNamespace(evidence=None)


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Note for which runs a worker is called."""
    runs: list[int] = []
    monkeypatch.setattr("marketplace.dispatch.check_node", runs.append)
    return runs


def begun(node: Node | None = None) -> CheckRun:
    node = node or make_node()
    return checking.start(node_id=node.pk, trigger=Trigger.SCHEDULE, now=NOON)


def abandoned(run: CheckRun, *, after: int = 3) -> None:
    """Leave a run as a worker does that dies during its fourth check."""
    hold = {"lease_token": None, "lease_until": NOON + LEASE, "attempt": 1}
    CheckRun.objects.filter(pk=run.pk).update(**hold)
    done = run.results.filter(position__lt=after)
    done.update(status=CheckStatus.PASSED, started_at=NOON)
    run.results.filter(position=after).update(status=CheckStatus.RUNNING, started_at=NOON)


class TestLease:
    def test_what_a_dead_worker_left_is_taken_up_as_soon_as_its_lease_has_run_out(
        self, rung: list[int]
    ) -> None:
        abandoned(run := begun())
        rung.clear()

        check_turns.sweep(NOON + LEASE / 2 + check_turns.RING_AGAIN_AFTER / 2)
        early = list(rung)
        check_turns.sweep(DEAD)

        assert (early, rung) == ([], [run.pk])
        with check_turns.taken(run.pk, now=lambda: DEAD) as token:
            assert token
            statuses = list(run.results.order_by("position").values_list("status", flat=True))
        assert statuses[:4] == ["running", "pending", "passed", "pending"]

    def test_a_run_that_no_worker_survives_is_broken_off(self) -> None:
        run = begun()
        CheckRun.objects.filter(pk=run.pk).update(attempt=check_turns.MOST_ATTEMPTS)

        with check_turns.taken(run.pk, now=lambda: DEAD) as token:
            assert token is None

        run.refresh_from_db()
        assert run.outcome == Outcome.BROKEN_OFF
        assert not run.results.filter(status=CheckStatus.FAILED).exists()

    def test_a_late_worker_can_neither_write_a_result_nor_end_the_run(self) -> None:
        run = begun()
        with check_turns.taken(run.pk, now=lambda: NOON) as late:
            assert late
            with check_turns.taken(run.pk, now=lambda: DEAD) as other:
                assert other
                first = run.results.order_by("position")[0]
                assert not check_turns.mine(first, late).exists()
                with pytest.raises(check_turns.RunLost):
                    finish(run_id=run.pk, token=late, visited=NOTHING, now=DEAD)

    def test_nor_one_whose_run_was_ended_for_another(self) -> None:
        run = begun()
        with check_turns.taken(run.pk, now=lambda: NOON) as late:
            assert late
            check_turns.break_off(CheckRun.objects.get(pk=run.pk), now=NOON)
            with pytest.raises(check_turns.RunLost):
                finish(run_id=run.pk, token=late, visited=NOTHING, now=NOON)


class TestTurns:
    def test_a_provider_has_few_runs_at_once_and_nobody_waits_for_anothers(
        self, rung: list[int]
    ) -> None:
        slow = [begun(make_node(provider=_bob())) for _ in range(4)]
        other = begun()
        rung.clear()

        check_turns.sweep(DEAD)

        assert sorted(rung) == [slow[0].pk, slow[1].pk, other.pk]
        assert [check_turns.has_turn(run.pk) for run in slow] == [True, True, False, False]

    def test_the_next_is_rung_for_when_one_is_over(self, rung: list[int]) -> None:
        runs = [begun(make_node(provider=_bob())) for _ in range(3)]
        check_turns.break_off(runs[0], now=NOON)
        rung.clear()

        check_turns.ring_next(provider_id=_bob().pk)

        assert rung == [runs[1].pk, runs[2].pk]


def _bob() -> Provider:
    return Provider.objects.filter(name="slow").first() or make_provider(name="slow")
