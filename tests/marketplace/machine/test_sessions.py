import threading
import time

from marketplace.machine import Machine, Sessions
from tests.machines import Sshd


def test_shares_one_connection_between_threads(sshd: Sshd) -> None:
    pool, seen = Sessions(), set[int]()

    def work() -> None:
        with pool.session(sshd.address) as machine:
            machine.check(["true"], timeout=10)
            seen.add(id(machine))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.close()

    assert len(seen) == 1


def test_opens_a_new_connection_when_the_old_one_died(sshd: Sshd) -> None:
    pool = Sessions()
    with pool.session(sshd.address) as first:
        first.close()

    with pool.session(sshd.address) as second:
        assert second is not first
        assert second.check(["echo", "here"], timeout=10) == b"here\n"
    pool.close()


def test_closes_what_nobody_used_for_a_while(sshd: Sshd) -> None:
    pool = Sessions(idle_seconds=0.1)
    with pool.session(sshd.address) as machine:
        pass

    assert _closes(machine)


def test_keeps_lanes_apart(sshd: Sshd) -> None:
    pool = Sessions()

    with pool.session(sshd.address) as one, pool.session(sshd.address, lane="streams") as other:
        assert one is not other
    pool.close()


def _closes(machine: Machine) -> bool:
    for _ in range(100):
        if not machine.alive:
            return True
        time.sleep(0.05)
    return False
