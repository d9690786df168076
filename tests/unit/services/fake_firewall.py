"""A guard's firewall that decides by the pure function alone; and phones where one says they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address

from asterisk_ext.domain.access import Actor
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.firewall import Address, Explanation, Firewall, Needs, explain, weakened
from asterisk_ext.domain.firewall_default import default_rules
from asterisk_ext.domain.firewall_trial import (
    Answer,
    Candidate,
    Confirmed,
    CountryList,
    Pending,
    Plan,
    Question,
    State,
)
from asterisk_ext.domain.server import Server
from asterisk_ext.ports import SILENT
from asterisk_ext.ports.asterisk import Contact
from asterisk_ext.services.firewall import Firewalls
from asterisk_ext.services.firewall_elsewhere import Order
from asterisk_ext.services.firewall_plan import View
from asterisk_ext.services.firewall_table import Table

CUTS_YOU = Problem("firewall.cuts_you", 409, "{address} would not get in.", "Let it in, or force it.")
NOT_ON_TRIAL = Problem("firewall.not_on_trial", 409, "Not on trial.", "Apply again.")


class FakeFirewallGuard:
    """``ports.FirewallGuard``; Brazil is 200.0.0.0/8."""

    def __init__(self) -> None:
        self.confirmed = Confirmed(Firewall(rules=default_rules()))
        self.pending: Pending | None = None
        self.needs: tuple[list[str], list[str]] = ([], [])

    async def state(self) -> State:
        countries = [CountryList("BR", 4895, 8891), CountryList("AR", 1593, 1133)]
        return State(self.confirmed, self.pending, countries, "2026-02-01", [])

    async def plan(self, candidate: Candidate, questions: Sequence[Question]) -> Plan:
        after = composed(candidate)
        answers = [
            Answer(_told(self.confirmed.firewall, one), _told(after, one), _told(after, one).allowed)
            for one in questions
        ]
        return Plan(f"{hash(after) & 0xFFFF:012x}", weakened(self.confirmed.firewall, after), answers, "", 0.1)

    async def apply(self, candidate: Candidate, by: str, session: Sequence[Question], *, force: bool) -> Pending:
        after = composed(candidate)
        for one in () if force else session:
            if not _told(after, one).allowed:
                raise CUTS_YOU.refuse(field="rules", address=one.address)
        self.pending = Pending(after, f"{hash(after) & 0xFFFF:012x}", by, 0.0, 60.0)
        return self.pending

    async def confirm(self, digest: str) -> Confirmed:
        if self.pending is None or self.pending.digest != digest:
            raise NOT_ON_TRIAL.refuse()
        self.confirmed, self.pending = Confirmed(self.pending.firewall, self.pending.by, 1.0), None
        return self.confirmed

    async def roll_back(self) -> None:
        self.pending = None

    async def explain(self, question: Question, candidate: Candidate | None = None) -> Explanation:
        return _told(composed(candidate) if candidate else self.confirmed.firewall, question)

    async def set_needs(self, nodes: Sequence[str], trunks: Sequence[str]) -> None:
        self.needs = (list(nodes), list(trunks))


class FakeElsewhere:
    """``services.firewall_elsewhere.Elsewhere`` to the other nodes' own use cases, which know users by ``behind``."""

    def __init__(self, behind: Callable[[str], Actor]) -> None:
        self.behind = behind
        self.nodes: dict[str, Firewalls] = {}

    async def table(self, server: Server, by: str) -> Table:
        return await self._node(server).table(self.behind(by), server.name)

    async def plan(self, server: Server, by: str, session: Sequence[Question], revision: int) -> View:
        return await self._node(server).plan(self.behind(by), server.name, session)

    async def apply(self, server: Server, by: str, order: Order) -> Pending:
        return await self._node(server).apply(
            self.behind(by),
            server.name,
            order.digest,
            acknowledged=order.acknowledged,
            session=order.session,
            force=order.force,
        )

    async def confirm(self, server: Server, by: str, digest: str) -> None:
        await self._node(server).confirm(self.behind(by), server.name, digest)

    async def roll_back(self, server: Server, by: str) -> None:
        await self._node(server).roll_back(self.behind(by), server.name)

    async def explain(
        self, server: Server, by: str, question: Question, revision: int
    ) -> tuple[Explanation, Explanation]:
        return await self._node(server).explain(self.behind(by), server.name, question)

    def _node(self, server: Server) -> Firewalls:
        if server.name not in self.nodes:
            raise SILENT.refuse(server=server.name)
        return self.nodes[server.name]


class FakePhones:
    """``ports.asterisk.PhoneBook``"""

    def __init__(self) -> None:
        self.there: list[Contact] = []

    async def contacts(self) -> list[Contact]:
        return self.there

    async def registered(self) -> Mapping[int, int]:
        return Counter(int(contact.account.partition("_")[0]) for contact in self.there)

    def recount(self) -> None:
        return None


class FakeCarriers(dict[str, Sequence[str]]):
    """``services.firewall_plan.Carriers``"""

    def addresses(self) -> Mapping[str, Sequence[str]]:
        return self


class Listed(dict[str, tuple[str, ...]]):
    """Lists that can be hashed, so that a firewall can."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items())))


def composed(candidate: Candidate) -> Firewall:
    needs = Needs(nodes=tuple(candidate.nodes), trunks=tuple(candidate.trunks))
    lists = Listed({name: tuple(entries) for name, entries in candidate.lists.items()})
    return Firewall(rules=tuple(candidate.rules), lists=lists, needs=needs)


def _told(firewall: Firewall, question: Question) -> Explanation:
    return explain(firewall, ip_address(question.address), question.protocol, question.port, in_country=_in_country)


def _in_country(code: str, address: Address) -> bool:
    return code == "BR" and str(address).startswith("200.")
