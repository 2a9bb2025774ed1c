"""Live pages on real sockets: what ends them, what they survive, and what they cost."""

import threading
from contextlib import ExitStack

import pytest
from django.db import connection, transaction
from websockets.exceptions import InvalidStatus

from accounts import consumers
from accounts.consumers import FAILED, FORBIDDEN, NOT_FOUND, SIGN_IN
from core import clock, live
from rentals.consumers import PodConsumer
from rentals.models import Pod, PodPort
from tests.factories.accounts import Person
from tests.factories.pods import make_pod, make_ready
from tests.live_page import close_code, heard, live_page
from tests.serving import Served

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pod(alice: Person) -> Pod:
    with transaction.atomic():
        made = make_pod(workspace=alice.workspace, created_at=clock.now())
        PodPort.objects.create(pod=made, internal=22, external=40022)
        return make_ready(made, at=clock.now())


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refresh often enough to wait for it."""
    monkeypatch.setattr(consumers, "REFRESH_SECONDS", 0.3)
    monkeypatch.setattr(consumers, "SHARED_SECONDS", 0.1)


def path(pod: Pod) -> str:
    return f"/ws/pods/{pod.public_id}"


class TestAccess:
    def test_nobody_is_asked_to_sign_in(self, served: Served, pod: Pod) -> None:
        with live_page(served, path(pod), None) as page:
            assert close_code(page) == SIGN_IN

    def test_a_stranger_finds_nothing(self, served: Served, pod: Pod, charlie: Person) -> None:
        with live_page(served, path(pod), charlie.browser) as page:
            assert close_code(page) == NOT_FOUND

    def test_signing_out_ends_an_open_page(self, served: Served, pod: Pod, alice: Person) -> None:
        browser = alice.browser
        with live_page(served, path(pod), browser) as page:
            heard(page)
            browser.session.delete()

            assert close_code(page) == SIGN_IN

    def test_a_new_password_ends_it(self, served: Served, pod: Pod, alice: Person) -> None:
        with live_page(served, path(pod), alice.browser) as page:
            heard(page)
            alice.user.set_password("another horse, another battery")
            alice.user.save()

            assert close_code(page) == SIGN_IN

    def test_suspension_ends_it(self, served: Served, pod: Pod, alice: Person) -> None:
        with live_page(served, path(pod), alice.browser) as page:
            heard(page)
            alice.user.is_active = False
            alice.user.save()

            assert close_code(page) == FORBIDDEN

    def test_a_lost_membership_ends_it(self, served: Served, pod: Pod, alice: Person) -> None:
        with live_page(served, path(pod), alice.browser) as page:
            heard(page)
            alice.workspace.memberships.all().delete()

            assert close_code(page) == NOT_FOUND


class TestFailure:
    def test_a_picture_that_fails_ends_the_page_so_that_it_comes_back(
        self, served: Served, pod: Pod, alice: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with live_page(served, path(pod), alice.browser) as page:
            heard(page)
            monkeypatch.setattr(PodConsumer, "render", broken)

            assert close_code(page) == FAILED

    def test_while_it_fails_nobody_gets_in(
        self, served: Served, pod: Pod, alice: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(PodConsumer, "render", broken)

        # Never opened: the client's pause grows from try to try.
        with pytest.raises(InvalidStatus), live_page(served, path(pod), alice.browser):
            pass


def broken(consumer: PodConsumer) -> str:
    raise RuntimeError("The database is away.")


class TestPictures:
    def test_a_change_is_shown_at_once(
        self, served: Served, pod: Pod, alice: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumers, "REFRESH_SECONDS", 60.0)
        with live_page(served, path(pod), alice.browser) as page:
            heard(page)
            Pod.objects.filter(pk=pod.pk).update(name="renamed")

            live.publish(f"pod:{pod.public_id}")

            assert heard(page, holding="renamed")

    def test_a_quiet_page_hears_that_the_line_holds(
        self, served: Served, alice: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumers, "BEAT_SECONDS", 0.5)
        with live_page(served, "/ws/pods", alice.browser) as page:
            assert heard(page, holding=consumers.BEAT) == consumers.BEAT

    def test_viewers_of_one_pod_share_one_render(
        self, served: Served, pod: Pod, alice: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumers, "REFRESH_SECONDS", 60.0)
        render, renders = PodConsumer.render, []

        def counted(consumer: PodConsumer) -> str:
            renders.append(threading.current_thread().name)
            return render(consumer)

        with ExitStack() as stack:
            browser = alice.browser
            pages = [stack.enter_context(live_page(served, path(pod), browser)) for _ in range(6)]
            for page in pages:
                heard(page)
            monkeypatch.setattr(PodConsumer, "render", counted)
            Pod.objects.filter(pk=pod.pk).update(name="renamed")

            live.publish(f"pod:{pod.public_id}")

            assert all(heard(page, holding="renamed") for page in pages)
        assert len(renders) == 1

    def test_one_slow_picture_keeps_no_other_waiting(
        self, served: Served, pod: Pod, alice: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = make_pod(workspace=alice.workspace, created_at=clock.now())
        render, begun, goes_on = PodConsumer.render, threading.Event(), threading.Event()

        def slow(consumer: PodConsumer) -> str:
            if consumer._id() == other.public_id:
                begun.set()
                goes_on.wait(30)
            return render(consumer)

        monkeypatch.setattr(PodConsumer, "render", slow)
        waiting = threading.Thread(target=look, args=(served, other, alice))
        waiting.start()
        assert begun.wait(30)
        look(served, pod, alice)

        assert waiting.is_alive()
        goes_on.set()
        waiting.join()


def look(served: Served, pod: Pod, person: Person) -> None:
    try:
        with live_page(served, path(pod), person.browser) as page:
            heard(page)
    finally:
        connection.close()
