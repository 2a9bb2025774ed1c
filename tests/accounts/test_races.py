"""Two requests at once: one wins, the other is told, nothing is doubled."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client

from accounts.models import ApiKey, AuditEvent, Membership, SshKey, User, Workspace
from tests.factories.accounts import ED25519, PASSWORD, make_person

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 4


def together(request: Callable[[], int]) -> list[int]:
    """Send the same request from several threads at the same moment and give the statuses."""
    barrier = Barrier(AT_ONCE)

    def send(_: int) -> int:
        barrier.wait(timeout=10)
        try:
            return request()
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sorted(pool.map(send, range(AT_ONCE)))


def test_one_address_gets_one_account() -> None:
    body = {"email": "dora@example.com", "password": PASSWORD}

    statuses = together(
        lambda: Client().post("/api/users", body, content_type="application/json").status_code
    )

    assert statuses == [201, 409, 409, 409]
    assert User.objects.count() == Workspace.objects.count() == ApiKey.objects.count() == 1


def test_one_ssh_key_is_registered_once() -> None:
    alice = make_person("alice")
    body = {"public_key": ED25519}

    statuses = together(
        lambda: alice.api.post("/api/ssh-keys", body, content_type="application/json").status_code
    )

    assert statuses == [200] * AT_ONCE
    assert SshKey.objects.count() == 1
    assert AuditEvent.objects.filter(action="ssh_key.create").count() == 1


def test_one_key_is_revoked_once() -> None:
    alice = make_person("alice")
    url = f"/api/keys/{alice.key.public_id}"

    statuses = together(lambda: alice.session.delete(url).status_code)

    assert statuses == [200, 404, 404, 404]
    assert AuditEvent.objects.filter(action="key.delete").count() == 1


def test_one_workspace_keeps_one_owner() -> None:
    alice, bob = make_person("alice"), make_person("bob")
    team = Workspace.objects.create(name="Team", owner=alice.user)
    Membership.objects.create(workspace=team, user=alice.user, role="owner")
    Membership.objects.create(workspace=team, user=bob.user, role="admin")
    path = f"/api/workspaces/{team.public_id}/billing-owner/transfer"
    body = {"user_id": str(bob.user.public_id)}

    statuses = together(
        lambda: alice.session.post(path, body, content_type="application/json").status_code
    )

    assert statuses == [200, 403, 403, 403]
    assert Membership.objects.get(workspace=team, role="owner").user == bob.user
