"""The main job from outside, as `./market demo` does it and tells it."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lium_site.stack.console import StackError
from lium_site.stack.demo import Clock
from lium_site.stack.demo_journey import Journey
from lium_site.stack.demo_payment import await_credit
from lium_site.stack.demo_steps import STEPS, check_books, check_receipt
from lium_site.stack.paths import ROOT
from lium_site.stack.renter import Renter
from tests.market import LiveMarket


@pytest.fixture(scope="module")
def told(market: LiveMarket) -> dict[str, Any]:
    """Run the demo against the market of this session."""
    done = subprocess.run(
        [sys.executable, "-m", "lium_site.stack", "demo", "--json"],
        cwd=ROOT,
        env={**os.environ, "MARKET_STATE": str(market.state.folder)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1], parse_float=Decimal))


def test_every_step_is_told_with_its_time(told: dict[str, Any]) -> None:
    assert told["ok"]
    assert [step["name"] for step in told["steps"][1:]] == [name for name, _ in STEPS]
    assert all(step["seconds"] >= 0 for step in told["steps"])


def test_it_was_inside(told: dict[str, Any]) -> None:
    processors, *gpus = told["ssh_output"].splitlines()

    assert int(processors) >= 1
    assert len(gpus) == 1
    assert gpus[0].startswith("GPU 0: ")


def test_it_paid_for_what_it_rented(told: dict[str, Any]) -> None:
    [deposit] = told["invoice"]["deposits"]

    assert told["invoice"]["status"] == "paid"
    assert deposit["status"] == "credited"
    assert deposit["amount_rao"] == told["invoice"]["amount_rao"]
    assert told["paid_usd"] == deposit["credited_usd"] >= told["invoice"]["amount_usd"]
    assert told["charged_usd"] < told["paid_usd"]


def test_charge_is_price_times_ready_time(told: dict[str, Any]) -> None:
    expected = told["receipt"]["price_per_hour"] * told["ready_seconds"] / 3600

    assert told["charged_usd"] == expected.quantize(Decimal("1e-9")) > 0


def test_books_balance(told: dict[str, Any]) -> None:
    assert told["trial_balance"]
    assert set(told["trial_balance"].values()) == {0}


def test_its_pod_is_gone(told: dict[str, Any], market: LiveMarket) -> None:
    assert told["pod_id"] not in [pod["id"] for pod in market.api.get("pods")]


def test_a_market_that_does_not_start_is_told_in_the_last_line_too(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    done = subprocess.run(
        [sys.executable, "-m", "lium_site.stack", "demo", "--json"],
        cwd=ROOT,
        env={**os.environ, "MARKET_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    told = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 1
    assert told == {
        "ok": False,
        "steps": [],
        "error": "the market did not start; its words are above",
    }


class Answers(Renter):
    """A market that gives one answer to everything."""

    def __init__(self, answer: Any) -> None:
        super().__init__(url="")
        self.answer = answer

    def call(self, method: str, path: str, **_: Any) -> Any:
        return self.answer


@pytest.mark.parametrize(("status", "balance"), [("paid", "1.1"), ("paid", "0.9"), ("late", "1")])
def test_wrong_credit_is_noticed(status: str, balance: str) -> None:
    invoice = {
        "id": "",
        "status": status,
        "amount_usd": Decimal(1),
        "rate_usd_per_tao": Decimal(350),
    }
    journey = Journey(Answers({"balance": Decimal(balance)}), invoice=invoice)

    with pytest.raises(StackError, match=rf"is {status}, and the balance grew by \${balance}"):
        await_credit(journey)


def test_credit_may_exceed_the_invoice_by_less_than_a_rao() -> None:
    rate = Decimal(350)
    invoice = {"id": "", "status": "paid", "amount_usd": Decimal(1), "rate_usd_per_tao": rate}
    journey = Journey(Answers({"balance": Decimal("1.00000005")}), invoice=invoice)

    assert "1.00000005" in await_credit(journey)


def test_wrong_charge_is_noticed() -> None:
    receipt = {
        "ready_seconds": 3600,
        "price_per_hour": Decimal("0.5"),
        "charged_usd": Decimal("0.6"),
    }
    journey = Journey(Answers({}), receipt=receipt)

    with pytest.raises(StackError, match=r"charged \$0.6, but 3600 s at \$0.5"):
        check_receipt(journey)


@pytest.mark.parametrize("balance", [{}, {"USD": "0.000000001"}])
def test_crooked_books_are_noticed(balance: dict[str, str]) -> None:
    with pytest.raises(StackError, match="does not balance"):
        check_books(Journey(Answers({"trial_balance": balance})))


def test_answer_of_another_shape_is_a_sentence() -> None:
    with pytest.raises(StackError, match="check the books: the answer has another shape"):
        Clock()("check the books", lambda: check_books(Journey(Answers({}))))
