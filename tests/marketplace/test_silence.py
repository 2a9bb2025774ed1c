"""Silence is judged for the whole market at once: a few machines go offline, all of them at once are ourselves."""

import socket
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from marketplace.models import Alert, CheckRun, Node, NodeStatus, Notice, Trigger
from marketplace.selectors import standing_of
from marketplace.services import checking, heartbeat, outage, silence
from tests.factories.marketplace import NOON, make_gpu_model, make_node, make_provider

pytestmark = pytest.mark.django_db
STEP = heartbeat.PROBE_EVERY
OFFLINE, AVAILABLE = NodeStatus.OFFLINE, NodeStatus.AVAILABLE


def market(count: int, **fields: object) -> list[Node]:
    return [make_node(gpu_count=1, **fields) for _ in range(count)]


def pass_time(*, silent: list[Node], answering: list[Node], times: int, start: int = 0) -> datetime:
    """Probe every node so many times, as the schedule would; give the moment after the last."""
    for index in range(start, start + times):
        moment = NOON + index * STEP
        for node in silent:
            heartbeat.record_missed(node_id=node.pk, why="", now=moment)
        for node in answering:
            heartbeat.record_seen(node_id=node.pk, boot_id="a", now=moment)
    return NOON + (start + times - 1) * STEP + timedelta(seconds=1)


def statuses() -> list[str]:
    return list(Node.objects.order_by("pk").values_list("status", flat=True))


def open_alerts() -> list[str]:
    return list(Alert.objects.filter(closed_at=None).values_list("kind", flat=True))


class TestOffline:
    def test_three_misses_in_a_minute_are_nothing(self) -> None:
        nodes = market(2)

        assert silence.sweep(pass_time(silent=nodes[:1], answering=nodes[1:], times=3)) == 0

    def test_one_miss_however_long_ago_is_nothing(self) -> None:
        nodes = market(2)
        pass_time(silent=nodes[:1], answering=[], times=1)

        assert silence.sweep(pass_time(silent=[], answering=nodes[1:], times=8)) == 0

    def test_the_silence_of_an_announced_maintenance_is_no_surprise(self) -> None:
        away, others = make_node(status=NodeStatus.RECLAIMING), market(2)
        Notice.objects.create(node=away, starts_at=NOON, minutes=30, created_at=NOON)

        silence.sweep(pass_time(silent=[away], answering=others, times=6))

        assert statuses()[0] == NodeStatus.RECLAIMING

    def test_misses_over_a_minute_and_a_half_are_offline_with_a_reason(self) -> None:
        nodes = market(2)

        assert silence.sweep(pass_time(silent=nodes[:1], answering=nodes[1:], times=4)) == 1

        assert statuses() == [OFFLINE, AVAILABLE]
        event = nodes[0].events.get()
        assert event.reason_code == "not_answering"
        assert "4 probes over 91 s" in event.reason

    def test_renter_provider_and_operator_read_the_same_words(self) -> None:
        node = make_node()
        silence.sweep(pass_time(silent=[node], answering=[], times=4))
        node.refresh_from_db()

        assert standing_of(node).message == node.status_reason == node.events.get().reason

    def test_the_only_machine_of_a_market_can_go(self) -> None:
        silence.sweep(pass_time(silent=market(1), answering=[], times=4))

        assert statuses() == [OFFLINE]

    def test_a_machine_in_maintenance_goes_too(self) -> None:
        nodes = [*market(1, status=NodeStatus.RECLAIMING), *market(1)]

        silence.sweep(pass_time(silent=nodes[:1], answering=nodes[1:], times=4))

        assert statuses() == [OFFLINE, AVAILABLE]

    def test_at_most_so_many_go_in_a_window_and_operators_hear_of_the_rest(self) -> None:
        nodes = market(20)
        now = pass_time(silent=nodes[:6], answering=nodes[6:], times=4)

        for _ in range(3):
            silence.sweep(now)
        held = statuses().count(OFFLINE), open_alerts()
        later = pass_time(silent=nodes[:6], answering=nodes[6:], times=24, start=4)
        silence.sweep(later)
        silence.sweep(later)

        assert held == (silence.AT_MOST, [silence.MANY_OFFLINE])
        assert (statuses().count(OFFLINE), open_alerts()) == (6, [])


class TestOurselves:
    def test_three_of_ten_is_them(self) -> None:
        nodes = market(10)

        assert silence.sweep(pass_time(silent=nodes[:3], answering=nodes[3:], times=4)) == 3

        assert open_alerts() == []

    def test_ten_of_ten_is_us_nothing_moves_and_one_alert_is_open(self) -> None:
        nodes = market(10)
        now = pass_time(silent=nodes, answering=[], times=4)

        for seconds in range(0, 600, 10):
            silence.sweep(now + timedelta(seconds=seconds))

        assert set(statuses()) == {AVAILABLE}
        assert Alert.objects.get().kind == outage.OWN_NETWORK
        assert Alert.objects.get().detail.startswith("10 of 10 machines fell silent together")

    def test_the_alert_opens_before_anything_could_be_concluded(self) -> None:
        now = pass_time(silent=market(10), answering=[], times=2)

        silence.sweep(now)

        assert open_alerts() == [outage.OWN_NETWORK]

    def test_it_closes_by_itself_and_every_machine_is_asked_anew_first(self) -> None:
        nodes = market(10)
        silence.sweep(pass_time(silent=nodes, answering=[], times=6))

        # The network is back: eight were asked already, the turn of two comes later.
        back = pass_time(silent=[], answering=nodes[:8], times=1, start=6)
        silence.sweep(back)
        after = open_alerts(), set(statuses())
        last = pass_time(silent=[], answering=nodes, times=4, start=7)
        silence.sweep(last)

        assert after == ([], {AVAILABLE})
        assert set(statuses()) == {AVAILABLE}

    def test_who_is_still_silent_after_our_outage_goes_then(self) -> None:
        nodes = market(10)
        silence.sweep(pass_time(silent=nodes, answering=[], times=6))
        silence.sweep(pass_time(silent=nodes[:1], answering=nodes[1:], times=1, start=6))

        silence.sweep(pass_time(silent=nodes[:1], answering=nodes[1:], times=4, start=7))

        assert statuses() == [OFFLINE] + [AVAILABLE] * 9

    def test_machines_that_nobody_asked_vouch_for_nothing(self) -> None:
        nodes = market(3)
        now = pass_time(silent=nodes[:1], answering=[], times=4)

        assert silence.sweep(now) == 0
        assert open_alerts() == []

    def test_a_dead_uplink_is_us_however_few_are_silent(
        self, settings: Settings, closed_port: int
    ) -> None:
        settings.MARKET_UPLINK_ANCHORS = [f"127.0.0.1:{closed_port}"]
        nodes = market(10)

        assert silence.sweep(pass_time(silent=nodes[:2], answering=nodes[2:], times=4)) == 0
        assert open_alerts() == [outage.OWN_NETWORK]

    def test_one_anchor_that_answers_is_enough(self, settings: Settings, closed_port: int) -> None:
        nodes = market(10)
        with socket.create_server(("127.0.0.1", 0)) as open_port:
            port = open_port.getsockname()[1]
            settings.MARKET_UPLINK_ANCHORS = [f"127.0.0.1:{closed_port}", f"127.0.0.1:{port}"]

            assert silence.sweep(pass_time(silent=nodes[:2], answering=nodes[2:], times=4)) == 2

    def test_one_provider_does_not_make_us_doubt_ourselves(self) -> None:
        """However many machines it switches off, it has one voice; the cap of a window still holds."""
        theirs, others = market(12, provider=make_provider()), market(3)

        moved = silence.sweep(pass_time(silent=theirs, answering=others, times=4))

        assert (moved, open_alerts()) == (silence.AT_MOST, [silence.MANY_OFFLINE])

    def test_half_of_every_provider_is_us(self) -> None:
        providers = [make_provider() for _ in range(10)]
        silent = [make_node(gpu_count=1, provider=provider) for provider in providers]
        answering = [make_node(gpu_count=1, provider=provider) for provider in providers]

        assert silence.sweep(pass_time(silent=silent, answering=answering, times=4)) == 0
        assert open_alerts() == [outage.OWN_NETWORK]

    def test_a_silence_that_lasts_while_others_answer_is_theirs(self) -> None:
        nodes = market(10)
        first = pass_time(silent=nodes[:4], answering=nodes[4:], times=4)
        silence.sweep(first)
        doubted = open_alerts(), set(statuses())

        silence.sweep(pass_time(silent=nodes[:4], answering=nodes[4:], times=20, start=4))
        silence.sweep(pass_time(silent=nodes[:4], answering=nodes[4:], times=4, start=24))

        assert doubted == ([outage.OWN_NETWORK], {AVAILABLE})
        assert statuses().count(OFFLINE) == silence.AT_MOST
        assert open_alerts() == [silence.MANY_OFFLINE]

    @pytest.mark.parametrize("anchored", [False, True])
    def test_where_nobody_answers_only_an_anchor_can_vouch_for_us(
        self, settings: Settings, anchored: bool
    ) -> None:
        nodes = market(4)
        silence.sweep(pass_time(silent=nodes, answering=[], times=4))
        with socket.create_server(("127.0.0.1", 0)) as server:
            settings.MARKET_UPLINK_ANCHORS = [f"127.0.0.1:{server.getsockname()[1]}"] * anchored
            silence.sweep(pass_time(silent=nodes, answering=[], times=24, start=4))
            silence.sweep(pass_time(silent=nodes, answering=[], times=4, start=28))

        assert statuses().count(OFFLINE) == (silence.AT_MOST if anchored else 0)

    def test_machines_that_answer_are_checked_meanwhile(self) -> None:
        nodes = market(10)
        silence.sweep(now := pass_time(silent=nodes[:4], answering=nodes[4:], times=4))
        Node.objects.update(next_checks_at=now)

        assert outage.declared()
        assert checking.sweep(now) == 6

    @pytest.fixture
    def closed_port(self) -> Iterator[int]:
        # Bound and not listening: nobody else can take the port meanwhile.
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            yield taken.getsockname()[1]


class TestGone:
    def test_after_a_day_it_is_not_detected_with_the_reason(self) -> None:
        nodes = market(2)
        pass_time(silent=nodes[:1], answering=[], times=4)
        Node.objects.filter(pk=nodes[0].pk).update(status=OFFLINE)
        later = NOON + timedelta(hours=25)
        heartbeat.record_seen(node_id=nodes[1].pk, now=later)

        silence.sweep(later)

        assert statuses() == [NodeStatus.NOT_DETECTED, AVAILABLE]
        event = nodes[0].events.get()
        assert (event.reason_code, event.reason) == (
            "gone_too_long",
            "No answer to 4 probes over 25 h.",
        )

    def test_a_set_up_that_broke_off_takes_a_step_back_unless_it_is_being_checked(self) -> None:
        nodes = market(2, status=NodeStatus.VALIDATION_PENDING)
        CheckRun.objects.create(node=nodes[1], trigger=Trigger.WIZARD, started_at=NOON)

        silence.sweep(pass_time(silent=nodes, answering=[], times=4))

        assert statuses() == [NodeStatus.NOT_DETECTED, NodeStatus.VALIDATION_PENDING]


def test_asks_the_same_few_queries_however_large_the_market() -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert silence.sweep(NOON + timedelta(minutes=2)) == 0
        return len(captured)

    market(2)
    pass_time(silent=[], answering=list(Node.objects.all()), times=5)
    few = queries()
    provider, gpu_model = make_provider(), make_gpu_model()
    more = market(40, provider=provider, gpu_model=gpu_model)
    pass_time(silent=[], answering=more, times=5)

    assert queries() == few
