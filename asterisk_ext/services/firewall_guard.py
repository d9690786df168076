"""What the firewall's use cases need of the guard; ``firewall/node/firewall.py`` gives it, over the guard's socket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from asterisk_ext.domain.firewall import Explanation
from asterisk_ext.domain.firewall_trial import Candidate, Confirmed, Pending, Plan, Question, State


class FirewallGuard(Protocol):
    """The firewall of this node's guard. All refuse ``guard.unreachable``, or as the guard does."""

    async def state(self) -> State: ...

    async def plan(self, candidate: Candidate, questions: Sequence[Question]) -> Plan:
        """Who would get in, by proof with crafted packets."""
        ...

    async def apply(self, candidate: Candidate, by: str, session: Sequence[Question], *, force: bool) -> Pending:
        """Put a candidate on trial; ``session`` is what the operator himself needs."""
        ...

    async def confirm(self, digest: str) -> Confirmed: ...

    async def roll_back(self) -> None: ...

    async def explain(self, question: Question, candidate: Candidate | None = None) -> Explanation:
        """By the rules in force, or by a candidate's."""
        ...

    async def set_needs(self, nodes: Sequence[str], trunks: Sequence[str]) -> None:
        """Nodes and trunks of the registry: new ones are let in at once, and who is no node any more is not."""
        ...
