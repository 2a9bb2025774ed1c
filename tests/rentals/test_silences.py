"""The time of a day in which pods ran without proving themselves, added up from what their events say."""

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from accounts.principal import Principal
from core.actors import PLATFORM
from marketplace.machine import MachineUnreachable
from marketplace.models import Notice
from rentals import terms, transitions
from rentals.models import Phase, Pod, PodMeter, PodStatus
from rentals.reasons import Reason
from rentals.services import meter, provisioning, silences
from rentals.services.silences import RanUnproven
from tests.factories.pods import NOON, make_pod
from tests.factories.rentals import make_principal

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

    def test_of_a_broken_image_may_be_tried_thirty_times_and_then_by_the_hour(self) -> None:
        alice = make_principal()
        for tries in range(31):
            at = NOON + timedelta(minutes=2 * tries)
            silences.require_patience(alice.workspace, alice.user, now=at)
            pod = make_pod(workspace=alice.workspace, phase=Phase.SSH, phase_since=at)
            go(pod, PodStatus.FAILED, Reason.SSH_TOO_LATE, at=at + timedelta(seconds=90))

        with pytest.raises(RanUnproven):
            silences.require_patience(alice.workspace, alice.user, now=at + timedelta(hours=1))
        silences.require_patience(alice.workspace, alice.user, now=at + timedelta(minutes=62))


class TestMaintenance:
    def test_counts_nothing(self, pod: Pod) -> None:
        begins, ends = NOON + timedelta(minutes=2), NOON + timedelta(minutes=42)
        Notice.objects.create(node=pod.node, starts_at=begins, minutes=40, created_at=NOON)
        fall_silent(pod, at=NOON + timedelta(minutes=3), told=timedelta(minutes=2))

        assert silences.unproven(pod, now=ends) == timedelta(minutes=1)
        assert silences.unproven(pod, now=ends + timedelta(minutes=5)) == timedelta(minutes=6)


def test_a_run_that_is_noted_after_the_pod_has_moved_on_counts_nothing(pod: Pod) -> None:
    go(pod, PodStatus.REBOOTING, Reason.REBOOT_BY_RENTER, at=NOON)
    go(pod, PodStatus.REMOVING, Reason.REMOVED_BY_RENTER, at=NOON + timedelta(minutes=1))
    silences.note_run(pod, now=NOON + timedelta(minutes=1))

    assert silences.unproven(pod, now=NOON + timedelta(hours=1)) == timedelta()


def test_what_a_market_that_was_down_saw_too_late_is_its_own(pod: Pod) -> None:
    reboot(pod, at=NOON)

    assert silences.unproven(pod, now=NOON + timedelta(hours=1)) == terms.REBOOT_DEADLINE


def test_a_start_without_minutes_has_time_to_prove_itself_once_an_hour(pod: Pod) -> None:
    fall_silent(pod, at=NOON)
    go(pod, PodStatus.STOPPING, Reason.STOPPED_SILENT, at=NOON + timedelta(minutes=11))
    go(pod, PodStatus.STOPPED, Reason.STOPPED_SILENT, at=NOON + timedelta(minutes=12))
    begins = NOON + timedelta(hours=2)
    go(pod, PodStatus.STARTING, Reason.STARTED_BY_RENTER, at=begins)
    silences.note_run(pod, now=begins)

    in_time = begins + terms.PHASE_DEADLINES[Phase.SSH]
    assert silences.unproven(pod, now=in_time - timedelta(seconds=1)) == timedelta()
    assert silences.unproven(pod, now=in_time) > settings.MARKET_SSH_SILENCE

    go(pod, PodStatus.RUNNING, Reason.PROVEN, at=in_time)
    go(pod, PodStatus.REBOOTING, Reason.PROGRAM_ENDED, at=in_time + timedelta(minutes=1))
    again = in_time + timedelta(minutes=1)
    silences.note_run(pod, now=again)
    assert silences.unproven(pod, now=again) > settings.MARKET_SSH_SILENCE


class TestRenter:
    """Alice's pods were silent, eleven minutes each, one after another."""

    @pytest.fixture
    def alice(self) -> Principal:
        return make_principal()

    @staticmethod
    def spend(*, times: int, begin: int = 0, **of: Any) -> datetime:
        """Let pods be silent, and give when the last was removed."""
        for number in range(begin, begin + times):
            at = NOON + timedelta(minutes=20 * number)
            pod = make_pod(status=PodStatus.RUNNING, ready_at=NOON, **of)
            fall_silent(pod, at=at)
            at += timedelta(minutes=11)
            go(pod, PodStatus.REMOVING, Reason.REMOVED_BY_RENTER, at=at)
        return at

    def test_may_meet_with_two_bad_machines_a_day(self, alice: Principal) -> None:
        over = self.spend(times=2, workspace=alice.workspace)

        silences.require_patience(alice.workspace, alice.user, now=over)

    @pytest.mark.parametrize("of", ["workspace", "user"])
    def test_waits_an_hour_after_the_third(self, alice: Principal, of: str) -> None:
        over = self.spend(times=3, **{of: getattr(alice, of)})

        with pytest.raises(RanUnproven, match="rented or started at 2026-11-21 13:51 UTC"):
            silences.require_patience(alice.workspace, alice.user, now=over)
        bob = make_principal()
        silences.require_patience(bob.workspace, bob.user, now=over)
        silences.require_patience(alice.workspace, alice.user, now=over + silences.PAUSE)

    def test_is_not_held_to_pods_that_run_well_again(self, alice: Principal) -> None:
        over = self.spend(times=3, workspace=alice.workspace)
        Pod.objects.update(status=PodStatus.RUNNING)

        silences.require_patience(alice.workspace, alice.user, now=over)

    def test_is_not_held_to_pods_that_were_paid_for_ten_times_as_long(
        self, alice: Principal
    ) -> None:
        over = self.spend(times=3, workspace=alice.workspace)
        PodMeter.objects.update(counted_seconds=10 * (11 * 60 + TOLD.seconds) - 1)
        with pytest.raises(RanUnproven):
            silences.require_patience(alice.workspace, alice.user, now=over)

        PodMeter.objects.update(counted_seconds=10 * (11 * 60 + TOLD.seconds))

        silences.require_patience(alice.workspace, alice.user, now=over)

    def test_hears_no_minute_while_one_is_silent_still(self, alice: Principal) -> None:
        self.spend(times=2, workspace=alice.workspace)
        silent = make_pod(workspace=alice.workspace, status=PodStatus.RUNNING, ready_at=NOON)
        at = NOON + timedelta(minutes=45)
        fall_silent(silent, at=at)

        with pytest.raises(RanUnproven, match="60 minutes after that has ended"):
            silences.require_patience(alice.workspace, alice.user, now=at + timedelta(minutes=10))

    def test_spends_the_same_minutes_with_all_that_are_silent_at_once(
        self, alice: Principal, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for minutes in (1, 2, 3, 4):
            beside = make_pod(workspace=alice.workspace, status=PodStatus.RUNNING, ready_at=NOON)
            fall_silent(beside, at=NOON + timedelta(minutes=minutes))

        with django_assert_num_queries(2):
            silences.require_patience(alice.workspace, alice.user, now=NOON + timedelta(minutes=30))
        with pytest.raises(RanUnproven):
            silences.require_patience(alice.workspace, alice.user, now=NOON + timedelta(minutes=31))
