"""The decision table: what is seen of a pod leads to one step, and no answer is never evidence."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from rentals import terms
from rentals.actions import Action, Step
from rentals.decisions import decide
from rentals.engine import Image, Observed
from rentals.models import Phase, PodStatus
from rentals.observations import UNSEEN, Contact, Readiness, Seen, Subject
from rentals.reasons import Reason, node_at_fault
from rentals.transitions import ALLOWED

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STARTED = NOW - timedelta(minutes=4)
IMAGE = Image(digest="sha256:1", size_bytes=1, command=())
GPUS = frozenset({"GPU-1", "GPU-2"})
GONE = Observed(exists=False)
UP = Observed(exists=True, running=True, status="running", started_at=STARTED)
CREATED = Observed(exists=True, running=False, status="created")
ENDED = Observed(exists=True, running=False, status="exited", exit_code=3, started_at=STARTED)
RESTARTED = Observed(exists=True, running=True, status="running", started_at=NOW)
DIED_AGAIN = Observed(exists=True, running=False, status="exited", exit_code=1, started_at=NOW)
GOOD = Readiness(banner="SSH-2.0-OpenSSH", host_key_matches=True, gpus=GPUS)
NO_BANNER = Readiness()
OTHER_KEY = Readiness(banner="SSH-2.0-OpenSSH", host_key_matches=False, gpus=GPUS)
ONE_GPU = Readiness(banner="SSH-2.0-OpenSSH", host_key_matches=True, gpus=frozenset({"GPU-1"}))
UNKNOWN_GPUS = Readiness(banner="SSH-2.0-OpenSSH", host_key_matches=True, gpus=None)
SILENT = Seen(contact=Contact.SILENT, error="timed out")
REFUSED = Seen(contact=Contact.REFUSED, error="wrong key")
ENGINE_SILENT = Seen(contact=Contact.ENGINE_SILENT, error="no daemon")
NO_ANSWER = (SILENT, REFUSED, ENGINE_SILENT)


def pod(status: PodStatus, **fields: object) -> Subject:
    values = {
        "status": status,
        "status_since": STARTED,
        "deadline_at": NOW + timedelta(minutes=1),
        "container_started_at": STARTED.isoformat(),
        "gpus": GPUS,
        **fields,
    }
    return Subject(**values)  # type: ignore[arg-type]


def seen(
    container: Observed | None = None, readiness: Readiness | None = None, **fields: object
) -> Seen:
    return Seen(contact=Contact.ANSWERED, container=container, readiness=readiness, **fields)  # type: ignore[arg-type]


def leads_to(step: Step) -> tuple[object, ...]:
    if step.action is Action.EXPLAIN:
        return (step.action, step.reason)
    return (step.action, step.to, step.reason) if step.to else (step.action,)


GPUS_UNTOLD = seen(UP, UNKNOWN_GPUS, trouble=Reason.GPUS_UNAVAILABLE)
LATE = {"deadline_at": NOW - timedelta(seconds=1)}
LONG_AGO = {"status_since": NOW - timedelta(hours=2)}
BLIND = {"reason": Reason.MACHINE_SILENT}
MUTE = {"reason": Reason.SSH_SILENT}
MUTE_FOR_LONG = {**MUTE, "unproven": timedelta(minutes=11)}
MUTE_FOR_A_WHILE = {**MUTE, "unproven": timedelta(minutes=10)}
JUST_LOST_SIGHT = {"status_since": NOW - timedelta(minutes=1)}
# The eleven minutes of today were used up before it fell silent.
SPENT = {**MUTE, **JUST_LOST_SIGHT, "unproven": timedelta(minutes=12)}
DAYS_AGO = {"status_since": NOW - timedelta(days=4)}
WEEKS_AGO = {"status_since": NOW - timedelta(days=8)}
FREE = {"holds_gpus": False}
GONE_ALREADY = {"is_gone": True}
DOUBTED = {"attempt": terms.SILENT_LOOKS - 1}
P, R, U = PodStatus.PENDING, PodStatus.RUNNING, PodStatus.UNREACHABLE
B, BF, ST = PodStatus.REBOOTING, PodStatus.REBOOT_FAILED, PodStatus.STARTING
SG, SD, L = PodStatus.STOPPING, PodStatus.STOPPED, PodStatus.LOST
F, RG, RD = PodStatus.FAILED, PodStatus.REMOVING, PodStatus.REMOVED
A = Action

TABLE = [
    # A start: adopt or create, pull where the image is missing, prove; deadlines and faults end it.
    ("goes on elsewhere", P, {}, UNSEEN, (A.LOOK,)),
    ("nothing there", P, {}, seen(GONE), (A.FIND_IMAGE,)),
    ("image missing", P, {}, seen(GONE, image_missing=True), (A.PULL,)),
    ("image there", P, {}, seen(GONE, image=IMAGE), (A.CREATE,)),
    ("half made", P, {}, seen(CREATED, image=IMAGE), (A.CREATE,)),
    ("up, unproven", P, {}, seen(UP), (A.PROBE,)),
    ("up, no banner yet", P, {}, seen(UP, NO_BANNER), (A.LOOK,)),
    ("up, GPUs unknown", P, {}, seen(UP, UNKNOWN_GPUS), (A.LOOK,)),
    ("proven", P, {}, seen(UP, GOOD), (A.MOVE, R, Reason.PROVEN)),
    ("proven at the last moment", P, LATE, seen(UP, GOOD), (A.MOVE, R, Reason.PROVEN)),
    ("ended at once", P, {}, seen(ENDED), (A.MOVE, F, Reason.PROGRAM_ENDED)),
    ("other key", P, {}, seen(UP, OTHER_KEY), (A.MOVE, F, Reason.WRONG_HOST_KEY)),
    ("too few GPUs", P, {}, seen(UP, ONE_GPU), (A.MOVE, F, Reason.GPUS_UNAVAILABLE)),
    ("port taken", P, {}, seen(trouble=Reason.PORT_TAKEN), (A.MOVE, F, Reason.PORT_TAKEN)),
    ("disk full", P, {}, seen(trouble=Reason.DISK_FULL), (A.MOVE, F, Reason.DISK_FULL)),
    ("no such image", P, {}, seen(trouble=Reason.IMAGE_UNAVAILABLE), (A.MOVE, F, Reason.IMAGE_UNAVAILABLE)),
    ("silent", P, {}, SILENT, (A.WAIT,)),
    ("engine silent", P, {}, ENGINE_SILENT, (A.WAIT,)),
    ("refused", P, {}, REFUSED, (A.MOVE, F, Reason.MACHINE_REFUSED)),
    ("silent too long", P, LATE, SILENT, (A.MOVE, F, Reason.MACHINE_UNREACHABLE)),
    ("engine silent too long", P, LATE, ENGINE_SILENT, (A.MOVE, F, Reason.ENGINE_FAILED)),
    ("late, not looked at yet", P, {**LATE, "phase": Phase.SSH}, UNSEEN, (A.LOOK,)),
    ("late, not probed yet", P, {**LATE, "phase": Phase.SSH}, seen(UP), (A.PROBE,)),
    ("waited too long for us", P, LATE, Seen(container=GONE), (A.FIND_IMAGE,)),
    ("asked for nothing while the market was down", P, {**LATE, "phase": Phase.CONNECTING}, Seen(container=GONE), (A.FIND_IMAGE,)),
    ("answered late, image there", P, {**LATE, "phase": Phase.CONNECTING}, seen(GONE, image=IMAGE), (A.CREATE,)),
    ("answered late, image missing", P, {**LATE, "phase": Phase.CONNECTING}, seen(GONE, image_missing=True), (A.PULL,)),
    ("pulled at the last moment", P, {**LATE, "phase": Phase.IMAGE}, seen(GONE, image=IMAGE), (A.CREATE,)),
    ("pull too long", P, {**LATE, "phase": Phase.IMAGE}, seen(GONE, image_missing=True), (A.MOVE, F, Reason.IMAGE_TOO_SLOW)),
    ("made too late", P, {**LATE, "phase": Phase.CONTAINER}, seen(GONE), (A.MOVE, F, Reason.STARTED_TOO_LATE)),
    ("SSH too late", P, {**LATE, "phase": Phase.SSH}, seen(UP, NO_BANNER), (A.MOVE, F, Reason.SSH_TOO_LATE)),
    # Running: only evidence moves it at once.
    ("fresh look", R, {}, UNSEEN, (A.LOOK,)),
    ("unproven", R, {}, seen(UP), (A.PROBE,)),
    ("good", R, {}, seen(UP, GOOD), (A.KEEP,)),
    ("container gone", R, {}, seen(GONE), (A.MOVE, L, Reason.LOST_CONTAINER)),
    ("container ended", R, {}, seen(ENDED), (A.MOVE, B, Reason.CONTAINER_EXITED)),
    ("container ended since the boot", R, {}, seen(ENDED, booted_at=STARTED - timedelta(days=1)), (A.MOVE, B, Reason.CONTAINER_EXITED)),
    ("machine rebooted", R, {}, seen(ENDED, booted_at=NOW), (A.MOVE, B, Reason.MACHINE_REBOOTED)),
    ("restarted by somebody", R, {}, seen(RESTARTED, GOOD), (A.MOVE, B, Reason.CONTAINER_RESTARTED)),
    ("first silence", R, {}, SILENT, (A.WAIT,)),
    ("third silence", R, DOUBTED, SILENT, (A.MOVE, U, Reason.MACHINE_SILENT)),
    ("third engine silence", R, DOUBTED, ENGINE_SILENT, (A.MOVE, U, Reason.ENGINE_SILENT)),
    ("first missing banner", R, {}, seen(UP, NO_BANNER), (A.WAIT,)),
    ("third missing banner", R, DOUBTED, seen(UP, NO_BANNER), (A.MOVE, U, Reason.SSH_SILENT)),
    ("another server thrice", R, DOUBTED, seen(UP, OTHER_KEY), (A.MOVE, U, Reason.WRONG_HOST_KEY)),
    ("GPU fell off", R, {}, seen(UP, ONE_GPU), (A.MOVE, U, Reason.GPUS_MISSING)),
    ("GPUs untold", R, {}, GPUS_UNTOLD, (A.WAIT,)),
    ("shown to run and said not to", R, {}, seen(UP, UNKNOWN_GPUS), (A.WAIT,)),
    ("ended while it was proven", R, {}, seen(ENDED, UNKNOWN_GPUS), (A.MOVE, B, Reason.CONTAINER_EXITED)),
    ("GPUs untold thrice", R, DOUBTED, GPUS_UNTOLD, (A.MOVE, U, Reason.GPUS_MISSING)),
    # Unreachable: nothing is killed, evidence brings it back or ends it, else the deadline.
    ("still silent", U, BLIND, SILENT, (A.WAIT,)),
    ("silent once the pod was mute", U, MUTE, SILENT, (A.EXPLAIN, Reason.MACHINE_SILENT)),
    ("engine silent once the pod was mute", U, MUTE, ENGINE_SILENT, (A.EXPLAIN, Reason.ENGINE_SILENT)),
    ("mute once the machine was silent", U, BLIND, seen(UP, NO_BANNER), (A.EXPLAIN, Reason.SSH_SILENT)),
    ("another server once the machine was silent", U, BLIND, seen(UP, OTHER_KEY), (A.EXPLAIN, Reason.WRONG_HOST_KEY)),
    ("without GPUs once the machine was silent", U, BLIND, seen(UP, ONE_GPU), (A.EXPLAIN, Reason.GPUS_MISSING)),
    ("GPUs untold once the machine was silent", U, BLIND, GPUS_UNTOLD, (A.EXPLAIN, Reason.GPUS_MISSING)),
    ("machine silent once the engine was", U, {"reason": Reason.ENGINE_SILENT}, SILENT, (A.WAIT,)),
    ("answers again", U, {}, UNSEEN, (A.LOOK,)),
    ("up again, unproven", U, {}, seen(UP), (A.PROBE,)),
    ("proven again", U, {}, seen(UP, GOOD), (A.MOVE, R, Reason.RECOVERED)),
    ("proven after the deadline", U, LONG_AGO, seen(UP, GOOD), (A.MOVE, R, Reason.RECOVERED)),
    ("came back without it", U, {}, seen(GONE), (A.MOVE, L, Reason.LOST_CONTAINER)),
    ("came back rebooted", U, {}, seen(ENDED, booted_at=NOW), (A.MOVE, B, Reason.MACHINE_REBOOTED)),
    ("still no banner", U, MUTE, seen(UP, NO_BANNER), (A.WAIT,)),
    ("silent past the deadline", U, LONG_AGO, SILENT, (A.MOVE, L, Reason.LOST_MACHINE)),
    ("silent after the market was down", U, {**JUST_LOST_SIGHT, **BLIND}, SILENT, (A.WAIT,)),
    ("mute after the market was down", U, {**JUST_LOST_SIGHT, **MUTE}, seen(UP, NO_BANNER), (A.WAIT,)),
    ("back past the deadline: looked at", U, LONG_AGO, UNSEEN, (A.LOOK,)),
    ("back past the deadline: probed", U, LONG_AGO, seen(UP), (A.PROBE,)),
    ("back past the deadline: started again", U, LONG_AGO, seen(ENDED), (A.MOVE, B, Reason.CONTAINER_EXITED)),
    ("mute past the deadline", U, LONG_AGO, seen(UP, NO_BANNER), (A.MOVE, L, Reason.LOST_MACHINE)),
    ("mute for some of a day", U, MUTE_FOR_A_WHILE, seen(UP, NO_BANNER), (A.WAIT,)),
    ("mute for too much of a day", U, MUTE_FOR_LONG, seen(UP, NO_BANNER), (A.MOVE, SG, Reason.STOPPED_SILENT)),
    ("another server for too much of a day", U, MUTE_FOR_LONG, seen(UP, OTHER_KEY), (A.MOVE, SG, Reason.STOPPED_SILENT)),
    ("mute for long, proven again", U, MUTE_FOR_LONG, seen(UP, GOOD), (A.MOVE, R, Reason.RECOVERED)),
    ("silent without minutes, proven again", U, SPENT, seen(UP, GOOD), (A.MOVE, SG, Reason.STOPPED_SILENT)),
    ("blind without minutes, proven again", U, {**SPENT, **BLIND}, seen(UP, GOOD), (A.MOVE, R, Reason.RECOVERED)),
    ("without GPUs for too much of a day", U, MUTE_FOR_LONG, seen(UP, ONE_GPU), (A.MOVE, SG, Reason.STOPPED_SILENT)),
    ("GPUs untold for too much of a day", U, MUTE_FOR_LONG, GPUS_UNTOLD, (A.MOVE, SG, Reason.STOPPED_SILENT)),
    ("GPUs untold for some of a day", U, MUTE_FOR_A_WHILE, GPUS_UNTOLD, (A.WAIT,)),
    ("mute for long, not looked at", U, MUTE_FOR_LONG, UNSEEN, (A.LOOK,)),
    ("mute for long, the machine silent now", U, MUTE_FOR_LONG, SILENT, (A.EXPLAIN, Reason.MACHINE_SILENT)),
    ("mute for long, the engine silent now", U, MUTE_FOR_LONG, ENGINE_SILENT, (A.EXPLAIN, Reason.ENGINE_SILENT)),
    # Rebooting: restart once, prove, or fail; the container is never removed.
    ("look first", B, {}, UNSEEN, (A.LOOK,)),
    ("not restarted yet", B, {}, seen(UP), (A.RESTART,)),
    ("ended", B, {}, seen(ENDED), (A.START,)),
    ("restarted", B, {}, seen(RESTARTED), (A.PROBE,)),
    ("restarted and proven", B, {}, seen(RESTARTED, GOOD), (A.MOVE, R, Reason.PROVEN)),
    ("died again", B, {}, seen(DIED_AGAIN), (A.MOVE, BF, Reason.PROGRAM_ENDED)),
    ("gone", B, {}, seen(GONE), (A.MOVE, BF, Reason.LOST_CONTAINER)),
    ("silent", B, {}, SILENT, (A.WAIT,)),
    ("silent too long", B, LATE, SILENT, (A.MOVE, BF, Reason.MACHINE_UNREACHABLE)),
    ("engine silent too long", B, LATE, ENGINE_SILENT, (A.MOVE, BF, Reason.ENGINE_FAILED)),
    ("mute for some of a day", B, MUTE_FOR_A_WHILE, seen(RESTARTED, NO_BANNER), (A.LOOK,)),
    ("mute for too much of a day", B, MUTE_FOR_LONG, seen(RESTARTED, NO_BANNER), (A.MOVE, BF, Reason.STOPPED_SILENT)),
    ("mute for too much of a day and late", B, {**MUTE_FOR_LONG, **LATE}, seen(RESTARTED, NO_BANNER), (A.MOVE, BF, Reason.STOPPED_SILENT)),
    ("mute for long, not probed yet", B, MUTE_FOR_LONG, seen(RESTARTED), (A.PROBE,)),
    ("mute for long, proven", B, MUTE_FOR_LONG, seen(RESTARTED, GOOD), (A.MOVE, R, Reason.PROVEN)),
    ("mute for long, the machine silent now", B, MUTE_FOR_LONG, SILENT, (A.WAIT,)),
    ("mute too long", B, LATE, seen(RESTARTED, NO_BANNER), (A.MOVE, BF, Reason.REBOOT_TOO_LATE)),
    ("late, not looked at yet", B, LATE, UNSEEN, (A.LOOK,)),
    ("late, not probed yet", B, LATE, seen(RESTARTED), (A.PROBE,)),
    ("late and never started", B, LATE, seen(ENDED), (A.MOVE, BF, Reason.REBOOT_TOO_LATE)),
    # Starting again: the same, but it ends stopped, once the machine shows that it is.
    ("look first", ST, {}, UNSEEN, (A.LOOK,)),
    ("stopped", ST, {}, seen(ENDED), (A.START,)),
    ("started", ST, {}, seen(RESTARTED), (A.PROBE,)),
    ("proven", ST, {}, seen(RESTARTED, GOOD), (A.MOVE, R, Reason.PROVEN)),
    ("data gone", ST, {}, seen(GONE), (A.MOVE, SG, Reason.DATA_GONE)),
    ("too late", ST, LATE, SILENT, (A.MOVE, SG, Reason.MACHINE_UNREACHABLE)),
    ("mute for too much of a day", ST, MUTE_FOR_LONG, seen(RESTARTED, NO_BANNER), (A.MOVE, SG, Reason.STOPPED_SILENT)),
    ("GPUs gone", ST, {}, seen(trouble=Reason.GPUS_UNAVAILABLE), (A.MOVE, SG, Reason.GPUS_UNAVAILABLE)),
    # Stopping and removing: repeated until the machine shows it.
    ("stop", SG, {}, UNSEEN, (A.STOP,)),
    ("stop once more", SG, {}, seen(UP), (A.STOP,)),
    ("stopped", SG, {}, seen(ENDED), (A.MOVE, SD, Reason.COMPUTE_STOPPED)),
    ("stopped after a start that failed", SG, {"reason": Reason.REBOOT_TOO_LATE}, seen(ENDED), (A.MOVE, SD, Reason.REBOOT_TOO_LATE)),
    ("nothing to stop", SG, {}, seen(GONE), (A.MOVE, SD, Reason.DATA_GONE)),
    ("silent", SG, {}, SILENT, (A.WAIT,)),
    ("remove", RG, {}, UNSEEN, (A.REMOVE,)),
    ("remove once more", RG, {}, seen(UP), (A.REMOVE,)),
    ("removed", RG, {}, seen(GONE), (A.MOVE, RD, Reason.CONTAINER_GONE_AS_ASKED)),
    ("silent", RG, LATE, SILENT, (A.WAIT,)),
    ("trouble", RG, {}, seen(trouble=Reason.ENGINE_FAILED), (A.WAIT,)),
    # At rest.
    ("rests", SD, {}, UNSEEN, (A.WAIT,)),
    ("rests", RD, {}, UNSEEN, (A.WAIT,)),
    # Failed to start: cleared away until the machine shows it, whatever is shown to the renter.
    ("nothing left", F, GONE_ALREADY, UNSEEN, (A.WAIT,)),
    ("something may be left", F, {}, UNSEEN, (A.REMOVE,)),
    ("something is left", F, {}, seen(ENDED), (A.REMOVE,)),
    ("shown to be gone", F, {}, seen(GONE), (A.GIVE_BACK,)),
    ("silent", F, {}, SILENT, (A.WAIT,)),
    ("shown long enough", F, {**GONE_ALREADY, **LONG_AGO}, UNSEEN, (A.MOVE, RD, Reason.ENDED_UNSTARTED)),
    ("shown long enough, not cleared away", F, LONG_AGO, SILENT, (A.MOVE, RG, Reason.ENDED_UNSTARTED)),
    # Stopped: kept for some days, whatever the machine shows.
    ("for days", SD, {**FREE, **DAYS_AGO}, UNSEEN, (A.WAIT,)),
    ("for a week", SD, {**FREE, **WEEKS_AGO}, SILENT, (A.MOVE, RG, Reason.REMOVED_DATA_GRACE)),
    # Given up: stopped until the machine shows it, the files kept for a while.
    *[
        row
        for given_up in (L, BF)
        for row in (
            ("not looked at", given_up, {}, UNSEEN, (A.STOP,)),
            ("still computing", given_up, {}, seen(UP), (A.STOP,)),
            ("silent", given_up, {}, SILENT, (A.WAIT,)),
            ("shown to be stopped", given_up, {}, seen(ENDED), (A.GIVE_BACK,)),
            ("shown to be gone", given_up, {}, seen(GONE), (A.GIVE_BACK,)),
            ("stopped", given_up, FREE, UNSEEN, (A.WAIT,)),
            ("for long", given_up, DAYS_AGO, SILENT, (A.MOVE, RG, Reason.REMOVED_DATA_GRACE)),
        )
    ],
]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "fields", "world", "expected"),
    [row[1:] for row in TABLE],
    ids=[f"{row[1].value}: {row[0]}" for row in TABLE],
)
def test_the_table(
    status: PodStatus, fields: dict[str, object], world: Seen, expected: tuple[object, ...]
) -> None:
    assert leads_to(decide(pod(status, **fields), world, now=NOW)) == expected


WORLDS = [
    UNSEEN,
    *NO_ANSWER,
    *[
        seen(container, readiness)
        for container, readiness in product(
            (None, GONE, UP, CREATED, ENDED, RESTARTED, DIED_AGAIN),
            (None, GOOD, NO_BANNER, OTHER_KEY, ONE_GPU, UNKNOWN_GPUS),
        )
    ],
    *[seen(trouble=reason) for reason in (Reason.PORT_TAKEN, Reason.ENGINE_FAILED)],
]
EVERYTHING = list(product(PodStatus, ({}, LATE, LONG_AGO, DOUBTED, FREE), WORLDS))


class TestEveryWorld:
    """Properties that hold for each status in each world."""

    def test_a_step_leads_only_where_the_states_allow(self) -> None:
        for status, fields, world in EVERYTHING:
            step = decide(pod(status, **fields), world, now=NOW)

            assert step.to is None or step.to in ALLOWED[status], (status, world, step)

    def test_no_answer_moves_nothing_before_its_deadline(self) -> None:
        for status, world in product(set(PodStatus) - {P}, NO_ANSWER):
            step = decide(pod(status), world, now=NOW)

            assert step.action is A.WAIT, (status, world, step)

    def test_running_comes_only_from_a_whole_proof(self) -> None:
        for status, fields, world in EVERYTHING:
            step = decide(pod(status, **fields), world, now=NOW)

            if step.to is R or step.action is A.KEEP:
                assert world.readiness == GOOD, (status, world)
                assert world.container is not None
                assert world.container.running

    def test_a_container_is_removed_only_for_a_removal_or_a_failed_start(self) -> None:
        for status, fields, world in EVERYTHING:
            step = decide(pod(status, **fields), world, now=NOW)

            if step.action is A.REMOVE:
                assert status in {RG, F}, (status, world, step)

    def test_gpus_are_given_back_only_where_no_container_runs(self) -> None:
        for status, fields, world in EVERYTHING:
            step = decide(pod(status, **fields), world, now=NOW)

            if step.action is A.GIVE_BACK or step.to in {SD, RD}:
                shown = world.container and not world.container.running
                assert shown or fields == FREE, (status, world, step)

    def test_a_due_end_is_obeyed_in_every_living_state(self) -> None:
        due = {"removal_scheduled_at": NOW}
        for status, world in product(PodStatus, WORLDS):
            step = decide(pod(status, **due), world, now=NOW)

            ends = step.to is RG and step.reason is Reason.REMOVED_ON_SCHEDULE
            assert ends == (status not in {F, RG, RD})


class TestFault:
    @pytest.mark.parametrize(
        "reason", [Reason.PORT_TAKEN, Reason.GPUS_UNAVAILABLE, Reason.MACHINE_UNREACHABLE]
    )
    def test_counts_against_the_node(self, reason: Reason) -> None:
        assert node_at_fault(reason)

    @pytest.mark.parametrize(
        "reason", [Reason.IMAGE_UNAVAILABLE, Reason.PROGRAM_ENDED, Reason.STARTED_TOO_LATE]
    )
    def test_spares_the_node(self, reason: Reason) -> None:
        assert not node_at_fault(reason)


def test_backoff_doubles_up_to_a_minute() -> None:
    waits = [terms.backoff(attempt).total_seconds() for attempt in (0, 1, 2, 5, 6, 99)]

    assert waits == [1, 2, 4, 32, 60, 60]


class TestMaintenance:
    """What a machine does in its announced maintenance ends no pod."""

    @pytest.mark.parametrize(
        "status", [PodStatus.UNREACHABLE, PodStatus.REBOOTING, PodStatus.STARTING]
    )
    def test_nothing_is_given_up_while_the_machine_is_away(self, status: PodStatus) -> None:
        away = pod(status, **LONG_AGO, **LATE, away_until=NOW + timedelta(minutes=1))

        assert decide(away, SILENT, now=NOW).action is Action.WAIT

    def test_a_port_that_is_silent_meanwhile_stops_nothing(self) -> None:
        away = pod(PodStatus.UNREACHABLE, **MUTE_FOR_LONG, away_until=NOW + timedelta(minutes=1))

        assert decide(away, seen(UP, NO_BANNER), now=NOW).action is Action.WAIT

    def test_the_time_to_lost_counts_from_its_end(self) -> None:
        back = pod(PodStatus.UNREACHABLE, **LONG_AGO, away_until=NOW - timedelta(minutes=29))
        late = pod(PodStatus.UNREACHABLE, **LONG_AGO, away_until=NOW - timedelta(minutes=31))

        assert decide(back, SILENT, now=NOW).action is Action.WAIT
        assert decide(late, SILENT, now=NOW).to is PodStatus.LOST
