"""A worker looks at host keys and a person compares them; no page opens a connection."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from core.actors import PLATFORM
from core.errors import Conflict
from lium_site.stack.application import free_port
from marketplace.machine import generate_keypair
from marketplace.models import HostKeySighting, Node, NodeStatus
from marketplace.services import host_keys, providers, sightings
from tests.factories.accounts import Person
from tests.factories.marketplace import NOON, make_node
from tests.machines import Sshd, loopback_sshd

pytestmark = pytest.mark.django_db(transaction=True)
HOST, PORT = "127.0.20.33", free_port()


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with loopback_sshd(tmp_path_factory.mktemp("sshd"), host=HOST, port=PORT) as running:
        yield running


def claimed(*, port: int = PORT, **fields: Any) -> Node:
    return make_node(
        host=HOST, ssh_port=port, host_key="", status=NodeStatus.NOT_DETECTED, **fields
    )


def looked_at(node: Node) -> HostKeySighting:
    sightings.ask(node_id=node.pk, now=NOON)
    sightings.look(node_id=node.pk, now=NOON)
    return HostKeySighting.objects.get(node=node)


def confirm(node: Node, shown: str, *, after: timedelta = timedelta()) -> Node:
    return sightings.confirm(node_id=node.pk, shown=shown, actor=PLATFORM, now=NOON + after)


class TestSighting:
    def test_what_was_seen_there_is_pinned(self, sshd: Sshd) -> None:
        node = claimed()
        looked_at(node)

        pinned = confirm(node, sshd.address.host_key_sha256)

        assert pinned.host_key == host_keys.look_at_host_key(node)

    def test_who_does_not_answer_is_told_of_and_nothing_is_pinned(self) -> None:
        node = claimed(port=1)

        seen = looked_at(node)

        assert "Cannot reach" in seen.problem
        with pytest.raises(Conflict, match="not seen"):
            confirm(node, "")

    def test_nothing_but_what_was_seen_there_of_late_is_pinned(self, sshd: Sshd) -> None:
        node, shown = claimed(), sshd.address.host_key_sha256
        looked_at(node)

        with pytest.raises(Conflict, match="not seen"):
            confirm(node, generate_keypair()[1])
        with pytest.raises(Conflict, match="not seen"):
            confirm(node, shown, after=sightings.LIFE)
        Node.objects.filter(pk=node.pk).update(ssh_port=PORT + 1)
        with pytest.raises(Conflict, match="not seen"):
            confirm(node, shown)

    def test_a_look_that_was_asked_for_anew_has_no_old_answer(
        self, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        node = claimed()
        sightings.ask(node_id=node.pk, now=NOON)

        def asked_again(*_: object, **__: object) -> str:
            sightings.ask(node_id=node.pk, now=NOON + timedelta(seconds=1))
            return generate_keypair()[1]

        monkeypatch.setattr(sightings, "scan_host_key", asked_again)
        sightings.look(node_id=node.pk, now=NOON)

        assert HostKeySighting.objects.get(node=node).finished_at is None


class TestPage:
    def test_waits_for_the_worker_then_shows_what_answered(self, sshd: Sshd, bob: Person) -> None:
        node, browser = _of(bob), bob.browser
        page = reverse("provider_setup", args=[node.public_id, "host-key"])

        first = browser.get(page)
        browser.post(page, {"look": "1"})
        waiting = browser.get(page)
        sightings.look(node_id=node.pk, now=NOON)
        shown = browser.get(page, headers={"HX-Request": "true"})
        browser.post(page, {"fingerprint": sshd.address.host_key_sha256})

        node.refresh_from_db()
        assert "Look at its key" in first.content.decode()
        assert 'hx-trigger="every 1s"' in waiting.content.decode()
        assert sshd.address.host_key_sha256 in shown.content.decode()
        assert "<html" not in shown.content.decode()
        assert node.host_key

    def test_reading_it_reaches_for_no_machine(
        self, bob: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        node = _of(bob)
        page = reverse("provider_setup", args=[node.public_id, "host-key"])
        monkeypatch.setattr("socket.create_connection", None)

        assert bob.browser.get(page).status_code == 200

        assert not HostKeySighting.objects.exists()


def _of(person: Person) -> Node:
    return claimed(provider=providers.provider_of(person.principal, now=NOON))
