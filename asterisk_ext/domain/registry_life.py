"""Which life of the fleet's registry a node follows: a registry restored, emptied or replaced must not pass for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from asterisk_ext.domain.errors import Problem


@dataclass(frozen=True, slots=True)
class Life:
    """``epoch`` rises with every act by which an operator replaces the registry; ``id`` is drawn anew each time."""

    epoch: int
    id: str


class Step(Enum):
    GO_ON = "go on"
    TAKE_ANEW = "take anew"


STALE = Problem(
    "registry.stale",
    503,
    "The registry that answers is not the one this server follows (epoch {theirs}, here {ours}): it was emptied, "
    "restored from a backup or replaced. This server goes on by its own copy.",
    "If this registry is the right one, run `asterisk-ext registry accept` on its server.",
)


def judge(ours: Life | None, theirs: Life | None) -> Step:
    """What to do with a registry of the life ``theirs``; refuses ``registry.stale``."""
    if ours == theirs or ours is None:
        return Step.GO_ON if ours == theirs else Step.TAKE_ANEW
    if theirs is None or theirs.epoch <= ours.epoch:
        raise STALE.refuse(theirs=theirs.epoch if theirs else 0, ours=ours.epoch)
    return Step.TAKE_ANEW
