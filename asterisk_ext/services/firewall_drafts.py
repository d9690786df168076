"""The drafts of servers' firewalls, which operators edit, and the templates of the fleet that they are made of."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from asterisk_ext.domain import firewall_edit as edit
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.domain.firewall import differences
from asterisk_ext.domain.firewall_origin import Known
from asterisk_ext.domain.firewall_rule import Rule, check_all, checked
from asterisk_ext.ports import CONFLICT, SILENT, Clock, Fleet, Registry
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.firewall_guard import FirewallGuard
from asterisk_ext.services.firewall_lists import Lists
from asterisk_ext.services.firewall_table import Kept, Table
from asterisk_ext.services.records import FIREWALL_DRAFTS, FIREWALL_TEMPLATES, decode, encode
from asterisk_ext.services.times import iso

CHANGED_MEANWHILE = Problem(
    "firewall.changed_meanwhile",
    409,
    "{who} changed the draft of {server} at {at} ({what}); your change was not saved.",
    "Look at the draft as it is now, then decide again.",
)
NO_TEMPLATE = Problem(
    "firewall.template_unknown", 404, "There is no firewall template {name}.", "Save one from a server's rules first."
)


class Drafts:
    """Every act takes the server's name; ``revision`` None is for whoever has looked at nothing (the command line)."""

    def __init__(
        self,
        registry: Registry,
        fleet: Fleet,
        guard: FirewallGuard,
        lists: Lists,
        audit: Audit,
        clock: Clock,
        table: Callable[[Actor, str], Awaitable[Table]],
    ) -> None:
        self._registry = registry
        self._fleet = fleet
        self._guard = guard
        self._lists = lists
        self._audit = audit
        self._clock = clock
        self._table = table

    async def spelled(self, actor: Actor, rule: Rule) -> Rule:
        """The rule in its one spelling, kept nowhere; refused as ``put`` would."""
        require(actor, Act.SEE_FIREWALL)
        return checked(rule, await self._known())

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
        await self._edit(actor, server, lambda _: check_all(wanted, known), revision, whole=True)

    async def save_template(self, actor: Actor, server: str, name: str) -> None:
        """Keep the draft's rules as a template of the fleet."""
        require(actor, Act.CHANGE_FIREWALL)
        table = await self._table(actor, server)
        await self._write(FIREWALL_TEMPLATES + name, self._kept(actor, tuple(table.draft)))
        await self._note(actor, server, done="template", template=name)

    def templates(self, actor: Actor) -> list[str]:
        require(actor, Act.SEE_FIREWALL)
        return [item.key.removeprefix(FIREWALL_TEMPLATES) for item in self._fleet.items(FIREWALL_TEMPLATES)]

    async def _edit(
        self,
        actor: Actor,
        server: str,
        change: Callable[[tuple[Rule, ...]], tuple[Rule, ...]],
        revision: int | None,
        *,
        whole: bool = False,
    ) -> tuple[Rule, ...]:
        """``whole``: what becomes of the draft does not follow from what was there."""
        require(actor, Act.CHANGE_FIREWALL)
        table = await self._table(actor, server)
        if table.silent and not whole and not table.is_draft and not table.in_force:
            raise SILENT.refuse(server=server)  # a draft would begin without the rules that are in force there
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

    async def _known(self) -> Known:
        state = await self._guard.state()
        return Known(countries=frozenset(one.code for one in state.countries), lists=self._lists.all())

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
