"""A server's firewall: what is in force, a draft's plan with proof, and applying it with a way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.domain.firewall import Explanation, derived, differences
from asterisk_ext.domain.firewall_rule import Rule
from asterisk_ext.domain.firewall_trial import Candidate, Pending, Question
from asterisk_ext.domain.server import Server
from asterisk_ext.ports import SILENT, Clock, Fleet, Registry
from asterisk_ext.ports.asterisk import PhoneBook
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.firewall_drafts import Drafts
from asterisk_ext.services.firewall_elsewhere import NOT_HERE, Elsewhere, Order, as_there
from asterisk_ext.services.firewall_guard import FirewallGuard
from asterisk_ext.services.firewall_lists import Lists
from asterisk_ext.services.firewall_plan import Carriers, View, questions_for, view_of
from asterisk_ext.services.firewall_table import Kept, Table
from asterisk_ext.services.friends import needs_of
from asterisk_ext.services.records import FIREWALL_DRAFTS, FIREWALL_RULES, decode, encode
from asterisk_ext.services.times import iso

NOT_PLANNED = Problem(
    "firewall.not_planned",
    409,
    "The rules were not applied: nobody has seen what they would do as they are now.",
    "Look at the plan, then apply what it shows.",
)
NOT_ACKNOWLEDGED = Problem(
    "firewall.not_acknowledged",
    409,
    "The rules were not applied: {count} would be cut, and {given} were acknowledged.",
    "Look at who would be cut, then say that you know their number.",
)
MOST_PLANS = 20


class Firewalls:
    """Every act takes the server's name, whichever it is: another one's node is asked, and answers for itself."""

    def __init__(
        self,
        node: str,
        registry: Registry,
        fleet: Fleet,
        guard: FirewallGuard,
        elsewhere: Elsewhere,
        phones: PhoneBook,
        carriers: Carriers,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._node = node
        self._registry = registry
        self._fleet = fleet
        self._guard = guard
        self._elsewhere = elsewhere
        self._phones = phones
        self._carriers = carriers
        self._audit = audit
        self._clock = clock
        self._plans: dict[str, int] = {}
        """How many would be cut, by digest: what somebody has seen."""
        self.lists = Lists(registry, fleet, audit, clock)
        self.drafts = Drafts(registry, fleet, guard, self.lists, audit, clock, self.table)

    async def table(self, actor: Actor, server: str) -> Table:
        """The rules in force, those derived and the draft; of a silent server, what its operators last confirmed."""
        require(actor, Act.SEE_FIREWALL)
        told = await self._told(actor, server)
        item = self._fleet.item(FIREWALL_DRAFTS + server)
        kept = decode(item.value, Kept) if item else None
        draft = kept.rules if kept else told.in_force
        return replace(
            told,
            own=server == self._node,
            draft=draft,
            is_draft=kept is not None,
            draft_by=kept.by if kept else "",
            draft_at=kept.at if kept else "",
            revision=item.revision if item else 0,
            changes=differences(told.in_force, draft),
            lists=sorted(self.lists.all()),
        )

    async def _told(self, actor: Actor, server: str) -> Table:
        """What the server's own node tells: all but the draft."""
        other = self._other(actor, server)
        if other is None:
            state = await self._guard.state()
            confirmed = state.confirmed
            return Table(
                server=server,
                own=True,
                derived=derived(confirmed.firewall.needs),
                in_force=confirmed.firewall.rules,
                in_force_by=confirmed.by,
                in_force_at=confirmed.at,
                state=state,
            )
        try:
            return await self._elsewhere.table(other, actor.name)
        except Refusal as refusal:
            if refusal.error_id != SILENT.error_id:
                raise
        item = self._fleet.item(FIREWALL_RULES + server)
        kept = decode(item.value, Kept) if item else Kept()
        return Table(server=server, own=False, silent=True, in_force=kept.rules, in_force_by=kept.by)

    async def plan(self, actor: Actor, server: str, session: Sequence[Question]) -> View:
        """What the draft would change, and who would be cut, by proof."""
        require(actor, Act.CHANGE_FIREWALL)
        if other := self._other(actor, server):
            asked_there = as_there(session, self._fleet.server(self._node), other)
            return await self._elsewhere.plan(other, actor.name, asked_there, self._fleet.revision)
        table = await self.table(actor, server)
        contacts = await self._phones.contacts()
        carriers = self._carriers.addresses()
        asked = questions_for(server, self._fleet, contacts, session, carriers)
        plan = await self._guard.plan(self._candidate(table), [one.question for one in asked])
        unresolved = sorted(name for name in carriers if not carriers[name])
        view = view_of(plan, asked, table.changes, unresolved, table.state.others if table.state else ())
        self._plans = dict([*self._plans.items(), (view.digest, view.cut_count)][-MOST_PLANS:])
        return view

    async def apply(
        self,
        actor: Actor,
        server: str,
        digest: str,
        *,
        acknowledged: int = 0,
        session: Sequence[Question] = (),
        force: bool = False,
    ) -> Pending:
        """Put on trial what a plan has shown; without a confirmation the rules before return within a minute."""
        require(actor, Act.CHANGE_FIREWALL)
        if other := self._other(actor, server):
            order = Order(
                digest=digest,
                acknowledged=acknowledged,
                session=as_there(session, self._fleet.server(self._node), other),
                force=force,
                revision=self._fleet.revision,
            )
            return await self._elsewhere.apply(other, actor.name, order)
        if digest not in self._plans:
            raise NOT_PLANNED.refuse(field="digest")
        if self._plans[digest] != acknowledged and not force:
            raise NOT_ACKNOWLEDGED.refuse(field="acknowledged", count=self._plans[digest], given=acknowledged)
        candidate = self._candidate(await self.table(actor, server))
        if actor.peer:  # from elsewhere nobody is cut off who does not get in now
            session = [one for one in session if (await self._guard.explain(one)).allowed]
        pending = await self._guard.apply(candidate, actor.name, session, force=force)
        if pending.digest != digest:
            await self._guard.roll_back()
            raise NOT_PLANNED.refuse(field="digest")
        await self._note(actor, server, done="on_trial", digest=digest, cut=self._plans[digest])
        return pending

    async def confirm(self, actor: Actor, server: str, digest: str) -> None:
        """Keep the rules on trial."""
        require(actor, Act.CHANGE_FIREWALL)
        if other := self._other(actor, server):
            await self._elsewhere.confirm(other, actor.name, digest)
            await self._fleet.reached((await self._registry.snapshot(FIREWALL_DRAFTS))[1])
            return
        confirmed = await self._guard.confirm(digest)
        rules = confirmed.firewall.rules
        await self._remember(actor, server, rules)
        item = await self._registry.get(FIREWALL_DRAFTS + server)
        if item is not None and decode(item.value, Kept).rules == rules:
            await self._registry.delete(item.key, item.revision)
        await self._note(actor, server, done="confirmed", digest=digest, rules=len(rules))

    async def roll_back(self, actor: Actor, server: str) -> None:
        require(actor, Act.CHANGE_FIREWALL)
        if other := self._other(actor, server):
            await self._elsewhere.roll_back(other, actor.name)
            return
        await self._guard.roll_back()
        await self._note(actor, server, done="rolled_back")

    async def explain(self, actor: Actor, server: str, question: Question) -> tuple[Explanation, Explanation]:
        """Who decides, by the rules in force and by the draft."""
        require(actor, Act.SEE_FIREWALL)
        if other := self._other(actor, server):
            return await self._elsewhere.explain(other, actor.name, question, self._fleet.revision)
        table = await self.table(actor, server)
        now = await self._guard.explain(question)
        return now, await self._guard.explain(question, self._candidate(table)) if table.is_draft else now

    def _candidate(self, table: Table) -> Candidate:
        nodes, trunks = needs_of(self._fleet)
        return Candidate(tuple(table.draft), self.lists.all(), nodes, trunks)

    def _other(self, actor: Actor, server: str) -> Server | None:
        """The record of a server that is to be asked; None: this very one. Another node is told of this one alone."""
        record = self._fleet.server(server)
        if server == self._node:
            return None
        if actor.peer:
            raise NOT_HERE.refuse(node=self._node, server=server)
        return record

    async def _remember(self, actor: Actor, server: str, rules: tuple[Rule, ...]) -> None:
        """For the other servers' consoles."""
        key, kept = FIREWALL_RULES + server, encode(Kept(rules=rules, by=actor.name, at=iso(self._clock())))
        item = await self._registry.get(key)
        if item is None:
            await self._registry.create(key, kept)
        else:
            await self._registry.compare_and_set(key, kept, item.revision)

    async def _note(self, actor: Actor, server: str, **facts: object) -> None:
        await self._fleet.reached(await self._audit.note(actor, Act.CHANGE_FIREWALL, server, "", **facts))
