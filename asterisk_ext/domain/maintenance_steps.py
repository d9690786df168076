"""What to do next in a maintenance, from the plan and from what is observed. Pure.

What is done follows from what is true, never from what the journal says was done: a plan that was interrupted anywhere
is finished, or undone, by running it again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.maintenance_plan import Heading, Plan, Share, Stage, Step, given_up
from asterisk_ext.domain.server import LATE_AFTER

PATIENCE = 30.0
"""Seconds for which whoever is to take the virtual PBXs in may prepare; nothing has moved until then."""
LONGEST_REGISTRATION = 3600.0
"""Seconds after which no phone can be where it was before: for longer nobody may register (``dialplan.rows``)."""
RECOUNT = 5.0
"""Seconds after which every server has counted its phones anew since the flip: two reports."""
MARKS = (30, 60, 150)
"""Seconds after the flip at which the share of phones that have followed is kept."""


class Act(StrEnum):
    """What the runner has to do now; everything else comes true by itself and is waited for."""

    FLIP = "flip"
    HANG_UP = "hang_up"
    GIVE_UP = "give_up"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is true now, as far as it is known; None is unknown."""

    pointer: str | None
    """The destination that the map names for the source; None: they are at home."""
    answers: bool
    """Whether the host reports."""
    prepared: bool | None = None
    """Whether the host has taken them in beforehand; None: it cannot tell, or need not."""
    served: bool = False
    """Whether who the map names has said that it serves by the map in force."""
    dns: bool | None = None
    """Whether names lead to who serves; None: no DNS server is kept by this fleet."""
    calls: int | None = None
    """Calls in progress at the server that they leave."""
    behind: int | None = None
    """Phones of theirs that are still registered with the server that they leave."""
    followed: int | None = None
    """Phones of theirs that are registered with the host."""


@dataclass(frozen=True, slots=True)
class Decision:
    act: Act
    true: tuple[Step, ...]
    """Steps whose end has come about."""
    open: tuple[Step, ...]
    """Steps that are under way."""
    problem: Problem | None = None
    """Why it is given up."""


HOST_SILENT = Problem(
    "maintenance.host_silent",
    409,
    "{source}'s virtual PBXs were not moved: {host} fell silent before it had taken them in.",
    "Look at {host}, or choose another server.",
)
NOT_PREPARED = Problem(
    "maintenance.not_prepared",
    409,
    "{source}'s virtual PBXs were not moved: {host} could not take them in within {seconds} s.",
    "Look into the log of the node service on {host}, then try again or choose another server.",
)
OTHERWISE = Problem(
    "maintenance.otherwise",
    409,
    "{source}'s virtual PBXs were not moved to {host}: somebody else has moved them to {pointer} meanwhile.",
    "Look at the list of servers, then decide again.",
)
UNDONE = Problem(
    "maintenance.undone",
    409,
    "The maintenance of {source} goes on no further: somebody else has changed the map since.",
    "Look at the list of servers for who serves its virtual PBXs now.",
)


def decide(plan: Plan, seen: Seen, now: float, heard_since: float = -math.inf) -> Decision:
    """What to do, what has come true and what is under way.

    ``heard_since``: when the registry was reached again after it had been away; before that nobody could report.
    """
    if plan.closed or plan.waits(now):
        return Decision(Act.NOTHING, (), ())
    right = seen.pointer == (plan.destination if plan.heading is Heading.AWAY else None)
    return _moved(plan, seen, now) if right else _to_move(plan, seen, now, heard_since)


def _to_move(plan: Plan, seen: Seen, now: float, heard_since: float) -> Decision:
    stage, flipped = plan.stage(Step.PREPARE), plan.stage(Step.FLIP)
    if flipped is not None and flipped.ended:
        # Never against who changed the map since: the plan has had its flip.
        return Decision(Act.GIVE_UP, (), (), UNDONE)
    if seen.pointer not in (None, plan.destination):
        return Decision(Act.GIVE_UP, (), (Step.PREPARE,), OTHERWISE)
    if not seen.answers:
        unheard = 0 <= now - heard_since <= LATE_AFTER
        act, why = (Act.NOTHING, None) if unheard else (Act.GIVE_UP, HOST_SILENT)
        return Decision(act, (), (Step.PREPARE,), why)
    if seen.prepared is False:
        late = stage is not None and now - max(stage.began, heard_since) > PATIENCE
        return Decision(Act.GIVE_UP if late else Act.NOTHING, (), (Step.PREPARE,), NOT_PREPARED if late else None)
    return Decision(Act.FLIP, (Step.PREPARE,), (Step.FLIP,))


def _moved(plan: Plan, seen: Seen, now: float) -> Decision:
    """Names, calls and phones follow side by side: a DNS server that is down delays nothing but itself."""
    states = {
        Step.SERVE: seen.served,
        Step.DNS: seen.dns is not False,
        Step.DRAIN: seen.calls == 0 if plan.heading is Heading.AWAY else _have_come_home(plan, seen, now),
    }
    if not seen.served:
        return Decision(Act.NOTHING, (Step.PREPARE, Step.FLIP), (Step.SERVE,))
    over = all(states.values())
    true = [Step.PREPARE, Step.FLIP, *(step for step, holds in states.items() if holds)]
    hang_up = plan.hang_up and plan.heading is Heading.AWAY and bool(seen.calls)
    return Decision(
        Act.HANG_UP if hang_up else Act.NOTHING,
        (*true, Step.DONE) if over else tuple(true),
        tuple(step for step, holds in states.items() if not holds),
    )


def _have_come_home(plan: Plan, seen: Seen, now: float) -> bool:
    """Whether neither calls nor phones are left where they were: it goes on knowing them, and is asked for them, until
    then. One that is silent is not waited for, nor where nothing had moved; but one that goes by an older map is.
    """
    if not any(stage.step is Step.FLIP and stage.ended for stage in plan.before):
        return not seen.calls
    if seen.calls is None:
        return seen.behind is None
    flipped = plan.stage(Step.FLIP)
    since = now - flipped.ended if flipped and flipped.ended else 0.0
    return seen.calls == 0 and ((not seen.behind and since > RECOUNT) or since > LONGEST_REGISTRATION)


def journalled(plan: Plan, decision: Decision, seen: Seen, now: float) -> Plan:
    """The plan with its journal brought up to date; the same plan where there is nothing new.

    A step that has ended stays so: the journal tells what happened, ``decide`` what holds.
    """
    journal = {stage.step: stage for stage in plan.journal}
    for step in decision.open:
        journal.setdefault(step, Stage(step=step, began=now))
    for step in decision.true:
        begun = journal.setdefault(step, Stage(step=step, began=now))
        if not begun.ended:
            journal[step] = replace(begun, ended=now)
    stages = tuple(journal[step] for step in Step if step in journal)
    closed = plan.closed or (plan.heading is Heading.HOME and Step.DONE in decision.true)
    noted = replace(plan, journal=stages, shares=_shares(plan, seen, now), closed=closed)
    if decision.act is Act.GIVE_UP and decision.problem is not None:
        return given_up(noted, decision.problem, words_of(plan, seen))
    return noted


def words_of(plan: Plan, seen: Seen) -> dict[str, str]:
    """What the problems of a decision speak of."""
    return {"source": plan.source, "host": plan.host, "seconds": f"{PATIENCE:.0f}", "pointer": seen.pointer or "-"}


def is_safe(plan: Plan, seen: Seen) -> bool | None:
    """Whether the source may be switched off; None where that is not known."""
    if plan.heading is not Heading.AWAY or seen.pointer != plan.destination or not seen.served or seen.dns is False:
        return False
    return None if seen.calls is None else seen.calls == 0


def _shares(plan: Plan, seen: Seen, now: float) -> tuple[Share, ...]:
    flipped = plan.stage(Step.FLIP)
    if flipped is None or not flipped.ended or seen.followed is None:
        return plan.shares
    kept = {share.after for share in plan.shares}
    due = [mark for mark in MARKS if mark not in kept and mark <= now - flipped.ended < 2 * mark]
    return (*plan.shares, *(Share(after=mark, followed=seen.followed) for mark in due))
