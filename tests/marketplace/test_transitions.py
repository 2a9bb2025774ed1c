"""Every pair of statuses, and what a move leaves behind."""

from itertools import product

import pytest
from django.db import DatabaseError, transaction

from accounts.models import AuditEvent
from core.actors import PLATFORM, Actor, ActorKind
from core.errors import IllegalTransition
from marketplace.models import NodeStatus
from marketplace.services import listing
from marketplace.transitions import ALLOWED, Reason, move
from tests.factories.accounts import Person
from tests.factories.marketplace import NOON, make_node, make_provider


def test_every_status_is_in_the_table() -> None:
    assert set(ALLOWED) == set(NodeStatus)


@pytest.mark.django_db
@pytest.mark.parametrize(("source", "target"), list(product(NodeStatus, NodeStatus)))
def test_moves_as_the_table_says_or_not_at_all(source: NodeStatus, target: NodeStatus) -> None:
    node = make_node(status=source)

    def act() -> None:
        move(node, to=target, reason=Reason.CHECKS_PASSED, actor=PLATFORM, now=NOON, detail="why")

    if target in ALLOWED[source]:
        act()
        event = node.events.get()
        assert (event.from_status, event.to_status, event.reason) == (source, target, "why")
        assert node.status_reason == "why"
    else:
        with pytest.raises(IllegalTransition):
            act()
        assert not node.events.exists()
    node.refresh_from_db()
    assert node.status == (target if target in ALLOWED[source] else source)


@pytest.mark.django_db
def test_what_happened_cannot_be_changed_or_deleted() -> None:
    node = make_node()
    with transaction.atomic():
        move(node, to=NodeStatus.OFFLINE, reason=Reason.NOT_ANSWERING, actor=PLATFORM, now=NOON)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        node.events.update(reason="a lie")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        node.events.all().delete()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [ActorKind.USER, ActorKind.API_KEY, ActorKind.ADMIN])
def test_what_people_decide_is_audited(bob: Person, kind: ActorKind) -> None:
    node = make_node(provider=make_provider(workspace=bob.workspace))
    actor = Actor(kind=kind, id="some-id", name="Somebody")

    listing.freeze(node_id=node.pk, why="Fan noise", actor=actor, now=NOON)

    row = AuditEvent.objects.get(action="machine.frozen")
    assert (row.workspace_id, row.actor_kind, row.actor_name) == (
        bob.workspace.pk,
        kind,
        "Somebody",
    )
    assert (row.reason, row.resource_id) == ("Fan noise", str(node.public_id))


@pytest.mark.django_db
def test_what_the_market_does_by_itself_is_not_audited() -> None:
    node = make_node()
    with transaction.atomic():
        move(node, to=NodeStatus.OFFLINE, reason=Reason.NOT_ANSWERING, actor=PLATFORM, now=NOON)

    assert not AuditEvent.objects.exists()
