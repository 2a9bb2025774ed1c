"""Machines come onto the books by a look at them over a real SSH connection."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction

from marketplace.machine import HostKeyChanged, generate_keypair
from marketplace.machine.keys import load_private_key
from marketplace.models import GpuAccess, Node, NodeStatus, PortReservation
from marketplace.services import gpu_catalogue, listing, reservations
from marketplace.services.enrolment import Description, enrol
from marketplace.services.hardware import Unfit, hardware_of
from marketplace.services.machines import machine_address, open_key
from marketplace.services.preflight import read
from marketplace.simulated import SIMULATED_UUID_PREFIX
from tests.factories.marketplace import NOON
from tests.machines import Sshd, loopback_sshd

SEEN = """\
kernel 6.8.0
boot_id 6d3f0a9c-0000-4000-8000-000000000001
cpus 64
ram_mib 515000
disk_gib 1800
engine 28.3.1
cgroup 2
cdi nvidia.com/gpu=GPU-11111111-1111-1111-1111-111111111111
gpu 1, GPU-22222222-2222-2222-2222-222222222222, NVIDIA H100 80GB HBM3, 81559
gpu 0, GPU-11111111-1111-1111-1111-111111111111, NVIDIA H100 80GB HBM3, 81559
driver 570.124.06
cuda 12.8
"""
# A stand-in for `docker info` on the machine's PATH: enrolment only asks it for its version.
ENGINE = "#!/bin/sh\ncase $3 in *ServerVersion*) echo 28.3.1;; *Cgroup*) echo 2;; esac\n"


@pytest.fixture(autouse=True)
def _catalogue(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("db")
        gpu_catalogue.load()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    engine = tmp_path / "bin" / "docker"
    engine.parent.mkdir()
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    path = f"{engine.parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    with loopback_sshd(
        tmp_path / "sshd", host="127.0.20.1", port=2322, environment={"PATH": path}
    ) as running:
        yield running


@pytest.fixture
def description(sshd: Sshd, tmp_path: Path) -> Description:
    address = sshd.address
    host_key = _public_line(sshd.home / "host_key")
    return Description(
        name="local",
        host=address.host,
        port=address.port,
        user=address.user,
        host_key=host_key,
        private_key=address.private_key,
        state_dir=str(tmp_path / "state"),
        public_host="127.0.0.1",
        port_range=(20000, 20099),
        gpus=4,
    )


def _public_line(private: Path) -> str:
    key = load_private_key(private.read_text())
    return f"{key.get_name()} {key.get_base64()}"


@pytest.mark.django_db(transaction=True)
class TestEnrol:
    def test_a_machine_without_gpus_gets_labelled_simulated_ones(
        self, description: Description
    ) -> None:
        node = enrol(description, now=NOON)

        node.refresh_from_db()
        assert node.simulated
        assert node.gpu_access == GpuAccess.SIMULATED
        assert node.status == NodeStatus.VALIDATION_PENDING
        assert (node.gpu_count, node.free_gpu_count, node.free_port_count) == (4, 4, 100)
        assert node.driver_version.endswith("SIM")
        assert all(gpu.uuid.startswith(SIMULATED_UUID_PREFIX) for gpu in node.gpus.all())
        offer = json.loads(node.offer_json)
        assert offer["simulated"] is True
        assert "simulated" in offer["status"]

    def test_the_way_back_to_the_machine_is_kept_encrypted(self, description: Description) -> None:
        node = enrol(description, now=NOON)

        assert description.private_key not in node.provider.ssh_private_key_encrypted
        assert open_key(node.provider) == description.private_key
        assert machine_address(node) == description.address()

    def test_figures_say_who_measured_them_and_what_is_only_claimed(
        self, description: Description
    ) -> None:
        node = enrol(description, now=NOON)

        facts = {fact.name: fact for fact in node.facts.all()}
        assert facts["cpus"].measured == str(node.cpu_count)
        assert facts["cpus"].measured_by
        assert facts["cpus"].measured_at == NOON
        assert facts["gpu_model"].measured is None
        assert "simulated" in facts["gpu_model"].claimed

    def test_again_is_the_same_node_and_touches_no_reservation(
        self, description: Description
    ) -> None:
        first = enrol(description, now=NOON)
        listing.admit(node_id=first.pk, now=NOON)
        with transaction.atomic():
            held = reservations.reserve(
                node_id=first.pk, gpu_count=1, port_count=2, holder=first.public_id, now=NOON
            )

        again = enrol(replace(description, name="renamed"), now=NOON + timedelta(hours=1))

        again.refresh_from_db()
        assert again.pk == first.pk
        assert again.name == "renamed"
        assert again.status == NodeStatus.AVAILABLE
        assert (again.free_gpu_count, again.free_port_count) == (3, 98)
        assert (
            list(again.gpus.filter(holder=first.public_id).values_list("uuid", flat=True))
            == held.gpu_uuids
        )
        assert PortReservation.objects.count() == 2
        assert again.facts.get(name="cpus").samples == 2

    def test_another_host_key_is_not_spoken_to(self, description: Description) -> None:
        _, stranger = generate_keypair()

        with pytest.raises(HostKeyChanged):
            enrol(replace(description, host_key=stranger), now=NOON)

        assert not Node.objects.exists()

    def test_a_reinstalled_machine_at_the_address_takes_the_old_one_off(
        self, description: Description
    ) -> None:
        old = enrol(description, now=NOON)
        Node.objects.filter(pk=old.pk).update(host_key="ssh-ed25519 AAAAold")

        new = enrol(description, now=NOON)

        old.refresh_from_db()
        assert new.pk != old.pk
        assert old.delisted_at == NOON
        assert old.events.filter(reason_code="delisted").exists()

    def test_simulated_gpus_are_refused_on_a_real_chain(
        self, description: Description, settings: object
    ) -> None:
        settings.MARKET_CHAIN = "subtensor"

        with pytest.raises(Unfit, match="simulated"):
            enrol(description, now=NOON)

        assert not Node.objects.exists()


@pytest.mark.django_db
class TestHardware:
    def test_real_gpus_are_taken_by_uuid_in_their_order(self) -> None:
        hardware = hardware_of(read(SEEN), host_key="k", simulated_gpus=0)

        assert hardware.model.short_name == "H100"
        assert hardware.uuids[0].startswith("GPU-1111")
        assert hardware.access is GpuAccess.CDI
        assert not hardware.simulated

    def test_mixed_models_are_refused(self) -> None:
        mixed = SEEN + "gpu 2, GPU-3, NVIDIA L40S, 46068\n"

        with pytest.raises(Unfit, match="different GPUs"):
            hardware_of(read(mixed), host_key="k", simulated_gpus=0)

    def test_an_unknown_gpu_is_refused_by_name(self) -> None:
        strange = SEEN.replace("NVIDIA H100 80GB HBM3", "NVIDIA Mystery 9000")

        with pytest.raises(Unfit, match="Mystery 9000"):
            hardware_of(read(strange), host_key="k", simulated_gpus=0)

    def test_an_engine_that_cannot_give_gpus_is_refused(self) -> None:
        without = SEEN.replace("cdi nvidia", "nothing nvidia")

        with pytest.raises(Unfit, match="cannot give GPUs"):
            hardware_of(read(without), host_key="k", simulated_gpus=0)

    def test_a_silent_engine_is_refused(self) -> None:
        with pytest.raises(Unfit, match="engine does not answer"):
            hardware_of(read("cpus 4\n"), host_key="k", simulated_gpus=4)

    def test_the_stand_in_for_nvidia_smi_never_passes_as_real(self, settings: object) -> None:
        settings.MARKET_CHAIN = "subtensor"
        posing = SEEN.replace("GPU-22222222", "GPU-51300000").replace(
            "GPU-11111111", "GPU-51300000"
        )

        with pytest.raises(Unfit, match="simulated"):
            hardware_of(read(posing), host_key="k", simulated_gpus=0)


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
