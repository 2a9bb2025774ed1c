"""Every pair of states is allowed or refused as docs/lifecycle.md says, and every move leaves its reason."""

from itertools import product

import pytest

from core.actors import PLATFORM, Actor, ActorKind
from core.errors import IllegalTransition
from rentals import transitions
from rentals.models import Pod, PodStatus
from rentals.reasons import Reason
from rentals.transitions import ALLOWED, WIRE_STATUS
from tests.factories.pods import NOON, make_pod

PAIRS = list(product(PodStatus, PodStatus))
ALICE = Actor(kind=ActorKind.USER, id="alice-id", name="Alice")


def test_every_status_is_in_both_tables() -> None:
    assert set(ALLOWED) == set(WIRE_STATUS) == set(PodStatus)


def test_every_status_but_the_last_leads_somewhere_and_can_be_reached() -> None:
    reached = set().union(*ALLOWED.values())

    assert {status for status in PodStatus if not ALLOWED[status]} == {PodStatus.REMOVED}
    assert set(PodStatus) - reached == {PodStatus.PENDING}


@pytest.mark.django_db
class TestMove:
    @pytest.mark.parametrize(("source", "target"), PAIRS)
    def test_obeys_the_table_for_every_pair(self, source: PodStatus, target: PodStatus) -> None:
        pod = make_pod(status=source)

        if target in ALLOWED[source]:
            transitions.move(pod, to=target, reason=Reason.PROVEN, actor=PLATFORM, now=NOON)
        else:
            with pytest.raises(IllegalTransition):
                transitions.move(pod, to=target, reason=Reason.PROVEN, actor=PLATFORM, now=NOON)

        moved = target in ALLOWED[source]
        assert Pod.objects.get().status == (target if moved else source)
        assert pod.events.count() == (1 if moved else 0)

    def test_writes_who_why_and_when_on_row_and_event(self) -> None:
        pod = make_pod(status=PodStatus.RUNNING, attempt=2, last_error="was silent")

        transitions.move(
            pod,
            to=PodStatus.STOPPING,
            reason=Reason.STOPPED_BY_RENTER,
            actor=ALICE,
            now=NOON,
            detail="by hand",
        )

        pod.refresh_from_db()
        event = pod.events.get()
        assert (pod.status_reason_code, pod.status_since) == ("stopped_by_renter", NOON)
        assert pod.status_reason == event.reason == Reason.STOPPED_BY_RENTER.words
        assert (pod.attempt, pod.last_error) == (0, "")
        assert (event.type, event.sub_type) == ("pod-lifecycle", "pod-lifecycle.status")
        assert (event.from_status, event.to_status) == ("running", "stopping")
        assert (event.actor_kind, event.actor_id, event.actor_name) == ("user", "alice-id", "Alice")
        assert (event.detail, event.occurred_at) == ("by hand", NOON)


class TestReasons:
    def test_codes_are_stable_words_and_told_apart(self) -> None:
        codes = [reason.code for reason in Reason]

        assert len(codes) == len(set(codes))
        assert all(code.isidentifier() and len(code) <= 60 for code in codes)

    def test_words_are_one_sentence_that_fits_its_column(self) -> None:
        for reason in Reason:
            assert reason.words.endswith("."), reason
            assert len(reason.words) <= 500
