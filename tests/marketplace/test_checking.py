"""A machine's checks on real machines: each fault has its own code and fix, and mending it is enough."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

from core.actors import PLATFORM
from core.errors import Conflict, NotFound
from marketplace.checks import CHECKS
from marketplace.machine import MachineUnreachable, generate_keypair, scan_host_key
from marketplace.models import (
    CheckResult,
    CheckRun,
    CheckStatus,
    GpuAccess,
    Node,
    NodeStatus,
    Outcome,
    Provider,
    Trigger,
)
from marketplace.selectors import verification
from marketplace.services import (
    check_outcomes,
    check_turns,
    checking,
    gpu_catalogue,
    listing,
    onboarding,
)
from marketplace.services.addresses import AddressTaken
from marketplace.services.machines import open_key, seal_key
from marketplace.services.onboarding import Claim, UnsupportedGpu
from marketplace.simulated import gpus_tsv, install, uuids
from tests.factories.marketplace import NOON
from tests.machines import EngineMachine, engine_machine, small_disk

pytestmark = [
    pytest.mark.engine,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("busy_line"),
]
MODEL = "NVIDIA GeForce RTX 4090"
TABLE = gpus_tsv(model=MODEL, count=4, seed=11)
HOOK = Path(__file__).parents[1] / "nvidia_hook.sh"
DISK_MIB, TOO_SMALL_MIB = 16_000, 3_000


@dataclass(frozen=True)
class Host:
    """A GPU host of the tests, whose parts can be broken and mended."""

    machine: EngineMachine
    programs: Path
    resize_disk: Callable[[int], None]

    @property
    def home(self) -> Path:
        """Return the folder of its sshd."""
        return self.machine.sshd.home


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Run a machine on which all is well: GPUs (stand-ins), hook, engine, disk."""
    home = tmp_path_factory.mktemp("host")
    programs = home / "bin"
    install(programs, table=TABLE)
    shutil.copy(HOOK, programs / "nvidia-container-runtime-hook")
    with (
        small_disk(home / "docker", mib=DISK_MIB) as resize,
        engine_machine(home, programs=programs, engine_programs=programs) as machine,
    ):
        yield Host(machine, programs, resize)


@pytest.fixture
def provider(host: Host) -> Provider:
    """Make Bob, whose machines trust our key."""
    gpu_catalogue.load()
    row = Provider(name="bob", ssh_public_key=_public_key(host.home / "authorized_keys"))
    seal_key(row, host.machine.address.private_key)
    row.save()
    return row


@pytest.fixture
def node(host: Host, provider: Provider) -> Node:
    """Claim the machine, and confirm its host key."""
    made = onboarding.add(provider=provider, claim=claim_of(host.machine), actor=PLATFORM, now=NOON)
    key = onboarding.look_at_host_key(made)
    onboarding.confirm_host_key(node_id=made.pk, host_key=key, actor=PLATFORM, now=NOON)
    return made


def claim_of(machine: EngineMachine, **fields: object) -> Claim:
    """Say what the machine is; the published ports stay off the ones that the kernel gives away."""
    values = {
        "gpu_model": MODEL,
        "gpu_count": 4,
        "host": machine.address.host,
        "user": machine.address.user,
        "state_dir": machine.directory,
        "first_port": 20100,
        "last_port": 20199,
    }
    return Claim(**(values | fields))  # type: ignore[arg-type]


def checked(node: Node) -> CheckRun:
    """Check a machine to the end, as a worker does."""
    run = checking.start(node_id=node.pk, trigger=Trigger.WIZARD, now=NOON)
    return worked_off(run, node)


def worked_off(run: CheckRun, node: Node) -> CheckRun:
    """Do what the worker does with a run."""
    checking.run(run_id=run.pk, now=NOON)
    run.refresh_from_db()
    node.refresh_from_db()
    return run


def bad(run: CheckRun) -> list[tuple[str, str]]:
    """List what did not pass."""
    fine = [CheckStatus.PASSED, CheckStatus.SKIPPED]
    return list(run.results.exclude(status__in=fine).values_list("code", "measured"))


def result(run: CheckRun, check_id: str) -> CheckResult:
    """Give one result of a run."""
    return run.results.get(check_id=check_id)


@contextmanager
def wrong_key(host: Host, node: Node) -> Iterator[None]:
    keys = host.home / "authorized_keys"
    ours = keys.read_text()
    keys.write_text(generate_keypair()[1] + "\n")
    try:
        yield
    finally:
        keys.write_text(ours)


@contextmanager
def changed_host_key(host: Host, node: Node) -> Iterator[None]:
    private, public = generate_keypair()
    (host.home / "host_key").write_text(private)
    _await_host_key(host, public)
    try:
        yield
    finally:
        key = onboarding.look_at_host_key(node)
        onboarding.confirm_host_key(node_id=node.pk, host_key=key, actor=PLATFORM, now=NOON)


@contextmanager
def no_docker(host: Host, node: Node) -> Iterator[None]:
    socket = Path(host.machine.socket.removeprefix("unix://"))
    socket.rename(f"{socket}.off")
    try:
        yield
    finally:
        Path(f"{socket}.off").rename(socket)


@contextmanager
def no_nvidia_runtime(host: Host, node: Node) -> Iterator[None]:
    hook = host.programs / "nvidia-container-runtime-hook"
    hook.rename(f"{hook}.off")
    try:
        yield
    finally:
        Path(f"{hook}.off").rename(hook)


@contextmanager
def old_driver(host: Host, node: Node) -> Iterator[None]:
    table = host.programs / "gpus.tsv"
    table.write_text(TABLE.replace("570.00.SIM", "470.00.SIM"))
    try:
        yield
    finally:
        table.write_text(TABLE)


@contextmanager
def closed_ports(host: Host, node: Node) -> Iterator[None]:
    rule = ["INPUT", "-p", "tcp", "--dport", "20110:20199", "-j", "DROP"]
    host.machine.run("iptables", "-w", "-I", *rule)
    try:
        yield
    finally:
        host.machine.run("iptables", "-w", "-D", *rule)


@contextmanager
def tiny_disk(host: Host, node: Node) -> Iterator[None]:
    host.resize_disk(TOO_SMALL_MIB)
    try:
        yield
    finally:
        host.resize_disk(DISK_MIB)


@contextmanager
def slow_network(host: Host, node: Node) -> Iterator[None]:
    shape = ["tc", "qdisc", "add", "dev", host.machine.link, "root", "tbf"]
    subprocess.run([*shape, "rate", "4mbit", "burst", "64kb", "latency", "200ms"], check=True)
    try:
        yield
    finally:
        subprocess.run(["tc", "qdisc", "del", "dev", host.machine.link, "root"], check=True)


FAULTS: dict[str, tuple[str, Callable[[Host, Node], AbstractContextManager[None]]]] = {
    "wrong_key": ("key", wrong_key),
    "host_key_changed": ("contact", changed_host_key),
    "no_engine": ("engine", no_docker),
    "no_nvidia_runtime": ("gpu_access", no_nvidia_runtime),
    "driver_too_old": ("driver", old_driver),
    "too_few_ports": ("ports", closed_ports),
    "disk_too_small": ("disk", tiny_disk),
    "network_too_slow": ("speed", slow_network),
}


class TestFaults:
    @pytest.mark.parametrize("code", FAULTS)
    def test_has_its_code_and_fix_and_mended_it_passes_with_nothing_typed_again(
        self, host: Host, node: Node, code: str
    ) -> None:
        check_id, broken = FAULTS[code]
        onboarding.want_listing(node_id=node.pk, actor=PLATFORM, now=NOON)
        with broken(host, node):
            run = worked_off(CheckRun.objects.get(), node)

            failed = result(run, check_id)
            assert (failed.status, failed.code) == (CheckStatus.FAILED, code)
            assert all((failed.measured, failed.required, failed.why, failed.fix))
            assert failed.fix_command
            others = run.results.filter(status=CheckStatus.FAILED).exclude(check_id=check_id)
            assert list(others.values_list("code", "measured")) == []
            assert run.outcome == Outcome.FAILED
            reached = check_id not in ("contact", "key")
            assert node.status == (
                NodeStatus.VALIDATION_FAILED if reached else NodeStatus.NOT_DETECTED
            )

        again = checking.run_one(node_id=node.pk, check_id=check_id, now=NOON)
        worked_off(again, node)

        run.refresh_from_db()
        assert (run.outcome, again.pk > run.pk) == (Outcome.FAILED, True)
        assert again.outcome == Outcome.PASSED, bad(again)
        assert node.status == NodeStatus.AVAILABLE


class TestHealthy:
    def test_it_is_on_the_books_with_what_was_found(self, host: Host, node: Node) -> None:
        run = checked(node)

        assert run.outcome == Outcome.PASSED, bad(run)
        assert node.status == NodeStatus.VALIDATION_PENDING  # nobody wanted it listed yet
        assert node.gpu_access == GpuAccess.GPUS
        assert set(node.gpus.values_list("uuid", flat=True)) == set(uuids(TABLE))
        assert node.simulated
        assert node.download_mbps > 0
        assert {"download", "upload", "ports", "disk"} <= {fact.name for fact in node.facts.all()}

    def test_listing_it_needs_no_second_run(self, host: Host, node: Node) -> None:
        checked(node)

        listed = onboarding.want_listing(node_id=node.pk, actor=PLATFORM, now=NOON)

        assert listed.status == NodeStatus.AVAILABLE
        assert CheckRun.objects.count() == 1

    def test_a_wrong_claim_is_corrected_with_an_event(self, host: Host, provider: Provider) -> None:
        claim = claim_of(host.machine, gpu_model="H200", gpu_count=8, listed_when_checked=True)
        node = onboarding.add(provider=provider, claim=claim, actor=PLATFORM, now=NOON)

        worked_off(CheckRun.objects.get(), node)

        assert (node.gpu_model.name, node.gpu_count, node.free_gpu_count) == (MODEL, 4, 4)
        assert node.status == NodeStatus.AVAILABLE
        reasons = dict(node.events.values_list("reason_code", "reason"))
        assert "claimed was 8" in reasons["claim_changed"]
        assert "trusted at first use" in reasons["host_key_confirmed"]

    def test_an_engine_started_before_the_toolkit_cannot_give_gpus(
        self, host: Host, provider: Provider, tmp_path: Path
    ) -> None:
        """The hook is on the PATH, and the engine does not know it: only a container shows that."""
        with engine_machine(tmp_path, programs=host.programs) as machine:
            shutil.copy(host.home / "authorized_keys", machine.sshd.home / "authorized_keys")
            claim = claim_of(machine, listed_when_checked=True)
            node = onboarding.add(provider=provider, claim=claim, actor=PLATFORM, now=NOON)
            run = worked_off(CheckRun.objects.get(), node)

        assert result(run, "gpu_access").code == "no_nvidia_runtime"
        assert "could not select device driver" in result(run, "gpu_access").measured


class TestRuns:
    def test_a_machine_that_does_not_answer_is_not_detected_and_looked_for_again(
        self, provider: Provider
    ) -> None:
        claim = Claim(gpu_model=MODEL, gpu_count=1, host="127.0.20.7", port=1)
        node = onboarding.add(provider=provider, claim=claim, actor=PLATFORM, now=NOON)
        _, key = generate_keypair()
        onboarding.confirm_host_key(node_id=node.pk, host_key=key, actor=PLATFORM, now=NOON)

        run = checked(node)

        assert result(run, "contact").code == "unreachable"
        assert result(run, "disk").status == CheckStatus.SKIPPED
        assert node.status == NodeStatus.NOT_DETECTED
        assert node.next_checks_at < NOON + timedelta(minutes=5)

    def test_nothing_is_checked_before_the_host_key_is_confirmed(self, provider: Provider) -> None:
        claim = Claim(gpu_model=MODEL, gpu_count=1, host="127.0.20.7")
        node = onboarding.add(provider=provider, claim=claim, actor=PLATFORM, now=NOON)

        with pytest.raises(Conflict, match="host key"):
            checking.start(node_id=node.pk, trigger=Trigger.WIZARD, now=NOON)

    def test_one_run_at_a_time_and_one_worker_a_run(self, node: Node) -> None:
        first = checking.start(node_id=node.pk, trigger=Trigger.WIZARD, now=NOON)
        second = checking.start(node_id=node.pk, trigger=Trigger.PROVIDER, now=NOON)
        with check_turns.taken(first.pk, now=lambda: NOON):
            checking.run(run_id=first.pk, now=NOON)
            first.refresh_from_db()

        assert second.pk == first.pk
        assert first.finished_at is None
        assert first.results.filter(status=CheckStatus.PENDING).count() == len(CHECKS) - 1

    def test_the_sweep_starts_what_is_due(self, node: Node) -> None:
        Node.objects.filter(pk=node.pk).update(next_checks_at=NOON)

        assert checking.sweep(NOON) == 1
        assert checking.sweep(NOON) == 0
        assert CheckRun.objects.get().trigger == Trigger.SCHEDULE

    def test_an_unknown_check_is_not_found(self, node: Node) -> None:
        with pytest.raises(NotFound):
            checking.run_one(node_id=node.pk, check_id="weather", now=NOON)

    def test_how_long_it_takes_is_told_from_earlier_runs(self, node: Node) -> None:
        run = checking.start(node_id=node.pk, trigger=Trigger.WIZARD, now=NOON)
        run.results.update(status=CheckStatus.PASSED, seconds=2, started_at=NOON)
        CheckRun.objects.filter(pk=run.pk).update(finished_at=NOON, outcome=Outcome.PASSED)
        checking.start(node_id=node.pk, trigger=Trigger.WIZARD, now=NOON)

        shown = verification(node, now=NOON)

        assert (shown.phase, shown.done) == ("running", 0)
        assert shown.seconds_left == 2 * len(CHECKS)


class TestAdding:
    def test_an_address_belongs_to_one_machine(self, provider: Provider) -> None:
        claim = Claim(gpu_model="RTX 4090", gpu_count=1, host="127.0.20.7")
        onboarding.add(provider=provider, claim=claim, actor=PLATFORM, now=NOON)

        with pytest.raises(AddressTaken, match="already exists with the same ip and port"):
            onboarding.add(provider=provider, claim=claim, actor=PLATFORM, now=NOON)

    def test_an_unknown_gpu_is_named(self, provider: Provider) -> None:
        claim = Claim(gpu_model="Mystery 9000", gpu_count=1, host="127.0.20.7")

        with pytest.raises(UnsupportedGpu, match="Unsupported gpu type"):
            onboarding.add(provider=provider, claim=claim, actor=PLATFORM, now=NOON)

    def test_our_own_network_is_not_looked_around_in(
        self, provider: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "MARKET_MACHINE_NETWORKS", ())
        claim = Claim(gpu_model="RTX 4090", gpu_count=1, host="127.0.0.1")

        with pytest.raises(Exception, match="not reachable from the internet"):
            onboarding.add(provider=provider, claim=claim, actor=PLATFORM, now=NOON)

    def test_one_machine_is_listed_once(self, node: Node) -> None:
        other = Provider.objects.create(
            name="mallory",
            ssh_public_key=node.provider.ssh_public_key,
            ssh_private_key_encrypted="-",
        )
        seal_key(other, open_key(node.provider))
        other.save()
        claim = Claim(gpu_model=MODEL, gpu_count=4, host=node.host, user=node.ssh_user)
        twin = onboarding.add(provider=other, claim=claim, actor=PLATFORM, now=NOON)
        key = onboarding.look_at_host_key(twin)
        onboarding.confirm_host_key(node_id=twin.pk, host_key=key, actor=PLATFORM, now=NOON)
        check_outcomes.reached(node_id=node.pk, now=NOON)

        run = checked(twin)

        assert result(run, "key").code == "listed_already"
        assert twin.status == NodeStatus.NOT_DETECTED

    def test_the_key_of_a_listed_machine_is_not_swapped(self, node: Node) -> None:
        Node.objects.filter(pk=node.pk).update(status=NodeStatus.VALIDATION_PENDING)
        listing.admit(node_id=node.pk, now=NOON)
        _, other = generate_keypair()

        with pytest.raises(Conflict, match="on the market"):
            onboarding.confirm_host_key(node_id=node.pk, host_key=other, actor=PLATFORM, now=NOON)


def _public_key(authorized_keys: Path) -> str:
    return authorized_keys.read_text().strip()


def _await_host_key(host: Host, public: str) -> None:
    """Have sshd read its host key anew (some do for each connection), and wait until it shows it."""
    os.kill(int((host.home / "sshd.pid").read_text()), signal.SIGHUP)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(MachineUnreachable):  # it is restarting
            if scan_host_key(host.machine.address.host, 22, timeout=2) == public:
                return
        time.sleep(0.2)
    pytest.fail("sshd kept its host key")
