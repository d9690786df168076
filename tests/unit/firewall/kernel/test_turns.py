"""Whoever asks for a short change of the kernel's sets never waits for a long one."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from asterisk_ext.domain.errors import Refusal
from firewall.kernel.nft.turns import Turns
from firewall.kernel.port import KERNEL_REFUSED

PATIENCE = 20.0


class Loading:
    """A thread that is inside until it is let go."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._is_inside, self._may_go = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self._is_inside.wait(PATIENCE)

    def _run(self) -> None:
        with self._turns.inside():
            self._is_inside.set()
            assert self._may_go.wait(PATIENCE)

    def end(self) -> None:
        self._may_go.set()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


def refused() -> None:
    raise KERNEL_REFUSED.refuse(reason="it is full")


def noting(done: list[tuple[int, int | None]], number: int) -> Callable[[], None]:
    return lambda: done.append((number, threading.get_ident()))


def test_a_change_that_nothing_is_in_the_way_of_is_made_at_once_and_refused_to_whoever_asks() -> None:
    turns, done = Turns(), list[tuple[int, int | None]]()
    turns.soon(noting(done, 1))
    assert done == [(1, threading.get_ident())]
    with pytest.raises(Refusal):
        turns.soon(refused)
    turns.soon(noting(done, 2))
    assert [number for number, _ in done] == [1, 2]


def test_what_is_asked_for_while_a_list_is_loaded_is_done_by_that_thread_in_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turns, done = Turns(), list[tuple[int, int | None]]()
    loading = Loading(turns)
    for number in range(3):
        turns.soon(noting(done, number))
    turns.soon(refused)
    turns.soon(noting(done, 3))
    assert done == [], "nobody has waited"
    loading.end()
    assert done == [(number, loading.thread.ident) for number in range(4)]
    assert "it is full" in caplog.text
    turns.soon(noting(done, 4))
    assert done[-1] == (4, threading.get_ident())


def test_with_two_threads_inside_the_last_to_leave_leaves_nothing_behind() -> None:
    turns, done = Turns(), list[tuple[int, int | None]]()
    first, second = Loading(turns), Loading(turns)
    turns.soon(noting(done, 1))
    first.end()
    turns.soon(noting(done, 2))
    second.end()
    assert done == [(1, first.thread.ident), (2, second.thread.ident)]
