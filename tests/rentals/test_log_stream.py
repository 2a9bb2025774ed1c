"""Logs over a real socket, from a real engine: who holds what, and what is left when somebody goes."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection

from accounts.models import ApiKey
from core import clock, ratelimit
from marketplace.models import Node
from rentals import limits, log_stream
from rentals.engine.spec import MARKET_LABEL, POD_LABEL
from rentals.models import Pod
from rentals.services import logs
from tests.factories.accounts import Person
from tests.factories.pods import make_pod
from tests.factories.rentals import container
from tests.machines import EngineMachine
from tests.serving import Served

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]
TICKS = "while :; do echo tick; sleep 0.1; done"
PATIENCE = 20.0


@pytest.fixture
def node(market_node: Node) -> Node:
    return market_node


@pytest.fixture
def pod(alice: Person, node: Node) -> Pod:
    return make_pod(workspace=alice.workspace, node=node, created_at=clock.now())


@pytest.fixture
def ticking(pod: Pod, node: Node, pod_machine: EngineMachine, prepared: object) -> Pod:
    """Give a pod whose container prints for ever."""
    run(pod_machine, pod, prepared.base_image, TICKS)  # type: ignore[attr-defined]
    return pod


def run(machine: EngineMachine, pod: Pod, image: str, script: str) -> None:
    labels = [f"{MARKET_LABEL}={settings.MARKET_INSTANCE}", f"{POD_LABEL}={pod.public_id}"]
    options = [part for label in labels for part in ("--label", label)]
    name = container(pod.public_id)
    machine.docker("run", "-d", "--name", name, *options, image, "sh", "-c", script)


class Reader:
    """A client that follows a log."""

    def __init__(self, served: Served, pod_id: UUID, secret: str, query: str = "follow=true"):
        self.http = http.client.HTTPConnection(served.netloc, timeout=PATIENCE)
        headers = {"X-API-KEY": secret}
        self.http.request("GET", f"/api/pods/{pod_id}/logs?{query}", headers=headers)

    def answer(self) -> http.client.HTTPResponse:
        return self.http.getresponse()

    def leave(self) -> None:
        self.http.close()


@pytest.fixture
def follow(served: Served, alice: Person) -> Iterator[Callable[..., Reader]]:
    made: list[Reader] = []

    def one(pod: Pod, secret: str = alice.secret, query: str = "follow=true") -> Reader:
        made.append(Reader(served, pod.public_id, secret, query))
        return made[-1]

    yield one
    for reader in made:
        reader.leave()
    eventually(lambda: not limits.followed_logs._taken)


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.05)


def followers(machine: EngineMachine) -> int:
    """Count the clients of the engine that follow a log on the machine."""
    return int(machine.run("pgrep", "-c", "-f", "docker logs --follow", check=False).stdout)


def connections() -> int:
    """Count the sessions in the test's database beside our own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


class TestFollowing:
    def test_gives_a_line_of_json_a_line(self, ticking: Pod, follow: Callable[..., Reader]) -> None:
        answer = follow(ticking).answer()

        lines = [json.loads(answer.readline().removeprefix(b"data: ")) for _ in range(3)]

        assert answer.status == 200
        assert answer.getheader("X-Request-Id")
        assert lines == [{"log": "tick"}] * 3

    def test_holds_no_database_connection(
        self, ticking: Pod, follow: Callable[..., Reader]
    ) -> None:
        readers = [follow(ticking) for _ in range(4)]
        for reader in readers:
            assert reader.answer().readline()

        eventually(lambda: connections() == 0)

    def test_leaves_nothing_behind(
        self, ticking: Pod, follow: Callable[..., Reader], pod_machine: EngineMachine
    ) -> None:
        reader = follow(ticking)
        assert reader.answer().readline()
        assert followers(pod_machine)

        reader.leave()

        eventually(lambda: not limits.followed_logs._taken)
        eventually(lambda: not followers(pod_machine))

    def test_a_client_that_leaves_while_we_connect_leaks_nothing(
        self,
        ticking: Pod,
        follow: Callable[..., Reader],
        pod_machine: EngineMachine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        connect, begun = logs.connect, []

        def slow(*args: object, **more: object) -> object:
            begun.append(time.monotonic())
            time.sleep(1)
            return connect(*args, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(logs, "connect", slow)
        readers = [follow(ticking) for _ in range(4)]
        eventually(lambda: len(begun) == 4)

        for reader in readers:
            reader.leave()

        eventually(lambda: not limits.followed_logs._taken)
        eventually(lambda: not followers(pod_machine))

    def test_a_revoked_key_stops_following(
        self,
        ticking: Pod,
        alice: Person,
        follow: Callable[..., Reader],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(log_stream, "RECHECK_SECONDS", 0.2)
        answer = follow(ticking).answer()
        assert answer.readline()

        ApiKey.objects.filter(pk=alice.key.pk).update(revoked_at=clock.now())

        assert answer.read() is not None  # to its end

    def test_a_workspace_follows_so_many_and_no_more(
        self,
        ticking: Pod,
        bob: Person,
        node: Node,
        pod_machine: EngineMachine,
        prepared: object,
        follow: Callable[..., Reader],
    ) -> None:
        readers = [follow(ticking) for _ in range(limits.followed_logs.each)]
        assert all(reader.answer().status == 200 for reader in readers)

        refused = follow(ticking).answer()
        theirs = make_pod(workspace=bob.workspace, node=node, created_at=clock.now())
        run(pod_machine, theirs, prepared.base_image, TICKS)  # type: ignore[attr-defined]

        assert refused.status == 429
        assert refused.headers["Retry-After"]
        assert json.loads(refused.read())["error"]["code"] == "rate_limited"
        assert follow(theirs, bob.secret).answer().status == 200

    def test_a_pod_without_a_container_is_refused_in_words(
        self, pod: Pod, follow: Callable[..., Reader]
    ) -> None:
        answer = follow(pod).answer()

        assert answer.status == 409
        assert (
            json.loads(answer.read())["message"] == "The pod has no container to read a log from."
        )

    def test_a_stranger_finds_nothing(
        self, ticking: Pod, charlie: Person, follow: Callable[..., Reader]
    ) -> None:
        assert follow(ticking, charlie.secret).answer().status == 404
        assert follow(ticking, "sk_none").answer().status == 401


class TestReading:
    def test_gives_the_last_lines(self, ticking: Pod, follow: Callable[..., Reader]) -> None:
        time.sleep(0.5)

        answer = follow(ticking, query="tail=2").answer()

        assert answer.read().count(b"tick") == 2

    def test_silent_machines_leave_threads_for_the_pages(
        self, pod: Pod, served: Served, node: Node, follow: Callable[..., Reader]
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            address = {"host": "127.0.0.1", "ssh_port": mute.getsockname()[1]}
            Node.objects.filter(pk=node.pk).update(**address)
            began = time.monotonic()
            readers = [follow(pod, query="tail=1") for _ in range(settings.HTTP_THREADS + 2)]
            page = http.client.HTTPConnection(served.netloc, timeout=PATIENCE)
            page.request("GET", "/healthz")
            assert page.getresponse().status == 200
            assert time.monotonic() - began < logs.TAIL_SECONDS

            statuses = sorted(reader.answer().status for reader in readers)

        assert statuses.count(503) == limits.read_logs.each
        assert set(statuses) == {429, 503}
        assert time.monotonic() - began < 3 * logs.TAIL_SECONDS

    def test_has_a_limit(
        self, ticking: Pod, follow: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ratelimit.reset()
        monkeypatch.setattr(limits, "LOGS_PER_WORKSPACE", "1/minute")

        answers = [follow(ticking, query="tail=1").answer() for _ in range(2)]

        assert [answer.status for answer in answers] == [200, 429]
