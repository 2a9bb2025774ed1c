"""Prices over HTTP, from feeds that mean harm."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.checks import run_checks

from billing.rates.configured import sources
from billing.rates.feeds import LARGEST_BODY, Feed
from billing.rates.port import SourceFailed
from tests.receiver import Receiver

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def feed(url: str = "https://feed.example", *, price: str = "/p", time: str = "") -> Feed:
    return Feed(name="feed", url=url, price=price, time=time, trial=True)


def told(body: bytes, **pointers: str) -> Decimal:
    return feed(**pointers).parse(body, now=NOON).usd_per_tao


class TestPrice:
    def test_is_read_over_http(self, receiver: Receiver) -> None:
        receiver.page = b'{"bittensor": {"usd": 312.55}}'

        reading = feed(receiver.url, price="/bittensor/usd").read(now=NOON)

        assert (reading.usd_per_tao, reading.observed_at) == (Decimal("312.55"), NOON)

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            (b'{"p": 312.55}', "/p"),
            (b'{"p": "312.55"}', "/p"),
            (b'{"result": {"TAOUSD": {"c": ["312.55", "1"]}}}', "/result/TAOUSD/c/0"),
            (b'[{"a/b": {"c~d": 312.55}}]', "/0/a~1b/c~0d"),
            (b"312.55", ""),
        ],
    )
    def test_is_found_by_its_pointer_and_stays_exact(self, body: bytes, pointer: str) -> None:
        assert told(body, price=pointer) == Decimal("312.55")

    @pytest.mark.parametrize(
        "value",
        [
            "0",
            "-1",
            '"NaN"',
            "NaN",
            "Infinity",
            '"-Infinity"',
            "1e400",
            '"1e999999999"',
            "1e-99",
            "true",
            "null",
            '""',
            '"12 USD"',
            "[1]",
            "{}",
            "1e9",
            '"0x10"',
            pytest.param("9" * 5000, id="many digits"),
        ],
    )
    def test_that_is_none_is_refused(self, value: str) -> None:
        with pytest.raises(SourceFailed):
            told(b'{"p": ' + value.encode() + b"}")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"<html>",
            b"\xff\xfe",
            pytest.param(b"[" * 60_000, id="deep"),
            b'{"q": 1}',
            b"[1]",
            b'"p"',
        ],
    )
    def test_is_nowhere_in_nonsense(self, body: bytes) -> None:
        with pytest.raises(SourceFailed):
            told(body)

    def test_a_list_is_not_read_from_its_end(self) -> None:
        with pytest.raises(SourceFailed):
            told(b"[1, 2]", price="/-1")

    def test_an_endless_answer_is_cut(self, receiver: Receiver) -> None:
        receiver.page = b" " * (LARGEST_BODY * 4)

        with pytest.raises(SourceFailed, match="more than"):
            feed(receiver.url).read(now=NOON)

    def test_a_redirect_is_not_followed(self, receiver: Receiver) -> None:
        receiver.answers = [302]

        with pytest.raises(SourceFailed, match="302"):
            feed(receiver.url).read(now=NOON)
        assert len(receiver.got) == 1


class TestTime:
    @pytest.mark.parametrize(
        "written",
        [
            "1795262400",
            "1795262400000",
            '"1795262400"',
            '"2026-11-21T12:00:00Z"',
            '"2026-11-21T12:00:00"',
            '"2026-11-21T13:00:00+01:00"',
        ],
    )
    def test_is_read_as_feeds_write_it(self, written: str) -> None:
        body = b'{"p": 1, "t": ' + written.encode() + b"}"

        assert feed(time="/t").parse(body, now=NOON).observed_at == NOON

    def test_a_little_ahead_is_now(self) -> None:
        body = json.dumps({"p": 1, "t": (NOON + timedelta(seconds=30)).timestamp()}).encode()

        assert feed(time="/t").parse(body, now=NOON).observed_at == NOON

    @pytest.mark.parametrize(
        "written",
        [
            *('"2026-11-21T12:05:00Z"', "null", '"noon"', "[]", "1e300", "true", '"NaN"'),
            *('"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-12:00"', "-62135596800", "0"),
        ],
    )
    def test_that_cannot_be_is_refused(self, written: str) -> None:
        with pytest.raises(SourceFailed):
            feed(time="/t").parse(b'{"p": 1, "t": ' + written.encode() + b"}", now=NOON)


GOOD = {"name": "one", "url": "https://one.example/tao", "price": "/usd"}


class TestSettings:
    def test_name_the_feeds_beside_the_chain(self, settings: Any) -> None:
        settings.MARKET_RATE_FEEDS = [GOOD]

        simulated, one = sources()

        assert (simulated.simulated, one.name, one.host) == (True, "one", "one.example")

    @pytest.mark.parametrize(
        "feeds",
        [
            [{"name": "one"}],
            [GOOD | {"more": "x"}],
            [GOOD | {"url": "http://one.example/"}],
            [GOOD | {"url": "https://user:secret@one.example/"}],
            [GOOD | {"price": "usd"}],
            [GOOD | {"name": ""}],
            [GOOD | {"price": 7}],
            [GOOD, GOOD],
        ],
    )
    def test_that_are_none_stop_the_start(self, settings: Any, feeds: list[Any]) -> None:
        settings.MARKET_RATE_FEEDS = feeds

        [error] = [found for found in run_checks() if found.id == "billing.E010"]

        assert "MARKET_RATE_FEEDS" in error.msg

    def test_too_few_are_warned_of(self, settings: Any) -> None:
        settings.MARKET_RATE_MIN_SOURCES = 2

        [warning] = [found for found in run_checks() if found.id == "billing.W010"]

        assert "has 1 sources and needs 2" in warning.msg
