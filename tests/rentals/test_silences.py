"""The time of a day in which pods ran without proving themselves, added up from what their events say."""

from datetime import datetime, timedelta
from unittest.mock import Mock

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.models import User, Workspace
from core.actors import PLATFORM
from marketplace.machine import MachineUnreachable
from rentals import transitions
from rentals.models import Phase, Pod, PodStatus
from rentals.reasons import Reason
from rentals.services import meter, provisioning, silences
from rentals.services.silences import RanUnproven
from tests.factories.pods import NOON, make_pod, make_user

pytestmark = pytest.mark.django_db
# From the last good look until a pod is called unreachable.
TOLD = timedelta(seconds=40)


@pytest.fixture
def pod() -> Pod:
    return make_pod(status=PodStatus.RUNNING, ready_at=NOON)


def go(pod: Pod, to: PodStatus, reason: Reason, *, at: datetime) -> None:
    transitions.move(pod, to=to, reason=reason, actor=PLATFORM, now=at)


def fall_silent(
    pod: Pod, *, at: datetime, reason: Reason = Reason.SSH_SILENT, told: timedelta = TOLD
) -> None:
    meter.open_interval(pod, at=at - timedelta(hours=1), evidence="a good look")
    meter.close_interval(pod, at=at - told, evidence="the last one")
    go(pod, PodStatus.UNREACHABLE, reason, at=at)


def test_counts_from_the_last_good_look_until_now(pod: Pod) -> None:
    fall_silent(pod, at=NOON)

    assert silences.unproven(pod, now=NOON + timedelta(minutes=4)) == TOLD + timedelta(minutes=4)


def test_counts_nothing_of_the_time_in_which_nobody_looked(pod: Pod) -> None:
    fall_silent(pod, at=NOON, told=timedelta(minutes=50))

    assert silences.unproven(pod, now=NOON) == meter.LONGEST_GAP


def test_adds_up_the_silences_of_a_day_and_not_what_lies_between(pod: Pod) -> None:
    for hours in range(3):
        began = NOON + timedelta(hours=hours)
        fall_silent(pod, at=began)
        go(pod, PodStatus.RUNNING, Reason.RECOVERED, at=began + timedelta(minutes=2))

    total = silences.unproven(pod, now=NOON + timedelta(hours=12))
    assert total == 3 * (TOLD + timedelta(minutes=2))
    assert silences.unproven(pod, now=NOON + timedelta(hours=25)) < total
    assert silences.unproven(pod, now=NOON + timedelta(days=2)) == timedelta()


def test_a_reboot_ends_one(pod: Pod) -> None:
    fall_silent(pod, at=NOON)
    go(pod, PodStatus.REBOOTING, Reason.REBOOT_BY_RENTER, at=NOON + timedelta(minutes=1))

    assert silences.unproven(pod, now=NOON + timedelta(hours=1)) == TOLD + timedelta(minutes=1)


@pytest.mark.parametrize("reason", [Reason.MACHINE_SILENT, Reason.ENGINE_SILENT])
def test_a_silent_machine_is_not_the_pods_own_silence(pod: Pod, reason: Reason) -> None:
    fall_silent(pod, at=NOON, reason=reason)

    assert silences.unproven(pod, now=NOON + timedelta(minutes=20)) == timedelta()


@pytest.mark.parametrize("reason", [Reason.GPUS_MISSING, Reason.WRONG_HOST_KEY])
def test_without_its_gpus_or_its_key_it_is_no_more_proven(pod: Pod, reason: Reason) -> None:
    fall_silent(pod, at=NOON, reason=reason)

    assert silences.unproven(pod, now=NOON + timedelta(minutes=4)) == TOLD + timedelta(minutes=4)


class TestAnotherCause:
    """What a look shows while a pod stays unreachable counts, not what it began with."""

    def test_a_pod_that_falls_silent_behind_a_silent_machine_uses_up_its_minutes(
        self, pod: Pod
    ) -> None:
        fall_silent(pod, at=NOON, reason=Reason.MACHINE_SILENT)
        explain(pod, Reason.SSH_SILENT, at=NOON + timedelta(minutes=2))

        assert silences.unproven(pod, now=NOON + timedelta(minutes=20)) == timedelta(minutes=18)
        go(pod, PodStatus.RUNNING, Reason.RECOVERED, at=NOON + timedelta(minutes=29))
        assert silences.unproven(pod, now=NOON + timedelta(hours=1)) == timedelta(minutes=27)

    def test_a_machine_that_falls_silent_under_a_silent_pod_costs_it_nothing(
        self, pod: Pod
    ) -> None:
        fall_silent(pod, at=NOON)
        explain(pod, Reason.MACHINE_SILENT, at=NOON + timedelta(minutes=2))

        go(pod, PodStatus.REBOOTING, Reason.MACHINE_REBOOTED, at=NOON + timedelta(minutes=14))

        again = NOON + timedelta(minutes=15)
        assert silences.unproven(pod, now=again) == TOLD + timedelta(minutes=2)
        silences.require_minutes(pod, done="rebooted", now=again)

    def test_counts_however_often_it_changes(self, pod: Pod) -> None:
        fall_silent(pod, at=NOON, reason=Reason.ENGINE_SILENT)
        for minutes in (2, 6):
            explain(pod, Reason.GPUS_MISSING, at=NOON + timedelta(minutes=minutes))
            explain(pod, Reason.ENGINE_SILENT, at=NOON + timedelta(minutes=minutes + 1))

        assert silences.unproven(pod, now=NOON + timedelta(minutes=20)) == timedelta(minutes=2)


def explain(pod: Pod, reason: Reason, *, at: datetime) -> None:
    transitions.explain(pod, reason=reason, actor=PLATFORM, now=at)


class TestRestarts:
    """Each as a reboot, which takes a minute until the container runs and four more until it ends."""

    @pytest.mark.parametrize(
        ("to", "reason"),
        [
            (PodStatus.REBOOT_FAILED, Reason.REBOOT_TOO_LATE),
            (PodStatus.REBOOT_FAILED, Reason.GPUS_UNAVAILABLE),
            (PodStatus.REBOOT_FAILED, Reason.PROGRAM_ENDED),
            (PodStatus.RUNNING, Reason.PROVEN),
        ],
    )
    def test_count_from_when_the_container_runs(
        self, pod: Pod, to: PodStatus, reason: Reason
    ) -> None:
        reboot(pod, at=NOON)
        assert silences.unproven(pod, now=NOON + timedelta(minutes=3)) == timedelta(minutes=2)

        go(pod, to, reason, at=NOON + timedelta(minutes=5))

        assert silences.unproven(pod, now=NOON + timedelta(hours=1)) == timedelta(minutes=4)

    @pytest.mark.parametrize("reason", [Reason.MACHINE_UNREACHABLE, Reason.ENGINE_FAILED])
    def test_do_not_count_from_when_the_machine_fell_silent(self, pod: Pod, reason: Reason) -> None:
        reboot(pod, at=NOON)
        for minutes in (2, 3):
            silences.note_blind(pod, now=NOON + timedelta(minutes=minutes))

        go(pod, PodStatus.REBOOT_FAILED, reason, at=NOON + timedelta(minutes=5))

        assert silences.unproven(pod, now=NOON + timedelta(hours=1)) == timedelta(minutes=1)
        assert pod.events.filter(sub_type=silences.OUT_OF_SIGHT).count() == 1

    def test_are_looked_at_in_vain_while_the_machine_is_silent(
        self, pod: Pod, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        silent = Mock(side_effect=MachineUnreachable(where="the machine", why="timed out"))
        monkeypatch.setattr(provisioning, "machine_address", silent)
        reboot(pod, at=NOON)

        seen_at = NOON + timedelta(minutes=2)
        for at in (seen_at, seen_at + timedelta(minutes=1)):
            provisioning.reconcile(pod_id=pod.public_id, now=Mock(return_value=at))

        shown = pod.events.filter(sub_type=silences.OUT_OF_SIGHT)
        assert [event.occurred_at for event in shown] == [seen_at]

    def test_count_again_once_the_container_is_seen_to_run(self, pod: Pod) -> None:
        reboot(pod, at=NOON)
        silences.note_blind(pod, now=NOON + timedelta(minutes=2))
        silences.note_run(pod, now=NOON + timedelta(minutes=4))

        go(pod, PodStatus.RUNNING, Reason.PROVEN, at=NOON + timedelta(minutes=5))

        assert silences.unproven(pod, now=NOON + timedelta(hours=1)) == timedelta(minutes=2)

    def test_that_the_machine_never_began_are_not_noted(self, pod: Pod) -> None:
        go(pod, PodStatus.REBOOTING, Reason.REBOOT_BY_RENTER, at=NOON)
        silences.note_blind(pod, now=NOON + timedelta(minutes=1))

        assert not pod.events.filter(sub_type=silences.OUT_OF_SIGHT).exists()

    def test_do_not_count_while_the_machine_did_not_start_the_container(self, pod: Pod) -> None:
        go(pod, PodStatus.REBOOTING, Reason.REBOOT_BY_RENTER, at=NOON)
        go(pod, PodStatus.REBOOT_FAILED, Reason.REBOOT_TOO_LATE, at=NOON + timedelta(minutes=5))

        assert silences.unproven(pod, now=NOON + timedelta(hours=1)) == timedelta()

    def test_are_noted_once_each(self, pod: Pod) -> None:
        reboot(pod, at=NOON)
        silences.note_run(pod, now=NOON + timedelta(minutes=2))

        assert pod.events.filter(sub_type=silences.RUNS_AGAIN).count() == 1

    def test_without_minutes_are_an_hour_apart(self, pod: Pod) -> None:
        for minutes in (0, 10, 20):
            silences.require_minutes(pod, done="rebooted", now=NOON + timedelta(minutes=minutes))
            reboot(pod, at=NOON + timedelta(minutes=minutes))
            failed_at = NOON + timedelta(minutes=minutes + 5)
            go(pod, PodStatus.REBOOT_FAILED, Reason.REBOOT_TOO_LATE, at=failed_at)

        with pytest.raises(RanUnproven) as refusal:
            silences.require_minutes(pod, done="rebooted", now=failed_at)
        again_at = failed_at + silences.PAUSE
        assert refusal.value.data["again_at"] == again_at.isoformat()
        silences.require_minutes(pod, done="rebooted", now=again_at)


def reboot(pod: Pod, *, at: datetime) -> None:
    go(pod, PodStatus.REBOOTING, Reason.REBOOT_BY_RENTER, at=at)
    silences.note_run(pod, now=at + timedelta(minutes=1))


class TestFirstStart:
    """Each from when its container ran, at noon."""

    @pytest.mark.parametrize(
        ("reason", "phase", "after", "counted"),
        [
            (Reason.SSH_TOO_LATE, Phase.SSH, timedelta(seconds=90), timedelta(seconds=60)),
            (Reason.REMOVED_BY_RENTER, Phase.SSH, timedelta(seconds=70), timedelta(seconds=40)),
            (Reason.PROVEN, Phase.SSH, timedelta(seconds=70), timedelta(seconds=40)),
            (Reason.PROVEN, Phase.SSH, silences.FIRST_PROOF, timedelta()),
            (Reason.PROGRAM_ENDED, Phase.SSH, timedelta(seconds=3), timedelta()),
            (Reason.MACHINE_UNREACHABLE, Phase.SSH, timedelta(seconds=90), timedelta()),
            (Reason.ENGINE_FAILED, Phase.SSH, timedelta(seconds=90), timedelta()),
            (Reason.IMAGE_TOO_SLOW, Phase.IMAGE, timedelta(minutes=30), timedelta()),
            # The market itself was down meanwhile.
            (Reason.SSH_TOO_LATE, Phase.SSH, timedelta(hours=1), timedelta(seconds=60)),
        ],
    )
    def test_counts_where_the_pod_kept_us_waiting(
        self, reason: Reason, phase: Phase, after: timedelta, counted: timedelta
    ) -> None:
        pod = make_pod(phase=phase, phase_since=NOON)
        to = {Reason.PROVEN: PodStatus.RUNNING, Reason.REMOVED_BY_RENTER: PodStatus.REMOVING}

        go(pod, to.get(reason, PodStatus.FAILED), reason, at=NOON + after)

        assert silences.unproven(pod, now=NOON + timedelta(hours=2)) == counted

    def test_of_a_broken_image_may_be_tried_ten_times_and_then_by_the_hour(self) -> None:
        alice = make_user()
        for tries in range(11):
            at = NOON + timedelta(minutes=2 * tries)
            silences.require_owners_minutes(alice.pk, done="rented", now=at)
            pod = make_pod(workspace=team_of(alice), phase=Phase.SSH, phase_since=at)
            go(pod, PodStatus.FAILED, Reason.SSH_TOO_LATE, at=at + timedelta(seconds=90))

        with pytest.raises(RanUnproven):
            silences.require_owners_minutes(alice.pk, done="rented", now=at + timedelta(hours=1))
        silences.require_owners_minutes(alice.pk, done="rented", now=at + timedelta(minutes=62))


def team_of(user: User) -> Workspace:
    return Workspace.objects.create(name="Team", owner=user)


class TestOwner:
    """Alice's first pod was silent from noon on, for eight minutes."""

    @pytest.fixture
    def alice(self) -> User:
        return make_user()

    @pytest.fixture
    def first(self, alice: User) -> Pod:
        pod = make_pod(workspace=team_of(alice), status=PodStatus.RUNNING, ready_at=NOON)
        fall_silent(pod, at=NOON + TOLD)
        return pod

    ENDED = NOON + timedelta(minutes=8)
    LATER = NOON + timedelta(minutes=30)

    def test_gets_no_new_minutes_with_another_pod(self, alice: User, first: Pod) -> None:
        go(first, PodStatus.REMOVING, Reason.REMOVED_BY_RENTER, at=self.ENDED)

        again = make_pod(workspace=team_of(alice), created_at=self.ENDED)
        bobs = make_pod(created_at=self.ENDED)

        assert silences.unproven(again, now=self.LATER) == timedelta(minutes=8)
        assert silences.unproven(bobs, now=self.LATER) == timedelta()

    def test_gets_none_with_one_that_is_started_again(self, alice: User, first: Pod) -> None:
        kept = make_pod(workspace=team_of(alice), status=PodStatus.STOPPED)
        go(first, PodStatus.REMOVING, Reason.REMOVED_BY_RENTER, at=self.ENDED)

        go(kept, PodStatus.STARTING, Reason.STARTED_BY_RENTER, at=self.ENDED)

        assert silences.unproven(kept, now=self.LATER) == timedelta(minutes=8)

    def test_loses_none_of_a_pod_that_ran_well_meanwhile(self, alice: User, first: Pod) -> None:
        other = make_pod(workspace=team_of(alice), status=PodStatus.RUNNING)
        go(first, PodStatus.REMOVING, Reason.REMOVED_BY_RENTER, at=self.ENDED)

        assert silences.unproven(other, now=self.LATER) == timedelta()

    def test_is_not_held_to_a_pod_that_runs_well_again(self, alice: User, first: Pod) -> None:
        go(first, PodStatus.RUNNING, Reason.RECOVERED, at=self.ENDED)

        again = make_pod(workspace=team_of(alice), created_at=self.ENDED)

        assert silences.unproven(again, now=self.LATER) == timedelta()
        assert silences.unproven(first, now=self.LATER) == timedelta(minutes=8)

    def test_spends_the_same_minutes_with_all_that_are_silent_at_once(
        self, alice: User, first: Pod, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for minutes in (1, 2):
            beside = make_pod(workspace=team_of(alice), status=PodStatus.RUNNING, ready_at=NOON)
            fall_silent(beside, at=NOON + timedelta(minutes=minutes))

        with django_assert_num_queries(1):
            silences.require_owners_minutes(
                alice.pk, done="rented", now=NOON + timedelta(minutes=10)
            )
        with pytest.raises(RanUnproven):
            silences.require_owners_minutes(
                alice.pk, done="rented", now=NOON + timedelta(minutes=10, seconds=1)
            )
