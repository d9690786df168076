"""The guard's firewall as the node service's use cases see it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from asterisk_ext.domain.firewall import Explanation
from asterisk_ext.domain.firewall_trial import Candidate, Confirmed, Pending, Plan, Question, State
from firewall.socket.client import GuardClient
from firewall.socket.firewall_verbs import (
    FirewallApply,
    FirewallConfirm,
    FirewallEndorse,
    FirewallExplain,
    FirewallNeeds,
    FirewallPlan,
    FirewallRollback,
    FirewallState,
)


class NodeFirewall:
    """``ports.FirewallGuard`` over the guard's socket."""

    def __init__(self, client: GuardClient) -> None:
        self._client = client

    async def state(self) -> State:
        return msgspec.convert(await self._client.ask(FirewallState()), State)

    async def plan(self, candidate: Candidate, questions: Sequence[Question]) -> Plan:
        return msgspec.convert(await self._client.ask(FirewallPlan(candidate, list(questions))), Plan)

    async def apply(self, candidate: Candidate, by: str, session: Sequence[Question], *, force: bool) -> Pending:
        request = FirewallApply(candidate, by, list(session), force)
        return msgspec.convert(await self._client.ask(request), Pending)

    async def confirm(self, digest: str) -> Confirmed:
        return msgspec.convert(await self._client.ask(FirewallConfirm(digest)), Confirmed)

    async def roll_back(self) -> None:
        await self._client.ask(FirewallRollback())

    async def endorse(self, digest: str) -> None:
        """Root's own word; the guard refuses it to anybody else."""
        await self._client.ask(FirewallEndorse(digest))

    async def explain(self, question: Question, candidate: Candidate | None = None) -> Explanation:
        request = FirewallExplain(question.address, question.protocol, question.port, candidate)
        return msgspec.convert(await self._client.ask(request), Explanation)

    async def set_needs(self, nodes: Sequence[str], trunks: Sequence[str]) -> None:
        await self._client.ask(FirewallNeeds(list(nodes), list(trunks)))
