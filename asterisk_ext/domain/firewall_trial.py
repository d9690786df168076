"""What is asked of a server's guard about its firewall, and what it answers (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from asterisk_ext.domain.firewall import Explanation, Firewall
from asterisk_ext.domain.firewall_rule import Rule
from asterisk_ext.domain.firewall_types import Protocol


@dataclass(frozen=True, slots=True)
class Question:
    """Does this address get in there?"""

    address: str
    protocol: Protocol
    port: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """The hoster's rules and lists, and the addresses of the registry's nodes and trunks; what the guard's own settings
    name comes on top of them."""

    rules: Sequence[Rule]
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    nodes: Sequence[str] = ()
    trunks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The rules that hold; ``at`` is 0 while they are the default template's."""

    firewall: Firewall
    by: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Pending:
    """A candidate on trial until ``deadline`` (seconds since 1970)."""

    firewall: Firewall
    digest: str
    by: str
    at: float
    deadline: float


@dataclass(frozen=True, slots=True)
class CountryList:
    code: str
    prefixes4: int
    prefixes6: int


@dataclass(frozen=True, slots=True)
class State:
    confirmed: Confirmed
    pending: Pending | None
    countries: Sequence[CountryList]
    countries_since: str
    others: Sequence[str]
    """Other managers of this machine's firewall."""
    ended: str = ""
    """How the last trial ended: ``confirmed``, ``rolled_back``, ``timed_out``, ``restarted``; empty: none yet."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question of a plan: before and after."""

    before: Explanation
    after: Explanation
    through: bool | None
    """Whether the crafted packet came through; None where there was no proof."""

    @property
    def enters(self) -> bool:
        """By proof where there is one."""
        return self.after.allowed if self.through is None else self.through

    @property
    def is_cut(self) -> bool:
        return self.before.allowed and not self.enters


@dataclass(frozen=True, slots=True)
class Plan:
    digest: str
    weakened: Sequence[str]
    """What only root's word lets pass; see ``firewall.weakened``."""
    answers: Sequence[Answer]
    unproved: str
    """Why there was no proof; empty: there was."""
    seconds: float
