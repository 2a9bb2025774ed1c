"""One check is tried again in a run of its own: what was found before stays on record."""

from datetime import datetime, timedelta

import pytest
from django.urls import reverse

from core import ratelimit
from marketplace import selectors
from marketplace.checks import CHECKS
from marketplace.models import CheckRun, CheckStatus, Node, Outcome, Trigger
from marketplace.services import checking
from tests.factories.accounts import Person
from tests.factories.marketplace import NOON, make_node, make_provider

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=10)


@pytest.fixture(autouse=True)
def _no_limits() -> None:
    ratelimit.reset()


@pytest.fixture
def node(bob: Person) -> Node:
    return make_node(provider=make_provider(workspace=bob.workspace))


def ended(node: Node, *, failed: str = "", at: datetime = NOON) -> CheckRun:
    """Have a run end, in which all passed or one check failed."""
    run = checking.start(node_id=node.pk, trigger=Trigger.SCHEDULE, now=at)
    run.results.update(status=CheckStatus.PASSED, measured="fine", seconds=2, started_at=at)
    run.results.filter(check_id=failed).update(
        status=CheckStatus.FAILED, code="network_too_slow", measured="3 Mbps"
    )
    run.outcome = Outcome.FAILED if failed else Outcome.PASSED
    run.finished_at = at + timedelta(minutes=1)
    run.save()
    return run


def tried(run: CheckRun) -> set[str]:
    return set(run.results.filter(status=CheckStatus.PENDING).values_list("check_id", flat=True))


def test_what_failed_stays_failed_in_the_history(node: Node) -> None:
    run = ended(node, failed="speed")

    again = checking.run_one(node_id=node.pk, check_id="speed", now=LATER)

    assert again.pk != run.pk
    run.refresh_from_db()
    assert run.outcome == Outcome.FAILED
    assert run.results.get(check_id="speed").measured == "3 Mbps"
    assert selectors.check_history(node)[0].failed == ["Network speed (network_too_slow)"]


def test_what_passed_is_kept_with_the_moment_at_which_it_was_tried(node: Node) -> None:
    ended(node, failed="speed")

    again = checking.run_one(node_id=node.pk, check_id="speed", now=LATER)

    assert tried(again) == {"contact", "key", "speed", "preparation"}
    kept = again.results.get(check_id="disk")
    assert (kept.status, kept.measured, kept.started_at) == (CheckStatus.PASSED, "fine", NOON)
    assert kept.seconds is None  # it is no second timing
    assert again.keeps(kept)


def test_what_rests_on_the_check_is_tried_again_too(node: Node) -> None:
    ended(node)

    again = checking.run_one(node_id=node.pk, check_id="gpus", now=LATER)

    assert {"driver", "gpu_access", "interconnect", "power"} <= tried(again)


def test_nothing_is_kept_for_longer_than_a_full_run_holds(node: Node) -> None:
    ended(node)

    again = checking.run_one(node_id=node.pk, check_id="speed", now=NOON + timedelta(hours=7))

    assert tried(again) == {check.id for check in CHECKS}


def test_the_run_under_way_is_not_disturbed(node: Node) -> None:
    run = checking.start(node_id=node.pk, trigger=Trigger.PROVIDER, now=NOON)

    assert checking.run_one(node_id=node.pk, check_id="speed", now=LATER).pk == run.pk


def test_the_provider_reads_how_the_checks_went_over_time(bob: Person, node: Node) -> None:
    ended(node, failed="speed")
    again = checking.run_one(node_id=node.pk, check_id="speed", now=LATER)
    again.results.filter(status=CheckStatus.PENDING).update(
        status=CheckStatus.PASSED, started_at=LATER
    )
    CheckRun.objects.filter(pk=again.pk).update(finished_at=LATER, outcome=Outcome.PASSED)

    page = bob.browser.get(reverse("provider_node", args=[node.public_id])).content.decode()

    assert "Verification timeline" in page
    assert "Network speed (network_too_slow)" in page
    assert f"({len(CHECKS) - 4} kept)" in page
    assert "the schedule" in page
