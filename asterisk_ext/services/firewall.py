"""A server's firewall: the draft that operators edit, its plan with proof, and applying it with a way back."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from asterisk_ext.domain import firewall_edit as edit
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.domain.firewall import Explanation, derived, differences
from asterisk_ext.domain.firewall_origin import Known
from asterisk_ext.domain.firewall_rule import Rule, check_all
from asterisk_ext.domain.firewall_trial import Candidate, Pending, Question, State
from asterisk_ext.ports import CONFLICT, Clock, Fleet, PhoneBook, Registry
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.firewall_guard import FirewallGuard
from asterisk_ext.services.firewall_lists import Lists
from asterisk_ext.services.firewall_plan import View, questions_for, view_of
from asterisk_ext.services.firewall_table import Kept, Table
from asterisk_ext.services.friends import needs_of
from asterisk_ext.services.records import FIREWALL_DRAFTS, FIREWALL_RULES, FIREWALL_TEMPLATES, decode, encode
from asterisk_ext.services.times import iso

CHANGED_MEANWHILE = Problem(
    "firewall.changed_meanwhile",
    409,
    "{who} changed the draft of {server} at {at} ({what}); your change was not saved.",
    "Look at the draft as it is now, then decide again.",
)
ELSEWHERE = Problem(
    "firewall.elsewhere",
    409,
    "The firewall of {server} is planned, applied and confirmed at its own console; nothing was changed.",
    "Open {url}: whoever reaches it has the proof that he is not locked out.",
)
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
NO_TEMPLATE = Problem(
    "firewall.template_unknown", 404, "There is no firewall template {name}.", "Save one from a server's rules first."
)
MOST_PLANS = 20


class Firewalls:
    """Every act takes the server's name; ``revision`` None is for whoever has looked at nothing (the command line)."""

    def __init__(
        self,
        node: str,
        registry: Registry,
        fleet: Fleet,
        guard: FirewallGuard,
        phones: PhoneBook,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._node = node
        self._registry = registry
        self._fleet = fleet
        self._guard = guard
        self._phones = phones
        self._audit = audit
        self._clock = clock
        self._plans: dict[str, int] = {}
        """How many would be cut, by digest: what somebody has seen."""
        self.lists = Lists(registry, fleet, audit, clock)

    async def table(self, actor: Actor, server: str) -> Table:
        """The rules in force, those derived and the draft; of another server, what its operators last confirmed."""
        require(actor, Act.SEE_FIREWALL)
        self._fleet.server(server)
        own = server == self._node
        state = await self._guard.state() if own else None
        in_force = self._in_force(server, state)
        item = self._fleet.item(FIREWALL_DRAFTS + server)
        kept = decode(item.value, Kept) if item else None
        draft = kept.rules if kept else in_force.rules
        return Table(
            server=server,
            own=own,
            derived=derived(state.confirmed.firewall.needs) if state else (),
            in_force=in_force.rules,
            in_force_by=in_force.by,
            in_force_at=state.confirmed.at if state else 0.0,
            draft=draft,
            is_draft=kept is not None,
            draft_by=kept.by if kept else "",
            draft_at=kept.at if kept else "",
            revision=item.revision if item else 0,
            changes=differences(in_force.rules, draft),
            state=state,
            lists=sorted(self.lists.all()),
        )

    async def put(self, actor: Actor, server: str, rule: Rule, *, number: int = 0, revision: int | None = None) -> Rule:
        """Change the draft's rule of that id, or add one (no id) before ``number``, or last."""
        require(actor, Act.CHANGE_FIREWALL)
        rule = rule if rule.id else replace(rule, id=secrets.token_hex(4))
        known = await self._known()
        rules = await self._edit(actor, server, lambda rules: edit.put(rules, rule, known, number), revision)
        return rules[edit.numbered(rules, rule.id)]

    async def move(self, actor: Actor, server: str, rule: str, number: int, revision: int | None = None) -> None:
        require(actor, Act.CHANGE_FIREWALL)
        known = await self._known()
        await self._edit(actor, server, lambda rules: edit.moved(rules, rule, number, known), revision)

    async def remove(self, actor: Actor, server: str, rule: str, revision: int | None = None) -> None:
        await self._edit(actor, server, lambda rules: edit.without(rules, rule), revision)

    async def discard(self, actor: Actor, server: str) -> None:
        """Throw the draft away; without one nothing happens."""
        require(actor, Act.CHANGE_FIREWALL)
        item = await self._registry.get(FIREWALL_DRAFTS + server)
        if item is not None:
            await self._registry.delete(item.key, item.revision)
            await self._note(actor, server, done="discarded")

    async def use_template(self, actor: Actor, server: str, name: str, revision: int | None = None) -> None:
        """Make the draft a template's rules."""
        require(actor, Act.CHANGE_FIREWALL)
        item = self._fleet.item(FIREWALL_TEMPLATES + name)
        if item is None:
            raise NO_TEMPLATE.refuse(field="template", name=name)
        wanted, known = decode(item.value, Kept).rules, await self._known()
        await self._edit(actor, server, lambda _: check_all(wanted, known), revision)

    async def save_template(self, actor: Actor, server: str, name: str) -> None:
        """Keep the draft's rules as a template of the fleet."""
        require(actor, Act.CHANGE_FIREWALL)
        table = await self.table(actor, server)
        await self._write(FIREWALL_TEMPLATES + name, self._kept(actor, tuple(table.draft)))
        await self._note(actor, server, done="template", template=name)

    def templates(self, actor: Actor) -> list[str]:
        require(actor, Act.SEE_FIREWALL)
        return [item.key.removeprefix(FIREWALL_TEMPLATES) for item in self._fleet.items(FIREWALL_TEMPLATES)]

    async def plan(self, actor: Actor, server: str, session: Sequence[Question]) -> View:
        """What the draft would change, and who would be cut, by proof."""
        require(actor, Act.CHANGE_FIREWALL)
        self._is_here(server)
        table = await self.table(actor, server)
        contacts = await self._phones.contacts()
        asked = questions_for(server, self._fleet, contacts, session, table.state)
        plan = await self._guard.plan(self._candidate(table), [one.question for one in asked])
        view = view_of(plan, asked, table.changes)
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
        self._is_here(server)
        if digest not in self._plans:
            raise NOT_PLANNED.refuse(field="digest")
        if self._plans[digest] != acknowledged and not force:
            raise NOT_ACKNOWLEDGED.refuse(field="acknowledged", count=self._plans[digest], given=acknowledged)
        candidate = self._candidate(await self.table(actor, server))
        pending = await self._guard.apply(candidate, actor.name, session, force=force)
        if pending.digest != digest:
            await self._guard.roll_back()
            raise NOT_PLANNED.refuse(field="digest")
        await self._note(actor, server, done="on_trial", digest=digest, cut=self._plans[digest])
        return pending

    async def confirm(self, actor: Actor, server: str, digest: str) -> None:
        """Keep the rules on trial."""
        require(actor, Act.CHANGE_FIREWALL)
        self._is_here(server)
        confirmed = await self._guard.confirm(digest)
        rules = confirmed.firewall.rules
        await self._write(FIREWALL_RULES + server, self._kept(actor, rules))
        item = await self._registry.get(FIREWALL_DRAFTS + server)
        if item is not None and decode(item.value, Kept).rules == rules:
            await self._registry.delete(item.key, item.revision)
        await self._note(actor, server, done="confirmed", digest=digest, rules=len(rules))

    async def roll_back(self, actor: Actor, server: str) -> None:
        require(actor, Act.CHANGE_FIREWALL)
        self._is_here(server)
        await self._guard.roll_back()
        await self._note(actor, server, done="rolled_back")

    async def explain(self, actor: Actor, server: str, question: Question) -> tuple[Explanation, Explanation]:
        """Who decides, by the rules in force and by the draft."""
        require(actor, Act.SEE_FIREWALL)
        self._is_here(server)
        table = await self.table(actor, server)
        now = await self._guard.explain(question)
        return now, await self._guard.explain(question, self._candidate(table)) if table.is_draft else now

    async def _edit(
        self,
        actor: Actor,
        server: str,
        change: Callable[[tuple[Rule, ...]], tuple[Rule, ...]],
        revision: int | None,
    ) -> tuple[Rule, ...]:
        require(actor, Act.CHANGE_FIREWALL)
        table = await self.table(actor, server)
        key, seen = FIREWALL_DRAFTS + server, table.revision if revision is None else revision
        if seen != table.revision:
            await self._refuse_changed(key, server, table.draft)
        rules = change(tuple(table.draft))
        record = encode(self._kept(actor, rules))
        try:
            if seen:
                written = await self._registry.compare_and_set(key, record, seen)
            else:
                written = await self._registry.create(key, record)
        except Refusal as refusal:
            if refusal.problem is not CONFLICT and refusal.error_id != CONFLICT.error_id:
                raise
            await self._refuse_changed(key, server, table.draft)
            raise
        await self._fleet.reached(written)
        await self._note(actor, server, done="draft", changes=len(differences(table.in_force, rules)))
        return rules

    async def _refuse_changed(self, key: str, server: str, seen: Sequence[Rule]) -> None:
        """Say who came before, when, and what differs from what this operator saw."""
        item = await self._registry.get(key)
        kept = decode(item.value, Kept) if item else Kept(by="?", at="?")
        what = ", ".join(f"{one.change} {one.number}" for one in differences(seen, kept.rules)[:5]) or "again"
        raise CHANGED_MEANWHILE.refuse(field="revision", who=kept.by, server=server, at=kept.at, what=what)

    def _in_force(self, server: str, state: State | None) -> Kept:
        if state is not None:
            return Kept(rules=state.confirmed.firewall.rules, by=state.confirmed.by)
        item = self._fleet.item(FIREWALL_RULES + server)
        return decode(item.value, Kept) if item else Kept()

    async def _known(self) -> Known:
        state = await self._guard.state()
        return Known(countries=frozenset(one.code for one in state.countries), lists=self.lists.all())

    def _candidate(self, table: Table) -> Candidate:
        nodes, trunks = needs_of(self._fleet)
        return Candidate(tuple(table.draft), self.lists.all(), nodes, trunks)

    def _is_here(self, server: str) -> None:
        record = self._fleet.server(server)
        if server != self._node:
            url = f"http://{record.ip}:{record.port}/servers/{server}/firewall"
            raise ELSEWHERE.refuse(server=server, url=url)

    def _kept(self, actor: Actor, rules: tuple[Rule, ...]) -> Kept:
        return Kept(rules=rules, by=actor.name, at=iso(self._clock()))

    async def _write(self, key: str, kept: Kept) -> None:
        item = await self._registry.get(key)
        if item is None:
            await self._registry.create(key, encode(kept))
        else:
            await self._registry.compare_and_set(key, encode(kept), item.revision)

    async def _note(self, actor: Actor, server: str, **facts: object) -> None:
        await self._fleet.reached(await self._audit.note(actor, Act.CHANGE_FIREWALL, server, "", **facts))
