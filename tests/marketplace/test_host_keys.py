"""The host key is what a machine is known by: its provider's alone to know."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from core import clock
from core.actors import PLATFORM
from core.errors import Conflict
from marketplace.checks import Claim, Contact, ContactFault, Evidence, judge
from marketplace.machine import fingerprint, generate_keypair
from marketplace.models import (
    CheckResult,
    CheckRun,
    HostKeySighting,
    Met,
    Node,
    NodeEvent,
    NodeStatus,
    Outcome,
)
from marketplace.selectors.obstacles import obstacles
from marketplace.services import heartbeat, host_keys, silence
from marketplace.services.requirements import requirements
from marketplace.transitions import Reason, note
from tests.factories.accounts import Person
from tests.factories.marketplace import NOON, make_node
from tests.factories.portal import provider_of

pytestmark = pytest.mark.django_db
CLAIM = Claim(gpu_model="H100", gpu_count=1, first_port=1, last_port=2)


@pytest.fixture
def node(bob: Person) -> Node:
    return make_node(
        provider=provider_of(bob), host_key=generate_keypair()[1], ssh_port=2222, simulated=True
    )


def told(reader: Client, node: Node) -> dict[str, Any]:
    """Read a machine from the portal."""
    answer: dict[str, Any] = reader.get(f"/portal/executors/{node.public_id}").json()
    return answer


class TestSecrecy:
    def test_no_event_tells_a_fingerprint(self, anonymous: Client) -> None:
        new = generate_keypair()[1]
        node = make_node(host_key="", status=NodeStatus.NOT_DETECTED)

        host_keys.confirm_host_key(node_id=node.pk, host_key=new, actor=PLATFORM, now=NOON)

        assert NodeEvent.objects.get().reason == "Host key compared."

    def test_earlier_events_are_read_by_its_provider_alone(
        self, node: Node, bob: Person, anonymous: Client
    ) -> None:
        shown = fingerprint(node.host_key)
        detail = f"Host key {shown}, compared."
        note(node, reason=Reason.HOST_KEY_CONFIRMED, actor=PLATFORM, now=NOON, detail=detail)

        public = anonymous.get(reverse("machine", args=[node.public_id])).content.decode()
        own = bob.browser.get(reverse("provider_node", args=[node.public_id])).content.decode()

        assert "Host key confirmed" in public
        assert shown not in public
        assert detail in own

    def test_what_is_required_is_told_to_its_provider_alone(
        self, node: Node, bob: Person, anonymous: Client
    ) -> None:
        """The key that is expected, and the port that is silent, lead to the machine."""
        shown = fingerprint(node.host_key)
        see_another_key(node)
        assert shown in str(told(bob.session, node))
        assert shown not in str(told(anonymous, node))

        Node.objects.update(status=NodeStatus.OFFLINE)
        assert "2222" in str(told(bob.session, node)["computed_status"])
        assert "2222" not in str(told(anonymous, node))


class TestReinstalled:
    """A machine with a key that its provider has to confirm anew."""

    def confirm(self, node: Node) -> Node:
        new = generate_keypair()[1]
        return host_keys.confirm_host_key(
            node_id=node.pk, host_key=new, actor=PLATFORM, now=NOON + timedelta(hours=1)
        )

    def offline(self, node: Node, why: str) -> dict[str, Any]:
        for _ in range(silence.MISSES):
            heartbeat.record_missed(node_id=node.pk, why=why, now=NOON)
        Node.objects.filter(pk=node.pk).update(status=NodeStatus.OFFLINE)
        [found] = obstacles([Node.objects.get()])[node.pk]
        return {"code": found.code, "fix": found.fix, "command": found.fix_command}

    def test_its_provider_is_told_what_was_met(self, node: Node) -> None:
        silent = self.offline(node, "")
        other = self.offline(node, Met.ANOTHER_KEY)
        refused = self.offline(node, Met.REFUSAL)

        assert (silent["code"], "sshd" in silent["fix"]) == ("not_responding", True)
        assert (other["code"], "compare its new key" in other["fix"]) == ("host_key_changed", True)
        assert other["command"].startswith("ssh-keygen -lf")
        assert refused["code"] == "wrong_key"
        assert node.provider.ssh_public_key in refused["command"]

    def test_its_page_leads_to_the_comparison(self, node: Node, bob: Person) -> None:
        self.offline(node, Met.ANOTHER_KEY)

        page = bob.browser.get(reverse("provider_node", args=[node.public_id])).content.decode()

        assert "compare its new key" in page
        assert reverse("provider_setup", args=[node.public_id, "host-key"]) in page

    def test_offline_it_is_checked_with_the_new_key(self, node: Node) -> None:
        self.offline(node, Met.ANOTHER_KEY)

        confirmed = self.confirm(node)

        assert confirmed.host_key != node.host_key
        assert confirmed.status == NodeStatus.VALIDATION_PENDING
        assert confirmed.next_checks_at == NOON + timedelta(hours=1)
        assert (confirmed.last_verified_at, confirmed.missing_since) == (None, None)
        silence.sweep(NOON + timedelta(hours=1))
        confirmed.refresh_from_db()
        assert confirmed.status == NodeStatus.VALIDATION_PENDING, (
            "the old key's misses are not its own"
        )

    @pytest.mark.parametrize("status", [NodeStatus.AVAILABLE, NodeStatus.RECLAIMING])
    def test_on_the_market_it_waits_until_it_is_offline(
        self, node: Node, status: NodeStatus
    ) -> None:
        Node.objects.update(status=status)

        with pytest.raises(Conflict, match="on the market") as refused:
            self.confirm(node)
        assert "offline within minutes" in refused.value.hint

    def test_with_pods_on_it_only_the_old_key_counts(self, node: Node, bob: Person) -> None:
        self.offline(node, Met.ANOTHER_KEY)
        node.gpus.update(holder=uuid4())
        page_url = reverse("provider_setup", args=[node.public_id, "host-key"])
        HostKeySighting.objects.create(
            node=node,
            host=node.host,
            port=node.ssh_port,
            host_key=generate_keypair()[1],
            asked_at=clock.now(),
            finished_at=clock.now(),
        )

        with pytest.raises(Conflict, match="Pods are on the machine") as refused:
            self.confirm(node)

        page = bob.browser.get(page_url).content.decode()
        assert refused.value.message in page
        assert "They are the same" not in page
        node.gpus.update(holder=None)
        assert "They are the same" in bob.browser.get(page_url).content.decode()


def see_another_key(node: Node) -> None:
    """Let a run of its checks meet another key at its address."""
    contact = Contact(
        fault=ContactFault.HOST_KEY_CHANGED,
        expected_key=fingerprint(node.host_key),
        presented_key=fingerprint(generate_keypair()[1]),
    )
    verdict = judge("contact", Evidence(claim=CLAIM, contact=contact), requirements())
    run = CheckRun.objects.create(
        node=node, trigger="schedule", started_at=NOON, finished_at=NOON, outcome=Outcome.FAILED
    )
    CheckResult.objects.create(
        run=run,
        check_id="contact",
        position=0,
        status=verdict.status,
        code=verdict.code,
        measured=verdict.measured,
        required=verdict.required,
        fix=verdict.fix,
    )
    Node.objects.filter(pk=node.pk).update(status=NodeStatus.VALIDATION_FAILED)
