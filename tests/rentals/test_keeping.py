"""How long the files of a pod that does not run are kept, and that its renter is told."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from core import clock
from rentals.decisions import decide
from rentals.keeping import kept_until
from rentals.models import Pod, PodStatus
from rentals.observations import UNSEEN
from rentals.services import provisioning
from tests.factories.pods import make_pod

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def make_stopped(**fields: object) -> Pod:
    return make_pod(status=PodStatus.STOPPED, gone_at=None, **fields)


@pytest.fixture
def stopped() -> Pod:
    pod = make_stopped()
    since = clock.now() - DAY
    Pod.objects.update(status_since=since, stopped_at=since)
    pod.refresh_from_db()
    return pod


def test_a_stop_that_was_asked_for_keeps_them_for_days(stopped: Pod) -> None:
    assert kept_until(stopped) == stopped.status_since + settings.MARKET_STOPPED_KEPT


def test_an_empty_balance_keeps_them_as_the_ladder_says(stopped: Pod) -> None:
    stopped.low_balance_since = stopped.status_since

    assert kept_until(stopped) == stopped.status_since + settings.MARKET_DATA_GRACE


@pytest.mark.parametrize("status", [PodStatus.LOST, PodStatus.REBOOT_FAILED])
def test_what_was_given_up_is_kept_for_the_data_grace(stopped: Pod, status: PodStatus) -> None:
    stopped.status = status

    assert kept_until(stopped) == stopped.status_since + settings.MARKET_DATA_GRACE


def test_nothing_is_promised_where_nothing_is_left_or_all_runs(stopped: Pod) -> None:
    stopped.gone_at = clock.now()
    assert kept_until(stopped) is None

    assert kept_until(make_pod()) is None


def test_the_page_and_the_list_say_until_when_and_the_dialog_how_long(stopped: Pod) -> None:
    page = Client()
    page.force_login(stopped.user, backend="django.contrib.auth.backends.ModelBackend")

    shown = page.get(reverse("pod", args=[stopped.public_id])).content.decode()
    listed = page.get(reverse("pods")).content.decode()

    until = f"{kept_until(stopped):%Y-%m-%d %H:%M}"
    assert "with its files, at" in shown
    assert until in shown
    assert "the files are kept for 7 d" in shown
    assert "Deleted in" in listed


def test_afterwards_the_pod_goes_without_a_wish(stopped: Pod) -> None:
    after = kept_until(stopped)
    assert after

    provisioning.reconcile(pod_id=stopped.public_id, now=lambda: after - DAY)
    stopped.refresh_from_db()
    before = (stopped.status, stopped.next_look_at)
    late = Pod.objects.with_hold().get(pk=stopped.pk)
    step = decide(provisioning.subject_of(late, now=after), UNSEEN, now=after)

    assert before == (PodStatus.STOPPED, after)
    assert step.to is PodStatus.REMOVING
