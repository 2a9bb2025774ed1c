"""Endpoints that are silent, lie, lag or answer nonsense: unknown, never taken for the truth."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pytest

from billing.chain.port import ChainReplaced, ChainUnavailable, NoPrice
from billing.chain.subtensor import blocks, subnets
from billing.chain.subtensor.blocks import RawBlock
from billing.chain.subtensor.config import Config
from billing.chain.subtensor.endpoints import Anchor
from billing.chain.subtensor.gateway import SubtensorGateway
from billing.chain.subtensor.reader import Reader
from billing.chain.subtensor.rpc import Connection
from billing.chain.subtensor.state import State
from tests.billing.chain.peer import GENESIS, Answer, Chain, Peer

Start = Callable[..., Peer]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start peers; they end with the test."""
    peers = list[Peer]()

    def started(answer: Answer | None = None) -> Peer:
        peers.append(Peer(answer or Chain()))
        return peers[-1]

    yield started
    for peer in peers:
        peer.close()


def reader(*peers: Peer | str, lag: timedelta = timedelta(0), timeout: float = 5) -> Reader:
    urls = tuple(one if isinstance(one, str) else one.url for one in peers)
    return Reader(Config(urls, GENESIS, timeout=timeout, rate=10_000, lag=lag))


def best(of: Reader) -> int:
    return of.endpoints.run(of.heads).best.number


def agreed(of: Reader, *, after: int = 10, upto: int = 12) -> tuple[RawBlock, ...]:
    return of.endpoints.agree(
        lambda one: blocks.fetch(one, after=after, upto=upto), on=blocks.fingerprint
    )


def all_of(found: Reader) -> None:
    """Ask everything that is asked of a node before anything is decoded."""
    best(found)
    agreed(found)


NONSENSE: list[Any] = [[], None, {}, "", "0x", 5, True, [[]], {"number": "0x1"}, "0x" + "zz" * 32]


class TestOne:
    def test_that_answers_as_a_node_does_is_believed(self, start: Start) -> None:
        found = reader(start())

        heads = found.endpoints.run(found.heads)

        assert (heads.best.number, heads.final.number) == (20, 17)
        assert heads.final_at == datetime(2026, 1, 1, 0, 3, 24, tzinfo=UTC)

    @pytest.mark.parametrize("answer", NONSENSE, ids=repr)
    def test_that_answers_nonsense_to_everything_is_not(self, start: Start, answer: Any) -> None:
        with pytest.raises(ChainUnavailable):
            best(reader(start(lambda method, params: answer)))

    @pytest.mark.parametrize("answer", NONSENSE, ids=repr)
    @pytest.mark.parametrize(
        "asked", ["chain_getFinalizedHead", "chain_getHeader", "state_getStorage", "chain_getBlock"]
    )
    def test_that_answers_nonsense_to_one_question_is_not(
        self, start: Start, asked: str, answer: Any
    ) -> None:
        chain = Chain()
        found = reader(
            start(lambda method, params: answer if method == asked else chain(method, params))
        )

        with pytest.raises(ChainUnavailable):
            all_of(found)

    @pytest.mark.parametrize(
        "raw", ["", "[]", "<html>", "null", "{}", '{"id": 0}', "\0", '{"id": 7}']
    )
    def test_that_talks_something_else_is_not(self, start: Start, raw: str) -> None:
        peer = start()
        peer.raw = raw

        with pytest.raises(ChainUnavailable):
            best(reader(peer, timeout=0.5))

    def test_that_is_down_silent_or_refuses_is_not(self, start: Start) -> None:
        silent, refusing = start(), start()
        silent.silent.set()
        refusing.status = HTTPStatus.INTERNAL_SERVER_ERROR

        for peer in (silent, refusing, "ws://127.0.0.1:1"):
            began = time.monotonic()
            with pytest.raises(ChainUnavailable):
                best(reader(peer, timeout=0.3))
            assert time.monotonic() - began < 3

    def test_of_another_chain_is_not(self, start: Start) -> None:
        other = start(Chain(genesis="0x" + "33" * 32))

        with pytest.raises(ChainUnavailable, match="another chain"):
            best(reader(other))

    def test_that_is_behind_is_not(self, start: Start) -> None:
        now = datetime.now(UTC)
        fresh = Chain(start=now - timedelta(seconds=12 * 20))
        stale = Chain(start=now - timedelta(hours=1))

        assert best(reader(start(fresh), lag=timedelta(minutes=3))) == 20
        with pytest.raises(ChainUnavailable, match="behind"):
            best(reader(start(stale), lag=timedelta(minutes=3)))

    def test_whose_header_is_not_that_of_its_hash_is_not(self, start: Start) -> None:
        chain, forged = Chain(), Chain(fork="ff", forked_from=5)
        chain.headers[17] = forged.headers[17]

        with pytest.raises(ChainUnavailable, match="header"):
            best(reader(start(chain)))

    def test_whose_blocks_do_not_follow_each_other_is_not(self, start: Start) -> None:
        chain, other = Chain(), Chain(fork="ff", forked_from=5)
        chain.headers[12:], chain.hashes[12:] = other.headers[12:], other.hashes[12:]

        with pytest.raises(ChainUnavailable, match="does not follow"):
            agreed(reader(start(chain)))

    def test_that_went_back_is_not(self, start: Start) -> None:
        peer = start()
        found = reader(peer)
        found.hold_to(Anchor(17, Chain().hashes[17]))
        peer.answer = Chain(final=15)

        with pytest.raises(ChainUnavailable, match="went back"):
            best(found)

    def test_is_left_alone_for_a_while_and_then_asked_again(self, start: Start) -> None:
        peer = start(lambda method, params: [])
        found = reader(peer)
        for _ in range(5):
            with pytest.raises(ChainUnavailable):
                best(found)
        asked = peer.asked

        peer.answer = Chain()
        with pytest.raises(ChainUnavailable):
            best(found)
        [endpoint] = found.endpoints._endpoints
        endpoint.paused_until = 0

        assert asked == 1
        assert best(found) == 20
        assert endpoint.failures == 0

    def test_never_has_its_secrets_told(self) -> None:
        found = reader("ws://alice:password@127.0.0.1:1/v1/0123456789abcdef")

        with pytest.raises(ChainUnavailable) as caught:
            best(found)

        assert "127.0.0.1:1" in caught.value.message
        assert not any(one in caught.value.message for one in ("password", "0123456789abcdef"))


class TestSeveral:
    @pytest.mark.parametrize(
        "broken",
        [
            lambda peer: setattr(peer, "answer", lambda method, params: []),
            lambda peer: setattr(peer, "status", HTTPStatus.INTERNAL_SERVER_ERROR),
            lambda peer: setattr(peer, "raw", "<html>"),
            lambda peer: peer.silent.set(),
            lambda peer: setattr(peer, "answer", Chain(genesis="0x" + "33" * 32)),
        ],
        ids=["[]", "500", "html", "silence", "another chain"],
    )
    def test_the_next_takes_over(self, start: Start, broken: Callable[[Peer], None]) -> None:
        first, second = start(), start()
        found = reader(first, second, timeout=3)
        assert best(found) == 20
        broken(first)
        for endpoint in found.endpoints._endpoints:
            endpoint.connection.close()
            endpoint.held_to = []

        assert best(found) == 20
        assert second.asked > 0

    def test_the_one_with_another_history_loses(self, start: Start) -> None:
        liar, honest = start(Chain(length=30, final=25, fork="ff", forked_from=5)), start()
        found = reader(liar, honest)

        found.hold_to(Anchor(17, Chain().hashes[17]))

        assert best(found) == 20

    def test_a_block_that_nobody_has_any_more_is_replaced(self, start: Start) -> None:
        forks = [start(Chain(fork=fork, forked_from=5)) for fork in ("ff", "ee")]

        with pytest.raises(ChainReplaced):
            reader(*forks).hold_to(Anchor(17, Chain().hashes[17]))

    def test_a_silent_one_beside_a_liar_is_no_proof(self, start: Start) -> None:
        liar = start(Chain(fork="ff", forked_from=5))

        with pytest.raises(ChainUnavailable) as caught:
            reader(liar, "ws://127.0.0.1:1").hold_to(Anchor(17, Chain().hashes[17]))

        assert not isinstance(caught.value, ChainReplaced)

    def test_most_of_them_are_believed_and_the_liar_is_left_alone(self, start: Start) -> None:
        liar, *honest = start(Chain(fork="ff", forked_from=11)), start(), start()
        found = reader(liar, *honest)

        read = agreed(found)

        assert [one.header.hash for one in read] == Chain().hashes[11:13]
        assert [bool(one.failures) for one in found.endpoints._endpoints] == [True, False, False]

    def test_events_must_agree_as_well(self, start: Start) -> None:
        liar = start(Chain(events="0x04deadbeef"))

        read = agreed(reader(liar, start(), start()))

        assert {one.events for one in read} == {b"\0"}

    def test_of_two_that_contradict_each_other_none_is_believed(self, start: Start) -> None:
        with pytest.raises(ChainUnavailable, match="do not agree"):
            agreed(reader(start(Chain(fork="ff", forked_from=11)), start()))

    def test_one_alone_cannot_run_ahead(self, start: Start) -> None:
        ahead, honest = start(Chain(length=40, final=37)), start()

        with pytest.raises(ChainUnavailable, match="do not agree"):
            agreed(reader(ahead, honest), after=20, upto=22)

    def test_the_price_of_alpha_is_agreed_on_and_the_lowest_of_a_while(
        self, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Peers of a chain have no runtime, so a price is read off the state's own connection."""
        long = {"length": 300, "final": 290}
        liar, *honest = (start(Chain(**long)) for _ in range(3))
        asked = list[int]()

        def price(state: State, netuid: int) -> Decimal:
            asked.append(state.at.number)
            dear = state.connection.name in liar.url or state.at.number == 290
            return Decimal("0.5") if dear else Decimal("0.05")

        monkeypatch.setattr(Reader, "state", lambda _, connection, at: State(connection, None, at))
        monkeypatch.setattr(subnets, "_price", price)
        monkeypatch.setattr(State, "read", lambda *_: True)
        urls = tuple(one.url for one in (liar, *honest))
        gateway = SubtensorGateway(Config(urls, GENESIS, timeout=5, rate=10_000, lag=timedelta(0)))

        found = gateway.alpha_price(51)

        assert (found.tao_per_alpha, found.block) == (Decimal("0.05"), 290)
        assert set(asked) == {290, 240, 190}
        monkeypatch.setattr(subnets, "_price", lambda *_: Decimal(0))
        with pytest.raises(NoPrice):
            gateway.alpha_price(51)

    def test_the_silent_have_no_say(self, start: Start) -> None:
        assert len(agreed(reader(start(), "ws://127.0.0.1:1"))) == 2


class TestPace:
    def test_no_more_questions_than_allowed(self, start: Start) -> None:
        connection = Connection(start().url, timeout=5, rate=100)
        began = time.monotonic()

        for _ in range(20):
            connection.ask("chain_getBlockHash", 1)

        assert time.monotonic() - began >= 0.18

    def test_answers_find_their_questions(self, start: Start) -> None:
        connection = Connection(start().url, timeout=5, rate=10_000)

        found = connection.ask_all([("chain_getBlockHash", (number,)) for number in range(21)] * 4)

        assert found == Chain().hashes * 4
