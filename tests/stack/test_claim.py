"""One market a checkout, and a sentence for whoever tries a second."""

import fcntl
from threading import Timer

import pytest

from lium_site.stack import claim as claims
from lium_site.stack.claim import claimed, is_claimed, running_in, wait_until_free
from lium_site.stack.console import StackError
from lium_site.stack.paths import State


def test_second_is_told_who_runs_and_where(state: State) -> None:
    with (
        claimed(state, url="http://127.0.0.1:8123") as claim,
        pytest.raises(StackError) as caught,
        claimed(state, url="http://127.0.0.1:8124"),
    ):
        pytest.fail("two markets hold one state folder")

    assert f"pid {claim.running.pid} serves http://127.0.0.1:8123" in str(caught.value)


def test_second_is_told_that_the_first_is_stopping(state: State) -> None:
    with claimed(state, url="http://127.0.0.1:8123") as claim:
        claim.announce("stopping")
        with pytest.raises(StackError, match="is stopping"), claimed(state, url=""):
            pass


def test_what_runs_is_known_only_while_it_runs(state: State) -> None:
    with claimed(state, url="http://x") as claim:
        claim.announce("ready", addresses={"REDIS_URL": "unix:///r"})
        running = running_in(state)

    assert running is not None
    assert (running.phase, running.addresses) == ("ready", {"REDIS_URL": "unix:///r"})
    assert running_in(state) is None


def test_file_of_a_killed_market_claims_nothing(state: State) -> None:
    (state.folder / "up.json").write_text('{"pid": 1, "url": "http://x", "phase": "ready"}')

    assert running_in(state) is None
    assert not is_claimed(state)


def test_claim_without_words_still_holds(state: State) -> None:
    with (state.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(StackError, match="Try again in a moment"), claimed(state, url=""):
            pass
        assert not wait_until_free(state, within_seconds=0.1)


def test_who_only_looks_is_in_nobodys_way(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LOOK_SECONDS", 10)
    looking = (state.folder / "lock").open("a")
    fcntl.flock(looking, fcntl.LOCK_SH)
    Timer(0.1, looking.close).start()

    with claimed(state, url="http://x"):
        assert is_claimed(state)
