"""The plan of a maintenance, as the registry keeps it: where it is heading, and the journal of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from asterisk_ext.domain.errors import Problem


class Heading(StrEnum):
    AWAY = "away"
    """The destination is to serve them, and the source to be switched off."""
    HOME = "home"
    """Exactly those that left are to be at home again."""


class Step(StrEnum):
    PREPARE = "prepare"
    FLIP = "flip"
    SERVE = "serve"
    DNS = "dns"
    DRAIN = "drain"
    DONE = "done"
    """Away: the source is safe to switch off. Home: all is as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A step in the journal; times in epoch seconds, ``ended`` 0 while it lasts."""

    step: Step
    began: float
    ended: float = 0.0
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many phones had followed ``after`` seconds."""

    after: int
    followed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    source: str
    destination: str
    heading: Heading = Heading.AWAY
    by: str = ""
    at: float = 0.0
    """When it was asked for, epoch seconds."""
    former: str = ""
    """Who served them in the maintenance before, from where not all phones had come home."""
    starts: float = 0.0
    """Before this nothing moves, epoch seconds; the destination takes them in meanwhile. 0: at once."""
    reason: str = ""
    hang_up: bool = False
    """End the calls at the source rather than wait for them; emergency calls never."""
    runner: str = ""
    """The server that carries it on; another takes over when that one falls silent."""
    tenants: int = 0
    registered: int = 0
    """Phones at the source when it was asked for."""
    calls: int = 0
    journal: tuple[Stage, ...] = ()
    before: tuple[Stage, ...] = ()
    """On the way home, the journal of the way out."""
    shares: tuple[Share, ...] = ()
    failed: str = ""
    """``error_id`` of why the last heading was given up; nothing has moved then."""
    why: str = ""
    """The same in English."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What the refusal of that ``error_id`` speaks of."""
    closed: bool = False

    def stage(self, step: Step) -> Stage | None:
        return next((stage for stage in self.journal if stage.step is step), None)

    def waits(self, now: float) -> bool:
        """Whether its time has not come."""
        return not self.closed and self.heading is Heading.AWAY and now < self.starts

    @property
    def host(self) -> str:
        """Who is to serve the virtual PBXs."""
        return self.destination if self.heading is Heading.AWAY else self.source

    @property
    def left(self) -> str:
        """Who has served them until now."""
        return self.source if self.heading is Heading.AWAY else self.destination


def turned(plan: Plan, by: str, at: float) -> Plan:
    """The way home, by the same steps; from wherever the plan stands."""
    home = replace(plan, heading=Heading.HOME, by=by, at=at, hang_up=False, failed="", why="", facts={}, closed=False)
    return replace(home, journal=(), before=plan.journal, shares=())


def given_up(plan: Plan, problem: Problem, facts: Mapping[str, object]) -> Plan:
    """Over, with its reason; a way home that cannot be gone leaves them away, where they are served."""
    texts = {name: str(value) for name, value in facts.items()}
    told = replace(plan, failed=problem.error_id, why=problem.what.format_map(texts), facts=texts)
    if plan.heading is Heading.HOME:
        return replace(told, heading=Heading.AWAY, journal=plan.before, before=())
    return replace(told, closed=True)
