"""Figures are medians of what was measured repeatedly; a failure to measure is counted, and is no zero."""

from datetime import timedelta

import pytest

from marketplace.checks import BY_ID, Speed
from marketplace.models import CheckStatus, Node
from marketplace.services import check_visits, findings, measurements
from tests.factories.marketplace import NOON, make_node

pytestmark = pytest.mark.django_db


def measure(node: Node, *downloads: float | None) -> None:
    """Measure a node's speed at the hours of a day; None is a measurement that failed."""
    for hour, mbps in enumerate(downloads):
        speed = None if mbps is None else Speed(download_mbps=mbps, upload_mbps=mbps / 2)
        now = NOON + timedelta(hours=hour)
        findings.write_network(node, speed=speed, speed_failed=mbps is None, ports=None, now=now)
    node.refresh_from_db()


def test_a_node_is_listed_with_the_median_of_its_last_five_speeds() -> None:
    node = make_node()

    measure(node, 1, 1, 900, 905, 910, 12)

    assert (node.download_mbps, node.upload_mbps) == (900, 450)


def test_a_failed_measurement_is_counted_and_changes_no_figure() -> None:
    node = make_node()

    measure(node, 900, None, None)

    fact = node.facts.get(name="download")
    assert (fact.measured, fact.samples, fact.failures) == ("900", 1, 2)
    assert fact.history.filter(value=None).count() == 2
    assert node.download_mbps == 900


def test_nothing_measured_is_unknown() -> None:
    assert measurements.typical(make_node(), "download") is None


def test_one_slow_moment_does_not_take_a_listed_machine_off() -> None:
    node = make_node()
    measure(node, 900, 910, 905)

    assert measurements.typical(node, "download", also=3.0) == 902.5


@pytest.mark.parametrize("check", check_visits.HURTS_RENTERS)
def test_what_would_hurt_renters_is_left_out_while_there_are_any(check: str) -> None:
    node = make_node()
    free = check_visits._sparing(BY_ID[check], node)
    node.gpus.update(holder=node.public_id)

    rented = check_visits._sparing(BY_ID[check], node)

    assert free is None
    assert rented is not None
    assert rented.status == CheckStatus.SKIPPED
