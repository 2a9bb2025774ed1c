"""The operator's actions on pods and looks leave who, what and why in the audit trail."""

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from core import clock
from rentals.models import NodeWatch
from tests.factories.accounts import Person, make_person
from tests.factories.pods import make_pod


@pytest.fixture
def operator(db: None) -> Person:
    return make_person("operator", is_staff=True, is_superuser=True)


def act(operator: Person, row: object, action: str) -> None:
    url = reverse(f"admin:rentals_{row._meta.model_name}_changelist")
    form = {"action": action, "_selected_action": [row.pk], "reason": "looks stuck", "index": 0}
    operator.browser.post(url, form, follow=True)


@pytest.mark.parametrize("action", ["reconcile_now", "remove", "probe_now", "prepare_again"])
def test_an_action_is_kept_with_its_reason(operator: Person, action: str) -> None:
    pod = make_pod()
    watch = NodeWatch.objects.create(node=pod.node, next_look_at=clock.now())
    row = pod if action in {"reconcile_now", "remove"} else watch

    act(operator, row, action)

    event = AuditEvent.objects.get(action=f"admin.{action}")
    assert (event.actor_kind, event.actor_id) == ("admin", str(operator.user.public_id))
    assert (event.reason, event.source) == ("looks stuck", "admin")
    kind, public = ("pod", pod.public_id) if row is pod else ("nodewatch", watch.pk)
    assert (event.resource_type, event.resource_id) == (kind, str(public))


def test_a_pods_page_shows_what_its_charge_rests_on(operator: Person) -> None:
    pod = make_pod()

    shown = operator.browser.get(reverse("admin:rentals_pod_change", args=[pod.pk]))

    assert "Counted seconds" in shown.content.decode()
    assert shown.status_code == 200
