"""A described machine comes onto the books, with what a look at it finds."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction

from marketplace.machine import generate_keypair
from marketplace.models import GpuAccess, Node, NodeStatus, PortReservation
from marketplace.services import check_outcomes, gpu_catalogue, reservations
from marketplace.services.check_visits import evidence_of
from marketplace.services.enrolment import Description, register
from marketplace.services.machines import machine_address, open_key
from marketplace.services.preflight import read
from marketplace.simulated import SIMULATED_UUID_PREFIX
from tests.factories.marketplace import NOON

SEEN = """\
kernel 6.8.0
boot_id 6d3f0a9c-0000-4000-8000-000000000001
cpus 64
ram_mib 515000
disk_gib 1800
engine 28.3.1
cgroup 2
cdi GPU-11111111-1111-1111-1111-111111111111
cdi GPU-22222222-2222-2222-2222-222222222222
gpu 1, GPU-22222222-2222-2222-2222-222222222222, NVIDIA H100 80GB HBM3, 81559
gpu 0, GPU-11111111-1111-1111-1111-111111111111, NVIDIA H100 80GB HBM3, 81559
driver 570.124.06
cuda 12.8
"""


@pytest.fixture(autouse=True)
def _catalogue(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("db")
        gpu_catalogue.load()


@pytest.fixture
def description() -> Description:
    private, _ = generate_keypair()
    _, host_key = generate_keypair()
    return Description(
        name="local",
        host="127.0.20.1",
        port=2322,
        user="lium",
        host_key=host_key,
        private_key=private,
        state_dir="/var/lib/lium-node",
        public_host="127.0.0.1",
        port_range=(20000, 20099),
        gpus=4,
    )


@pytest.mark.django_db(transaction=True)
class TestRegister:
    def test_a_described_machine_is_trusted_and_waits_for_its_checks(
        self, description: Description
    ) -> None:
        node = register(description, now=NOON)

        assert node.status == NodeStatus.NOT_DETECTED
        assert node.listing_wanted_at == NOON
        assert (node.gpu_count, node.free_gpu_count) == (4, 0)
        assert [event.reason_code for event in node.events.all()] == ["added"]

    def test_the_way_back_to_the_machine_is_kept_encrypted(self, description: Description) -> None:
        node = register(description, now=NOON)

        assert description.private_key not in node.provider.ssh_private_key_encrypted
        assert open_key(node.provider) == description.private_key
        assert machine_address(node) == description.address()

    def test_again_is_the_same_node(self, description: Description) -> None:
        first = register(description, now=NOON)

        again = register(replace(description, name="renamed"), now=NOON + timedelta(hours=1))

        assert (again.pk, again.name) == (first.pk, "renamed")
        assert again.listing_wanted_at == NOON

    def test_what_was_offline_is_checked_anew(self, description: Description) -> None:
        node = register(description, now=NOON)
        Node.objects.filter(pk=node.pk).update(status=NodeStatus.OFFLINE)

        again = register(replace(description, port=2022), now=NOON)

        assert again.status == NodeStatus.VALIDATION_PENDING

    @pytest.mark.parametrize("status", ["offline", "reclaiming", "validation_failed"])
    def test_the_same_again_is_no_event_and_is_looked_at(
        self, description: Description, status: str
    ) -> None:
        node = register(description, now=NOON)
        Node.objects.filter(pk=node.pk).update(status=status)

        again = register(description, now=NOON + timedelta(hours=1))

        assert again.status == status
        assert again.next_probe_at == NOON + timedelta(hours=1)
        assert [event.reason_code for event in again.events.all()] == ["added"]

    def test_a_reinstalled_machine_at_the_address_takes_the_old_one_off(
        self, description: Description
    ) -> None:
        old = register(description, now=NOON)
        Node.objects.filter(pk=old.pk).update(host_key="ssh-ed25519 AAAAold")

        new = register(description, now=NOON)

        old.refresh_from_db()
        assert new.pk != old.pk
        assert old.delisted_at == NOON
        assert old.events.filter(reason_code="delisted").exists()


@pytest.mark.django_db(transaction=True)
class TestFindings:
    def test_a_machine_without_gpus_gets_labelled_simulated_ones(
        self, description: Description
    ) -> None:
        node = found_on(description, "cpus 4\nengine 28.3.1\n")

        assert node.simulated
        assert node.gpu_access == GpuAccess.SIMULATED
        assert (node.gpu_count, node.free_gpu_count, node.free_port_count) == (4, 4, 100)
        assert node.driver_version.endswith("SIM")
        assert all(gpu.uuid.startswith(SIMULATED_UUID_PREFIX) for gpu in node.gpus.all())

    def test_real_gpus_are_taken_by_uuid_in_their_order_and_correct_the_claim(
        self, description: Description
    ) -> None:
        node = found_on(description, SEEN)

        first = node.gpus.order_by("position")[0]
        assert first.uuid.startswith("GPU-1111")
        assert (node.gpu_model.short_name, node.gpu_count) == ("H100", 2)
        assert node.gpu_access == GpuAccess.CDI
        assert not node.simulated
        assert node.events.filter(reason_code="claim_changed").exists()

    def test_figures_say_who_measured_them_and_what_is_only_claimed(
        self, description: Description
    ) -> None:
        node = found_on(description, "cpus 4\nengine 28.3.1\n")

        facts = {fact.name: fact for fact in node.facts.all()}
        assert (facts["cpus"].measured, facts["cpus"].measured_at) == ("4", NOON)
        assert facts["cpus"].measured_by
        assert facts["gpu_model"].measured is None
        assert facts["gpu_model"].claimed == "NVIDIA GeForce RTX 4090"

    def test_again_touches_no_reservation(self, description: Description) -> None:
        node = found_on(description, SEEN)
        Node.objects.filter(pk=node.pk).update(status=NodeStatus.AVAILABLE)
        with transaction.atomic():
            held = reservations.reserve(
                node_id=node.pk, gpu_count=1, port_count=2, holder=node.public_id, now=NOON
            )

        again = found_on(description, SEEN)

        mine = again.gpus.filter(holder=node.public_id).values_list("uuid", flat=True)
        assert (again.free_gpu_count, again.free_port_count) == (1, 98)
        assert list(mine) == held.gpu_uuids
        assert PortReservation.objects.count() == 2
        assert again.facts.get(name="cpus").samples == 2

    def test_nothing_is_simulated_on_a_real_chain(
        self, description: Description, settings: object
    ) -> None:
        settings.MARKET_CHAIN = "subtensor"

        node = found_on(description, "cpus 4\nengine 28.3.1\n")

        assert not node.gpus.exists()


def found_on(description: Description, seen: str) -> Node:
    node = register(description, now=NOON)
    evidence = replace(evidence_of(node), found=read(seen))
    check_outcomes.write_findings(node_id=node.pk, evidence=evidence, now=NOON)
    node.refresh_from_db()
    return node


class TestRead:
    def test_hostile_output_yields_unknowns_only(self) -> None:
        found = read(
            "cpus 99999999999999\nram_mib -5\ndisk_gib 1e9\ngpu x\ngpu 0, NOTGPU, a, b\n"
            "cuda NaN\nengine \n\x00\xff\n"
        )

        assert found.cpu_count is None
        assert found.ram_mib is None
        assert found.disk_gib is None
        assert found.cuda_version is None
        assert found.engine_version is None
        assert found.gpus == ()
