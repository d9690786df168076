"""Writes down what each piece of the log has led to, also when the disk is full for a while."""

from __future__ import annotations

import logging

from asterisk_ext.domain.errors import Refusal
from firewall.bans.enforcement import Batch
from firewall.guard_state import UNWRITABLE, Ban, GuardState, Slowed
from firewall.log.tail import Position

log = logging.getLogger(__name__)

MOST_UNWRITTEN = 10_000


class Record:
    """One transaction for a piece of the log and the place after it.

    What a full disk refuses is written with a later piece, and the place with it: a guard killed meanwhile reads that
    part of the log again, decides the same again, and the kernel already has it. Beyond ``MOST_UNWRITTEN`` pieces the
    oldest are given up; their bans hold in the kernel.
    """

    def __init__(self, state: GuardState) -> None:
        self._state = state
        self._unwritten: list[Batch] = []

    @property
    def unwritten(self) -> int:
        """Pieces that wait for the disk."""
        return len(self._unwritten)

    def write(self, batch: Batch, place: Position | None) -> None:
        try:
            with self._state.change():
                for piece in (*self._unwritten, batch):
                    self._put(piece)
                if place is not None:
                    self._state.set_place(place)
        except Refusal as refusal:
            if refusal.problem != UNWRITABLE:
                raise
            if not self._unwritten:
                log.error("%s", refusal)
            if batch.bans or batch.slow or batch.failures or batch.successes:
                self._unwritten = [*self._unwritten[-MOST_UNWRITTEN + 1 :], batch]
        else:
            if self._unwritten:
                log.info("the state is written again")
            self._unwritten = []

    def _put(self, batch: Batch) -> None:
        self._state.add_failures(batch.failures)
        self._state.put_successes(batch.successes)
        for source, verdict in batch.bans.items():
            self._state.put_ban(Ban(source, verdict.at, verdict.until, verdict.failures, "log"))
        for source, slow in batch.slow.items():
            self._state.put_slowed(Slowed(source, slow.at, slow.until, slow.failures, slow.accounts))
