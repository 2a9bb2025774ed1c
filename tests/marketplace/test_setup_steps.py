"""What was typed at the first step is corrected later: nobody adds a machine twice for a typing error."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

from core.actors import PLATFORM
from marketplace.models import HostKeySighting, Node, NodeStatus
from marketplace.services import addresses, providers, reach
from marketplace.services.reach import InUse, Reach
from tests.factories.accounts import Person
from tests.factories.marketplace import NOON, make_node

pytestmark = pytest.mark.django_db
TYPED = {
    "host": "203.0.113.9",
    "port": 2200,
    "user": "gpu",
    "first_port": 50000,
    "last_port": 50999,
    "state_dir": "/srv/lium",
}


@pytest.fixture
def node(bob: Person) -> Node:
    """A machine of Bob's that nobody has reached yet."""
    provider = providers.provider_of(bob.principal, now=NOON)
    never = {"status": NodeStatus.NOT_DETECTED, "proven_at": None, "first_listed_at": None}
    return make_node(provider=provider, host="203.0.113.8", **never)


def step(node: Node, name: str) -> str:
    return reverse("provider_setup", args=[node.public_id, name])


class TestAddress:
    def test_it_shows_what_was_typed(self, bob: Person, node: Node) -> None:
        page = bob.browser.get(step(node, "address")).content.decode()

        assert 'value="203.0.113.8"' in page
        assert 'value="40999"' in page

    def test_another_address_is_looked_at_and_its_key_compared_anew(
        self, bob: Person, node: Node
    ) -> None:
        answer = bob.browser.post(step(node, "address"), TYPED)

        node.refresh_from_db()
        assert answer["Location"] == step(node, "host-key")
        assert (node.host, node.ssh_port, node.host_key) == ("203.0.113.9", 2200, "")
        assert reach.of(node) == Reach(
            user="gpu", first_port=50000, last_port=50999, state_dir="/srv/lium"
        )
        assert node.free_port_count == 1000
        sighting = HostKeySighting.objects.get(node=node)
        assert (sighting.host, sighting.port) == ("203.0.113.9", 2200)

    def test_who_only_names_other_ports_keeps_the_key(self, bob: Person, node: Node) -> None:
        same = {"host": node.host, "port": node.ssh_port, "state_dir": node.state_dir}

        answer = bob.browser.post(step(node, "address"), TYPED | same)

        before, _ = node.host_key, node.refresh_from_db()
        assert (answer["Location"], node.host_key) == (step(node, "access"), before)
        assert node.first_port == 50000

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"host": "not an address"}, "neither an IP address nor a host name"),
            ({"first_port": 60000}, "a range between 1024 and 65535"),
            ({"user": "Robert'); --"}, "not the name of a Unix user"),
        ],
    )
    def test_what_is_wrong_is_said_and_stays_in_the_form(
        self, bob: Person, node: Node, wrong: dict[str, object], words: str
    ) -> None:
        answer = bob.browser.post(step(node, "address"), TYPED | wrong)

        page = answer.content.decode()
        assert answer.status_code == 422
        assert words in page
        assert 'value="2200"' in page
        node.refresh_from_db()
        assert node.host == "203.0.113.8"

    def test_of_what_is_refused_in_part_nothing_is_kept(self, bob: Person, node: Node) -> None:
        make_node(host="203.0.113.9", ssh_port=2200)

        answer = bob.browser.post(step(node, "address"), TYPED)

        assert "already exists with the same ip and port" in answer.content.decode()
        node.refresh_from_db()
        assert (node.first_port, node.ssh_user, node.events.count()) == (40000, "lium", 0)

    def test_failed_checks_of_the_way_there_lead_to_it(self, bob: Person, node: Node) -> None:
        run = node.check_runs.create(trigger="wizard", started_at=NOON, finished_at=NOON)
        run.results.create(position=0, check_id="ports", status="failed", code="too_few_ports", fix="Open them.")  # fmt: skip

        page = bob.browser.get(step(node, "checks")).content.decode()

        assert f'href="{step(node, "address")}">Correct address, user or ports' in page


class TestAmend:
    def amend(self, node: Node, **fields: object) -> bool:
        said = Reach(**{"first_port": 40000, "last_port": 40999, **fields})  # type: ignore[arg-type]
        return reach.amend(node_id=node.pk, reach=said, actor=PLATFORM, now=NOON)

    def test_the_same_again_is_no_event(self, node: Node) -> None:
        assert self.amend(node, user="root") is True
        assert self.amend(node, user="root") is False
        assert node.events.filter(reason_code="claim_changed").count() == 1

    def test_what_renters_may_be_given_is_checked_at_once(self, node: Node) -> None:
        listed = make_node(last_seen_at=NOON, next_checks_at=NOON + timedelta(hours=6))

        for amended in (listed, node):
            self.amend(amended, first_port=40100)
            amended.refresh_from_db()

        assert (listed.next_checks_at, node.next_checks_at) == (NOON, None)

    def test_ports_that_pods_hold_stay(self, node: Node) -> None:
        node.port_reservations.create(port=40500, holder=uuid4())

        with pytest.raises(InUse, match="40500 among them"):
            self.amend(node, first_port=40600)
        assert self.amend(node, first_port=40400) is True
        node.refresh_from_db()
        assert node.free_port_count == 599

    def test_the_folder_stays_while_it_is_on_the_market(self) -> None:
        listed = make_node(state_dir="/srv/lium")

        with pytest.raises(InUse, match="folder"):
            self.amend(listed, state_dir="/srv/other")

    def test_a_machine_that_let_us_in_is_known_by_its_key(self) -> None:
        listed = make_node()

        with pytest.raises(addresses.AddressSilent):
            addresses.change(
                node_id=listed.pk, host="127.0.20.11", port=1, actor=PLATFORM, now=NOON
            )


class TestPrice:
    @pytest.mark.parametrize(
        ("smallest", "kept"), [(4, ("2.5", 4, 72)), (9, ("2.45", 1, 24))], ids=["taken", "refused"]
    )
    def test_an_offer_is_taken_as_a_whole_or_not_at_all(
        self, bob: Person, node: Node, smallest: int, kept: tuple[str, int, int]
    ) -> None:
        typed = {"price": "2.5", "min_gpu_count": smallest, "notice_hours": 72}

        answer = bob.browser.post(step(node, "price"), typed)

        node.refresh_from_db()
        offered = (f"{node.price_per_gpu_usd.normalize():f}", node.min_gpu_count, node.notice_hours)
        assert (offered, answer.status_code) == (kept, 302 if smallest == 4 else 422)


class TestList:
    def test_what_is_not_checked_yet_is_not_said_to_be_on_the_market(
        self, bob: Person, node: Node
    ) -> None:
        page = bob.browser.get(step(node, "list")).content.decode()

        assert "Its checks are not through." in page
        assert "List it once its checks pass" in page

    def test_a_listed_machine_says_what_is_next(self, bob: Person, node: Node) -> None:
        Node.objects.filter(pk=node.pk).update(
            status=NodeStatus.AVAILABLE, first_listed_at=NOON, last_seen_at=NOON
        )

        page = bob.browser.get(step(node, "list")).content.decode()

        assert "Prove a coldkey" in page
        assert reverse("provider_node", args=[node.public_id]) in page


def test_the_refusal_of_an_empty_console_leads_on(charlie: Person) -> None:
    page = charlie.browser.get(reverse("provider_account")).content.decode()

    assert f'href="{reverse("provider_add")}">Add a machine' in page
