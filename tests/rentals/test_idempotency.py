"""A key names one effect: repeats, crashes and races get the first answer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection

from core.errors import Conflict, RateLimited
from rentals import idempotency
from rentals.idempotency import InProgress, KeyReused, ReplayedRefusal, Work
from rentals.models import IdempotentRequest
from tests.factories.pods import NOON, make_workspace


class World:
    """Effects by id, as a table with a unique index would keep them."""

    def __init__(self, *, refuses: Exception | None = None, dies: bool = False) -> None:
        self.effects: dict[UUID, int] = {}
        self.refuses = refuses
        self.dies = dies

    def run(self, effect_id: UUID) -> dict[str, str]:
        if self.refuses:
            raise self.refuses
        self.effects[effect_id] = self.effects.get(effect_id, 0) + 1
        if self.dies:
            raise SystemExit
        return {"pod_id": str(effect_id)}

    def find(self, effect_id: UUID) -> dict[str, str] | None:
        return {"pod_id": str(effect_id)} if effect_id in self.effects else None

    @property
    def work(self) -> Work:
        return Work(run=self.run, find=self.find)


def ask(world, workspace, *, key="k1", fingerprint="f1", now=NOON):
    return idempotency.once(
        workspace=workspace, key=key, fingerprint=fingerprint, work=world.work, now=now
    )


@pytest.mark.django_db
class TestOnce:
    def test_a_repeat_gets_the_stored_answer(self):
        world, workspace = World(), make_workspace()

        first, second = ask(world, workspace), ask(world, workspace)

        assert second.body == first.body
        assert (first.replayed, second.replayed) == (False, True)
        assert list(world.effects.values()) == [1]

    def test_keys_of_two_workspaces_are_two_keys(self):
        world = World()

        ask(world, make_workspace())
        ask(world, make_workspace())

        assert len(world.effects) == 2

    def test_a_refusal_is_repeated_in_the_same_words(self):
        workspace = make_workspace()
        with pytest.raises(Conflict):
            ask(World(refuses=Conflict("Taken.", hint="Try another.")), workspace)

        with pytest.raises(ReplayedRefusal) as refusal:
            ask(World(), workspace)

        assert (refusal.value.status, refusal.value.code) == (409, "conflict")
        assert (refusal.value.message, refusal.value.hint) == ("Taken.", "Try another.")
        assert refusal.value.headers == {"Idempotent-Replayed": "true"}

    def test_too_many_tries_is_not_an_answer(self):
        world, workspace = World(), make_workspace()
        with pytest.raises(RateLimited):
            ask(World(refuses=RateLimited("Slow.", retry_after=1)), workspace)

        assert not ask(world, workspace).replayed

    def test_a_surprise_frees_the_key(self):
        world, workspace = World(), make_workspace()
        with pytest.raises(ZeroDivisionError):
            ask(World(refuses=ZeroDivisionError()), workspace)

        assert not ask(world, workspace).replayed

    def test_another_request_under_the_same_key_is_refused(self):
        world, workspace = World(), make_workspace()
        ask(world, workspace)

        with pytest.raises(KeyReused):
            ask(world, workspace, fingerprint="f2")

    def test_while_the_first_runs_the_second_waits(self):
        workspace = make_workspace()
        IdempotentRequest.objects.create(
            workspace=workspace, key="k1", fingerprint="f1", started_at=NOON
        )

        with pytest.raises(InProgress):
            ask(World(), workspace, now=NOON + timedelta(seconds=299))

    def test_an_effect_whose_answer_was_lost_is_found(self):
        world, workspace = World(dies=True), make_workspace()
        with pytest.raises(SystemExit):
            ask(world, workspace)

        answer = ask(world, workspace, now=NOON + timedelta(seconds=1))

        assert answer.replayed
        assert list(world.effects.values()) == [1]

    def test_a_request_that_died_before_its_effect_is_taken_over(self):
        world, workspace = World(), make_workspace()
        IdempotentRequest.objects.create(
            workspace=workspace, key="k1", fingerprint="f1", started_at=NOON
        )

        answer = ask(world, workspace, now=NOON + timedelta(seconds=301))

        assert not answer.replayed
        assert len(world.effects) == 1

    def test_answers_are_kept_for_two_days(self):
        world, workspace = World(), make_workspace()
        ask(world, workspace)

        assert idempotency.forget(NOON + timedelta(hours=47)) == 0
        assert idempotency.forget(NOON + timedelta(hours=49)) == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_works():
    world, workspace = World(), make_workspace()

    def race(_: int) -> str:
        try:
            return "replayed" if ask(world, workspace).replayed else "worked"
        except InProgress:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(race, range(16)))

    assert outcomes.count("worked") == 1
    assert list(world.effects.values()) == [1]
