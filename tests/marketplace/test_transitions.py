"""Every pair of statuses, what a move leaves behind, and that docs/machine-lifecycle.md tells the same."""

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from django.conf import settings

from core.actors import PLATFORM
from core.errors import IllegalTransition
from core.leases import LEASE
from marketplace.models import NodeStatus, Outcome
from marketplace.services import (
    address_claims,
    check_outcomes,
    check_turns,
    check_visits,
    heartbeat,
    silence,
)
from marketplace.transitions import MOVES, Reason, move
from tests.factories.marketplace import NOON, make_node

MACHINES = (Path(__file__).parents[2] / "docs" / "machine-lifecycle.md").read_text()


def test_every_status_is_in_the_table() -> None:
    assert set(MOVES) == set(NodeStatus)


@pytest.mark.django_db
@pytest.mark.parametrize(("source", "target"), list(product(NodeStatus, NodeStatus)))
def test_moves_as_the_table_says_or_not_at_all(source: NodeStatus, target: NodeStatus) -> None:
    node = make_node(status=source)
    allowed = target in MOVES[source]
    reason = min(MOVES[source][target]) if allowed else Reason.CHECKS_PASSED

    def act() -> None:
        move(node, to=target, reason=reason, actor=PLATFORM, now=NOON, detail="why")

    if allowed:
        act()
        event = node.events.get()
        assert (event.from_status, event.to_status, event.reason) == (source, target, "why")
        assert node.status_reason == "why"
    else:
        with pytest.raises(IllegalTransition):
            act()
        assert not node.events.exists()
    node.refresh_from_db()
    assert node.status == (target if allowed else source)


@pytest.mark.django_db
def test_a_move_has_one_of_its_own_reasons() -> None:
    node = make_node(status=NodeStatus.AVAILABLE)

    with pytest.raises(IllegalTransition, match="does not become offline by price_changed"):
        move(node, to=NodeStatus.OFFLINE, reason=Reason.PRICE_CHANGED, actor=PLATFORM, now=NOON)


class TestDocument:
    def test_has_the_table_with_every_reason(self) -> None:
        ours = {
            (source, target, frozenset(reasons))
            for source, targets in MOVES.items()
            for target, reasons in targets.items()
        }

        assert set(_rows()) == ours

    def test_names_every_reason_there_is(self) -> None:
        assert set(Reason) <= set(re.findall(r"`([a-z_]+)`", MACHINES))

    @pytest.mark.parametrize(
        ("deadline", "lengths"),
        [
            ("a heartbeat of what is on", (heartbeat.PROBE_EVERY, heartbeat.PROBE_SECONDS)),
            ("a heartbeat of what failed", (heartbeat.SLOW_EVERY, heartbeat.SLOWEST_EVERY, heartbeat.GIVEN_UP_AFTER)),
            ("offline", (silence.MISSES, silence.MISSING_FOR)),
            ("not detected", (settings.MARKET_GONE_AFTER,)),
            ("a listing without", (settings.MARKET_VERIFIED_FOR, check_outcomes.TRIED_IN_VAIN)),
            ("the next checks", (check_outcomes.NEXT_CHECKS[Outcome.PASSED],)),
            ("after a failed run", (check_outcomes.NEXT_CHECKS[Outcome.FAILED],)),
            ("after a run that left", (check_outcomes.NEXT_CHECKS[Outcome.INCOMPLETE],)),
            ("after a run that did not", (check_outcomes.NOT_REACHED_AGAIN, check_outcomes.NOT_REACHED_SLOWEST, check_outcomes.NOT_REACHED_GIVEN_UP)),
            ("a run whose worker", (LEASE, check_turns.MOST_ATTEMPTS)),
            ("a run begins", (check_visits.BEGIN_WITHIN_SECONDS,)),
            ("a claim that", (address_claims.CLAIM_LIFE,)),
        ],
    )  # fmt: skip
    def test_tells_every_deadline(
        self, deadline: str, lengths: tuple[timedelta | float, ...]
    ) -> None:
        row = re.search(rf"^\| {deadline}[^|]*\|([^|]*)\|$", MACHINES, re.MULTILINE)
        assert row is not None

        assert [_amount(found) for found in re.finditer(AMOUNT, row[1])] == [
            length.total_seconds() if isinstance(length, timedelta) else length
            for length in lengths
        ]


AMOUNT = r"(\d+) (s|min|h|days|misses|runs|workers)\b"
SECONDS = {"s": 1, "min": 60, "h": 3600, "days": 86400}


def _amount(found: re.Match[str]) -> float:
    return int(found[1]) * SECONDS.get(found[2], 1)


def _rows() -> Iterator[tuple[str, str, frozenset[str]]]:
    source = ""
    for line in MACHINES.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[2].startswith("`"):
            source = cells[0].strip("`") or source
            yield source, cells[2].strip("`"), frozenset(re.findall(r"`(\w+)`", cells[4]))
