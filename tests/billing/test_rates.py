"""The price of TAO: the median of fresh sources, and a breaker that nobody sees a wild price through."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.models import User
from billing import rates
from billing.models import BreakerStatus, RateBreaker, RateEvent, RateObservation, RateSource
from billing.rates import RateUnavailable, breaker
from billing.rates.breaker import ALLOWED, Terms
from billing.services import pricing
from core.actors import Actor, ActorKind
from core.errors import Conflict, IllegalTransition, Invalid
from marketplace.models import Alert
from tests.factories.billing import make_workspace
from tests.receiver import Receiver, receiving

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADMIN = Actor(kind=ActorKind.ADMIN, id="1", name="Ada")
TERMS = Terms(
    stale_after=10 * MINUTE,
    min_sources=2,
    max_spread=Decimal("0.05"),
    max_jump=Decimal("0.15"),
    agreeing_rounds=3,
)


class Feeds:
    """Three feeds on loopback, whose prices a test sets."""

    def __init__(self, receivers: list[Receiver]) -> None:
        self.receivers = receivers

    def tell(self, *prices: float | None) -> None:
        """Let each feed tell a price, or fail where that is None."""
        for receiver, price in zip(self.receivers, prices, strict=True):
            receiver.page = b"{}" if price is None else f'{{"usd": {price}}}'.encode()


@pytest.fixture
def feeds(settings: Any) -> Iterator[Feeds]:
    RateBreaker.objects.all().delete()
    with ExitStack() as stack:
        receivers = [stack.enter_context(receiving()) for _ in "abc"]
        settings.MARKET_RATE_FEEDS = [
            {"name": name, "url": receiver.url, "price": "/usd"}
            for name, receiver in zip("abc", receivers, strict=True)
        ]
        settings.MARKET_RATE_MIN_SOURCES = 2
        settings.MARKET_RATE_AGREEING = 3
        settings.LOCALCHAIN_USD_PER_TAO = Decimal("300.01")
        yield Feeds(receivers)


def now_is(at: datetime = NOON) -> Decimal:
    return rates.current(now=at).usd_per_tao


def status() -> str:
    return RateBreaker.objects.get().status


class TestRound:
    def test_gives_the_median_and_keeps_what_it_is_of(self, feeds: Feeds) -> None:
        feeds.tell(300, 302, 301)

        pricing.refresh(now=NOON)

        rate = rates.current(now=NOON)
        assert rate.usd_per_tao == Decimal("300.505")
        assert rate.source == "median of a, b, c, simulated, set by the operator"
        assert [one["usd_per_tao"] for one in rate.as_json()[:3]] == [
            "300.000000000",
            "302.000000000",
            "301.000000000",
        ]
        assert RateObservation.objects.count() == 4

    def test_one_that_fails_holds_up_nobody_and_says_why(self, feeds: Feeds) -> None:
        feeds.tell(300, None, 301)

        pricing.refresh(now=NOON)
        pricing.refresh(now=NOON + MINUTE)

        row = RateSource.objects.get(name="b")
        assert (row.failures, row.failing_since) == (2, NOON)
        assert "nothing at /usd" in row.error
        assert now_is() == Decimal("300.01")

    def test_one_that_cannot_be_kept_holds_up_nobody(self, feeds: Feeds) -> None:
        feeds.tell(300, 300, 302)
        pricing.refresh(now=NOON)
        with connection.cursor() as cursor:  # no datetime of Python's is that old
            cursor.execute(
                "UPDATE billing_ratesource SET observed_at = '0044-03-15 BC' WHERE name = 'b'"
            )
        feeds.tell(300, 300, 301)

        pricing.refresh(now=NOON + MINUTE)

        assert RateSource.objects.only("usd_per_tao").get(name="c").usd_per_tao == 301
        assert now_is(NOON + MINUTE) == Decimal("300.01")

    def test_one_that_answers_again_is_well(self, feeds: Feeds) -> None:
        feeds.tell(300, None, 301)
        pricing.refresh(now=NOON)
        feeds.tell(300, 300, 301)
        pricing.refresh(now=NOON + MINUTE)

        row = RateSource.objects.get(name="b")
        assert (row.failures, row.failing_since, row.error) == (0, None, "")

    def test_a_word_of_before_counts_while_it_is_fresh(self, feeds: Feeds, settings: Any) -> None:
        settings.MARKET_RATE_MIN_SOURCES = 4
        feeds.tell(300, 301, 302)
        pricing.refresh(now=NOON)
        feeds.tell(300, None, 302)

        pricing.refresh(now=NOON + 9 * MINUTE)
        assert len(rates.current(now=NOON + 9 * MINUTE).observations) == 4
        pricing.refresh(now=NOON + 11 * MINUTE)

        with pytest.raises(RateUnavailable, match="too few"):
            now_is(NOON + 11 * MINUTE)

    def test_forgets_after_a_month(self, feeds: Feeds) -> None:
        feeds.tell(300, 301, 302)
        pricing.refresh(now=NOON)

        pricing.forget(now=NOON + timedelta(days=31))

        assert not RateObservation.objects.exists()
        assert now_is()


class TestCurrent:
    def test_asks_nobody(self, feeds: Feeds, django_assert_num_queries: Any) -> None:
        feeds.tell(300, 301, 302)
        pricing.refresh(now=NOON)
        asked = [len(one.got) for one in feeds.receivers]

        with django_assert_num_queries(1):
            now_is()

        assert [len(one.got) for one in feeds.receivers] == asked

    def test_there_is_none_before_the_first_round(self) -> None:
        RateBreaker.objects.all().delete()

        with pytest.raises(RateUnavailable):
            now_is()

    def test_grows_stale_when_the_worker_is_silent(self, feeds: Feeds) -> None:
        feeds.tell(300, 301, 302)
        pricing.refresh(now=NOON)

        assert now_is(NOON + 10 * MINUTE)
        with pytest.raises(RateUnavailable):
            now_is(NOON + 10 * MINUTE + timedelta(seconds=1))

    def test_operators_are_told_and_told_when_it_is_over(self, feeds: Feeds, settings: Any) -> None:
        settings.MARKET_RATE_MIN_SOURCES = 3
        feeds.tell(None, None, 302)
        pricing.refresh(now=NOON)
        opened = Alert.objects.get(kind=pricing.MISSING)
        assert (opened.closed_at, opened.detail) == (None, "2 sources told the price lately.")

        feeds.tell(300, 301, 302)
        pricing.refresh(now=NOON + MINUTE)

        assert Alert.objects.get(kind=pricing.MISSING).closed_at


class TestBreaker:
    @pytest.mark.parametrize(
        ("prices", "accepted", "objection"),
        [
            ([300], None, ""),
            ([300, 314], None, ""),
            ([300, 316], None, "5.2 % apart"),
            ([300, 301, 900], None, "199.3 % apart"),
            ([345], 300, ""),
            ([346], 300, "15.3 %"),
            ([254], 300, "15.3 %"),
        ],
    )
    def test_objects_to_a_spread_and_to_a_jump(
        self, prices: list[int], accepted: int | None, objection: str
    ) -> None:
        verdict = breaker.judge(
            [Decimal(one) for one in prices],
            accepted=Decimal(accepted) if accepted else None,
            terms=TERMS,
        )

        assert objection in verdict.objection
        assert bool(objection) == bool(verdict.objection)

    def test_nobody_ever_sees_the_wild_price(self, feeds: Feeds, settings: Any) -> None:
        feeds.tell(300, 301, 302)
        pricing.refresh(now=NOON)
        settings.LOCALCHAIN_USD_PER_TAO = Decimal(3000)
        feeds.tell(3000, 3000, 3000)

        pricing.refresh(now=NOON + MINUTE)

        with pytest.raises(RateUnavailable, match="no price of TAO now"):
            now_is(NOON + MINUTE)
        assert RateBreaker.objects.get().usd_per_tao == Decimal("300.505")
        assert Alert.objects.get(kind=pricing.OPENED).closed_at is None

    def test_closes_after_so_many_agreeing_rounds(self, feeds: Feeds, settings: Any) -> None:
        feeds.tell(300, 301, 302)
        pricing.refresh(now=NOON)
        settings.LOCALCHAIN_USD_PER_TAO = Decimal(400)
        feeds.tell(400, 401, 402)

        for minute in (1, 2):
            pricing.refresh(now=NOON + minute * MINUTE)
            assert status() == "open"
        pricing.refresh(now=NOON + 3 * MINUTE)

        assert now_is(NOON + 3 * MINUTE) == Decimal("400.5")
        assert [event.to_status for event in RateEvent.objects.order_by("pk")] == ["open", "closed"]
        assert Alert.objects.get(kind=pricing.OPENED).closed_at

    def test_a_round_that_disagrees_begins_the_count_anew(
        self, feeds: Feeds, settings: Any
    ) -> None:
        feeds.tell(300, 301, 302)
        pricing.refresh(now=NOON)
        seen = []
        for minute, price in enumerate((400, 400, 500, 500, 500), start=1):
            settings.LOCALCHAIN_USD_PER_TAO = Decimal(price)
            feeds.tell(price, price, price)
            pricing.refresh(now=NOON + minute * MINUTE)
            seen.append(status())

        assert seen == ["open", "open", "open", "open", "closed"]

    def test_silence_is_no_agreement(self, feeds: Feeds) -> None:
        feeds.tell(300, 301, 302)
        pricing.refresh(now=NOON)
        feeds.tell(400, 401, 402)
        pricing.refresh(now=NOON + MINUTE)
        feeds.tell(None, None, None)

        for minute in range(2, 9):
            pricing.refresh(now=NOON + minute * MINUTE)

        assert status() == "open"

    def test_an_administrator_closes_it_with_a_reason(self, feeds: Feeds, settings: Any) -> None:
        feeds.tell(300, 301, 302)
        pricing.refresh(now=NOON)
        settings.LOCALCHAIN_USD_PER_TAO = Decimal(400)
        feeds.tell(400, 401, 402)
        pricing.refresh(now=NOON + MINUTE)

        with pytest.raises(Invalid):
            pricing.close(reason=" ", actor=ADMIN, now=NOON + MINUTE)
        pricing.close(reason="Seen on two exchanges.", actor=ADMIN, now=NOON + MINUTE)

        event = RateEvent.objects.latest("pk")
        assert (event.actor_name, event.reason) == ("Ada", "Seen on two exchanges.")
        assert now_is(NOON + MINUTE) == Decimal("400.5")
        with pytest.raises(IllegalTransition):
            pricing.close(reason="Again.", actor=ADMIN, now=NOON + MINUTE)

    def test_not_even_an_administrator_has_a_price_of_nothing(self, feeds: Feeds) -> None:
        feeds.tell(300, 301, 302)
        pricing.refresh(now=NOON)
        feeds.tell(400, 401, 402)
        pricing.refresh(now=NOON + MINUTE)

        with pytest.raises(Conflict, match="Too few"):
            pricing.close(reason="Now.", actor=ADMIN, now=NOON + timedelta(hours=1))

    def test_every_move_is_in_the_table_or_refused(self) -> None:
        for source in BreakerStatus:
            for target in BreakerStatus:
                row = RateBreaker.objects.create(pair=f"{source}{target}"[:10], since=NOON)
                row.status = source
                move = {"reason": "x", "usd_per_tao": Decimal(1), "actor": ADMIN, "now": NOON}
                if target in ALLOWED[source]:
                    breaker.move(row, to=target, **move)
                else:
                    with pytest.raises(IllegalTransition):
                        breaker.move(row, to=target, **move)


class TestWithoutAPrice:
    def test_checkout_says_why_and_makes_no_invoice(self, client: Client) -> None:
        RateBreaker.objects.update(status="open", reason="The sources are 9.0 % apart.")
        workspace = make_workspace()
        client.force_login(workspace.owner)

        page = client.post("/billing/checkout", {"usd_amount": "35"})

        assert page.status_code == 503
        assert "The sources are 9.0 % apart." in page.content.decode()
        assert not workspace.invoices.exists()

    def test_the_status_page_tells_its_age(self, client: Client) -> None:
        page = client.get("/status").content.decode()

        assert "Price of TAO" in page
        assert "350.00 USD" in page

    def test_the_status_page_tells_why_there_is_none(self, client: Client) -> None:
        RateBreaker.objects.update(status="open", reason="The sources are 9.0 % apart.")

        assert "The sources are 9.0 % apart." in client.get("/status").content.decode()


class TestAdmin:
    @pytest.fixture
    def ada(self, client: Client) -> User:
        user = User.objects.create_superuser("ada@example.com", "correct horse battery")
        client.force_login(user)
        return user

    @pytest.mark.parametrize("model", ["ratesource", "rateobservation", "ratebreaker"])
    def test_shows_sources_and_breaker(
        self, client: Client, ada: User, feeds: Feeds, model: str
    ) -> None:
        feeds.tell(300, None, 302)
        pricing.refresh(now=NOON)

        page = client.get(f"/admin/billing/{model}/")

        assert page.status_code == 200

    def test_closes_the_breaker(self, client: Client, ada: User, feeds: Feeds) -> None:
        row = RateBreaker.objects.create(pair="TAO/USD", since=NOON, status="open")
        feeds.tell(300, 301, 302)
        RateSource.objects.create(
            name="a", kind="feed", usd_per_tao=300, observed_at=datetime.now(UTC)
        )
        RateSource.objects.create(
            name="b", kind="feed", usd_per_tao=301, observed_at=datetime.now(UTC)
        )

        client.post(
            "/admin/billing/ratebreaker/",
            {"action": "take_present_price", "_selected_action": row.pk, "reason": "It is right."},
        )

        assert (status(), RateBreaker.objects.get().usd_per_tao) == ("closed", Decimal("300.5"))
