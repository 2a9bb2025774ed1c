"""A final block that is not there any more: an alarm, no debit, and nothing credited twice."""

from dataclasses import replace
from typing import Any

import pytest

from billing.chain.local import node
from billing.chain.local.gateway import LocalChainGateway
from billing.chain.port import ChainReplaced, Scan
from billing.models import ChainAlarm, ChainCursor, Deposit, Entry
from billing.selectors import balance_usd
from billing.services import alarms, standing
from billing.watcher import watch
from core import clock
from core.actors import Actor, ActorKind
from core.errors import Conflict
from lium_site import operations
from lium_site.admin_dashboard import dashboard
from tests.factories.billing import TAO, LocalWallet, blocks, look, make_workspace

pytestmark = pytest.mark.django_db
ADMIN = Actor(kind=ActorKind.ADMIN, id="1", name="Olga")


class Rewritten(LocalChainGateway):
    """The local chain, with other hashes: as if final blocks had been replaced."""

    def block(self, number: int) -> Any:
        found = super().block(number)
        return replace(found, hash="0x" + "ee" * 31 + f"{number:02x}")


@pytest.fixture
def credited() -> Deposit:
    """Give a deposit that is final and credited."""
    LocalWallet().pay(standing.address_of(make_workspace(), now=clock.now()).address, TAO)
    blocks(3)
    return Deposit.objects.get()


@pytest.fixture
def alarm(credited: Deposit) -> ChainAlarm:
    """Give the alarm of a chain whose final blocks were replaced."""
    for _ in range(2):
        with pytest.raises(ChainReplaced):
            watch(gateway=Rewritten(), now=clock.now())
    return ChainAlarm.objects.get()


def test_is_raised_once_and_debits_nothing(alarm: ChainAlarm, credited: Deposit) -> None:
    cursor = ChainCursor.objects.get()

    assert (alarm.block_number, alarm.recorded_hash) == (cursor.number, cursor.block_hash)
    assert alarm.affected == [credited.public_id]
    assert credited.workspace is not None
    assert balance_usd(credited.workspace) == 350
    assert not Entry.objects.filter(kind="reversal").exists()


def test_is_the_first_thing_that_an_operator_reads(alarm: ChainAlarm) -> None:
    tables = {table["title"]: table["data"]["rows"] for table in dashboard(None, {})["tables"]}  # type: ignore[arg-type]

    assert "final block" in str(tables["Alerts"])
    state = operations.chain_check(operations.chain(), now=clock.now())
    assert state.state == "failing"


def test_is_over_when_the_block_is_back(alarm: ChainAlarm) -> None:
    look()

    alarm.refresh_from_db()
    assert alarm.closed_by == "platform"


def test_an_admin_reads_on_and_nothing_is_credited_twice(
    alarm: ChainAlarm, credited: Deposit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lost transfer is taken into a later block of the other chain."""
    chain = Rewritten()
    alarms.read_on(alarm, gateway=chain, reason="Looked at both.", actor=ADMIN, now=clock.now())
    node.produce(10)
    lost = LocalChainGateway().block(credited.block_number)
    again = replace(lost, number=alarm.block_number + 1, hash="0x" + "dd" * 32)

    def scan(*, after: int, upto: int) -> Scan:
        found = (again,) if after < again.number <= upto else ()
        return Scan(blocks=found, until=chain.block(upto))

    monkeypatch.setattr(chain, "scan", scan)
    watch(gateway=chain, now=clock.now())

    assert credited.workspace is not None
    assert balance_usd(credited.workspace) == 350
    newest = Deposit.objects.latest("pk")
    assert (newest.status, newest.held_for) == ("unmatched", "again")


def test_reads_on_once(alarm: ChainAlarm) -> None:
    alarms.read_on(alarm, gateway=Rewritten(), reason="Yes.", actor=ADMIN, now=clock.now())

    with pytest.raises(Conflict):
        alarms.read_on(alarm, gateway=Rewritten(), reason="Yes.", actor=ADMIN, now=clock.now())
