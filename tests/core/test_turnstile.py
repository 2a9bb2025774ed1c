"""One owner's slow work takes few threads, and none of it is lost."""

from functools import partial

from core.turnstile import Turnstile


def test_few_of_one_owner_are_let_in_and_others_do_not_wait_for_them() -> None:
    gate, rung = Turnstile(width=1), list[str]()

    with gate.turn("bob", "a", partial(rung.append, "a")) as first:
        with gate.turn("bob", "b", partial(rung.append, "b")) as second:
            pass
        with gate.turn("carol", "c", partial(rung.append, "c")) as other:
            pass

    assert (first, second, other) == (True, False, True)
    assert rung == ["b"]


def test_what_waits_is_rung_for_in_order_each_once() -> None:
    gate, rung = Turnstile(width=1), list[str]()

    def come(work: str) -> None:
        with gate.turn("bob", work, partial(rung.append, work)):
            pass

    with gate.turn("bob", "a", partial(rung.append, "a")):
        for work in ("b", "c", "b"):
            come(work)
    come("b")
    come("x")

    assert rung == ["b", "c"]


def test_room_is_given_back_where_the_work_fails() -> None:
    gate = Turnstile(width=1)

    for _ in range(2):
        try:
            with gate.turn("bob", "a", print) as let_in:
                assert let_in
                raise OSError
        except OSError:
            pass
