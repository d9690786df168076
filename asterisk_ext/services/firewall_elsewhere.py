"""Another server's firewall, from this console: its own node plans, tries, confirms and explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.firewall import Explanation
from asterisk_ext.domain.firewall_trial import Pending, Question
from asterisk_ext.domain.server import Server
from asterisk_ext.services.firewall_plan import View
from asterisk_ext.services.firewall_table import Table

NOT_HERE = Problem(
    "firewall.elsewhere",
    409,
    "{node} answers for its own firewall, not for that of {server}; nothing was changed.",
    "Ask {server} itself, or any console of the fleet.",
)
UNSURE = Problem(
    "firewall.unsure",
    503,
    "{server} did not answer in time; whether it was done is not known.",
    "Look at its firewall. Rules that nobody confirms go back by themselves within a minute.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to put on trial there, as ``Firewalls.apply`` takes it."""

    digest: str
    acknowledged: int
    session: Sequence[Question]
    force: bool
    revision: int


class Elsewhere(Protocol):
    """The firewalls of other servers, each asked of its own node for the user ``by``; that node checks his rights too.

    All refuse ``server.silent``, or as that node does; what changes something ``firewall.unsure`` where the answer was
    lost. ``revision``: what that node must have heard of the registry before it answers.
    """

    async def table(self, server: Server, by: str) -> Table: ...

    async def plan(self, server: Server, by: str, session: Sequence[Question], revision: int) -> View: ...

    async def apply(self, server: Server, by: str, order: Order) -> Pending: ...

    async def confirm(self, server: Server, by: str, digest: str) -> None: ...

    async def roll_back(self, server: Server, by: str) -> None: ...

    async def explain(
        self, server: Server, by: str, question: Question, revision: int
    ) -> tuple[Explanation, Explanation]: ...


def as_there(session: Sequence[Question], here: Server, there: Server) -> list[Question]:
    """What the operator needs, asked about the other server: its console is at a port of its own."""
    return [replace(one, port=there.port) if one.port == here.port else one for one in session]
