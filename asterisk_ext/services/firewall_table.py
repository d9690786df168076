"""What there is to see of a server's firewall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from asterisk_ext.domain.firewall import Difference
from asterisk_ext.domain.firewall_rule import Rule
from asterisk_ext.domain.firewall_trial import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Rules as they lie in the registry, with who wrote them."""

    rules: tuple[Rule, ...] = ()
    by: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What the page of a server's firewall shows."""

    server: str
    own: bool
    """Whether it is the server of this very console."""
    silent: bool = False
    """Whether it is another server, which does not answer: what is in force is what was last confirmed there."""
    derived: Sequence[Rule] = ()
    in_force: Sequence[Rule] = ()
    in_force_by: str = ""
    in_force_at: float = 0.0
    draft: Sequence[Rule] = ()
    is_draft: bool = False
    draft_by: str = ""
    draft_at: str = ""
    revision: int = 0
    """Of the draft; whoever changes it says which one he saw."""
    changes: Sequence[Difference] = ()
    state: State | None = None
    lists: Sequence[str] = field(default=())
