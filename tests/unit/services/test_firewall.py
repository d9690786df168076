"""The firewall's use cases: drafts that two operators edit, plans that must be seen, trials that must be confirmed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from asterisk_ext.domain.access import ROOT, Actor, Role
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.firewall_rule import Rule, Verdict
from asterisk_ext.domain.firewall_trial import Question
from asterisk_ext.domain.firewall_types import Protocol
from asterisk_ext.domain.pbx import Trunk
from asterisk_ext.ports.asterisk import Contact
from asterisk_ext.services.firewall import Firewalls
from asterisk_ext.services.firewall_plan import Who
from tests.unit.services.conftest import World
from tests.unit.services.fake_firewall import FakeCarriers, FakeElsewhere, FakeFirewallGuard, FakePhones
from tests.unit.services.test_services import FILE

ANA, BIA = Actor("ana", Role.OPERATOR), Actor("bia", Role.OPERATOR)
YOU = Question("203.0.113.82", Protocol.TCP, 8480)
NOBODY = Rule(id="", type="any", verdict=Verdict.DENY)


class Ground:
    def __init__(self, world: World) -> None:
        self.world = world
        self.guard = FakeFirewallGuard()
        self.phones, self.carriers = FakePhones(), FakeCarriers()
        self.elsewhere = FakeElsewhere(world.users.behind)
        self.firewalls = self.elsewhere.nodes["node1"] = self.at("node1", self.guard)

    def at(self, node: str, guard: FakeFirewallGuard | None = None) -> Firewalls:
        """The use cases on that node."""
        world = self.world
        return Firewalls(
            node,
            world.registry,
            world.fleet,
            guard or FakeFirewallGuard(),
            self.elsewhere,
            self.phones,
            self.carriers,
            world.audit,
            world.clock,
        )


@pytest.fixture
def ground(world: World) -> Ground:
    return Ground(world)


async def refused(work: Any) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await work
    return refusal.value


async def test_the_first_edit_makes_a_draft_of_what_is_in_force(ground: Ground) -> None:
    before = await ground.firewalls.table(ANA, "node1")
    assert (before.is_draft, before.revision, before.draft) == (False, 0, before.in_force)
    put = await ground.firewalls.drafts.put(
        ANA, "node1", Rule(id="", type="ssh", origins=("203.0.113.80/29",), ports="2222")
    )
    after = await ground.firewalls.table(ANA, "node1")
    assert (after.is_draft, after.draft_by, after.draft[-1]) == (True, "ana", put)
    assert [(one.change, one.number) for one in after.changes] == [("new", 8)]
    assert after.in_force == before.in_force


async def test_rules_are_changed_moved_and_removed_by_number_or_id(ground: Ground) -> None:
    deny = await ground.firewalls.drafts.put(ANA, "node1", NOBODY, number=1)
    await ground.firewalls.drafts.move(ANA, "node1", "1", 99)
    table = await ground.firewalls.table(ANA, "node1")
    assert table.draft[-1] == deny
    await ground.firewalls.drafts.remove(ANA, "node1", deny.id)
    assert (await ground.firewalls.table(ANA, "node1")).changes == []
    assert (await refused(ground.firewalls.drafts.remove(ANA, "node1", "77"))).error_id == "firewall.rule_unknown"


async def test_of_two_who_edit_at_once_the_second_is_told_who_when_and_what(ground: Ground) -> None:
    await ground.firewalls.drafts.put(ANA, "node1", NOBODY)
    seen = (await ground.firewalls.table(BIA, "node1")).revision
    await ground.firewalls.drafts.move(ANA, "node1", "8", 1)
    refusal = await refused(ground.firewalls.drafts.remove(BIA, "node1", "2", revision=seen))
    assert (refusal.error_id, refusal.params["who"]) == ("firewall.changed_meanwhile", "ana")
    assert str(refusal.params["at"]).startswith("2027-01-15T")
    assert len((await ground.firewalls.table(ANA, "node1")).draft) == 8


async def test_a_draft_that_another_began_is_not_overwritten(ground: Ground) -> None:
    await ground.firewalls.drafts.put(ANA, "node1", NOBODY)
    refusal = await refused(ground.firewalls.drafts.put(BIA, "node1", Rule(id="", type="http"), revision=0))
    assert (refusal.error_id, refusal.params["what"]) == ("firewall.changed_meanwhile", "again")


async def test_a_wrong_rule_is_refused_with_its_field_and_no_draft_is_made(ground: Ground) -> None:
    refusal = await refused(ground.firewalls.drafts.put(ANA, "node1", Rule(id="", type="ssh", origins=("country:ZZ",))))
    assert (refusal.error_id, refusal.field) == ("firewall.country_unknown", "origins")
    assert not (await ground.firewalls.table(ANA, "node1")).is_draft


async def test_the_plan_tells_who_would_be_cut_and_who_stays(ground: Ground) -> None:
    await ground.world.tenants.import_file(ROOT, FILE)
    ground.phones.there = [
        Contact("1_200", "192.0.2.33"),
        Contact("1_201", "192.0.2.33"),
        Contact("1_202", "200.1.2.3", "tcp"),
    ]
    for rule in ("default-1", "default-2"):
        await ground.firewalls.drafts.remove(ANA, "node1", rule)
    await ground.firewalls.drafts.put(ANA, "node1", Rule(id="", type="sip", origins=("BR",)))
    view = await ground.firewalls.plan(ANA, "node1", [YOU])
    assert [(line.who, line.names, line.pbx, line.address, line.was) for line in view.cut] == [
        (Who.PHONE, ["1_200", "1_201"], 1, "192.0.2.33", 1)
    ]
    assert (view.cut_count, view.cut_pbxs) == (2, 1)
    assert {kept.who: kept.count for kept in view.kept} == {Who.YOU: 1, Who.NODE: 1, Who.TRUNK: 1, Who.PHONE: 1}


async def test_a_carrier_known_by_name_is_asked_about_at_every_address_that_its_name_leads_to(ground: Ground) -> None:
    await ground.world.tenants.import_file(ROOT, FILE)
    pbx = ground.world.fleet.tenants()[0]
    named = replace(pbx, trunks=(*pbx.trunks, Trunk(name="trunk99", host="sip.example.net")))
    await ground.world.tenants.save(ROOT, named)
    ground.carriers.update({"sip.example.net": ["192.0.2.70", "2001:db8::70"], "gone.example.net": []})
    await ground.firewalls.drafts.put(ANA, "node1", NOBODY, number=1)
    view = await ground.firewalls.plan(ANA, "node1", [])
    told = [(line.who, line.names, line.pbx, line.address) for line in view.cut]
    assert told == [(Who.TRUNK, ["trunk99"], pbx.id, address) for address in ("192.0.2.70", "2001:db8::70")]
    assert (view.cut_count, view.unresolved) == (1, ["gone.example.net"])


async def test_nothing_is_applied_that_nobody_has_seen_or_whose_victims_nobody_has_counted(ground: Ground) -> None:
    ground.phones.there = [Contact("1_200", "192.0.2.33")]
    await ground.firewalls.drafts.remove(ANA, "node1", "default-1")
    assert (await refused(ground.firewalls.apply(ANA, "node1", "0" * 12))).error_id == "firewall.not_planned"
    view = await ground.firewalls.plan(ANA, "node1", [YOU])
    assert (await refused(ground.firewalls.apply(ANA, "node1", view.digest))).error_id == "firewall.not_acknowledged"
    await ground.firewalls.drafts.put(BIA, "node1", NOBODY)
    refusal = await refused(ground.firewalls.apply(ANA, "node1", view.digest, acknowledged=1))
    assert refusal.error_id == "firewall.not_planned"
    assert ground.guard.pending is None


async def test_the_rule_that_denies_everybody_is_stopped_and_only_force_tries_it(ground: Ground) -> None:
    await ground.firewalls.drafts.put(ANA, "node1", NOBODY, number=1)
    view = await ground.firewalls.plan(ANA, "node1", [YOU])
    assert view.cut[0].who is Who.YOU
    arguments: dict[str, Any] = {"acknowledged": view.cut_count, "session": [YOU]}
    assert (
        await refused(ground.firewalls.apply(ANA, "node1", view.digest, **arguments))
    ).error_id == "firewall.cuts_you"
    await ground.firewalls.apply(ANA, "node1", view.digest, force=True, **arguments)
    assert ground.guard.pending is not None
    await ground.firewalls.roll_back(ANA, "node1")
    assert (await ground.firewalls.table(ANA, "node1")).is_draft


async def test_confirmed_rules_are_in_the_registry_for_the_other_consoles_and_the_draft_is_gone(ground: Ground) -> None:
    await ground.firewalls.drafts.put(ANA, "node1", Rule(id="", type="https"))
    view = await ground.firewalls.plan(ANA, "node1", [YOU])
    await ground.firewalls.apply(ANA, "node1", view.digest, session=[YOU])
    await ground.firewalls.confirm(ANA, "node1", view.digest)
    world = ground.world
    del ground.elsewhere.nodes["node1"]
    table = await ground.at("node2").table(ANA, "node1")
    assert (table.own, table.silent, table.is_draft) == (False, True, False)
    assert (table.in_force[-1].type, table.in_force_by) == ("https", "ana")
    facts = [(entry.act, entry.facts["done"]) for entry in world.audit.latest(ROOT)[:3]]
    assert facts == [("firewall.change", "confirmed"), ("firewall.change", "on_trial"), ("firewall.change", "draft")]


async def test_a_template_of_the_fleet_is_made_of_one_servers_rules_and_used_on_another(ground: Ground) -> None:
    await ground.firewalls.drafts.put(ANA, "node1", Rule(id="", type="https"))
    await ground.firewalls.drafts.save_template(ANA, "node1", "default")
    await ground.firewalls.drafts.use_template(ANA, "node2", "default")
    assert (await ground.firewalls.table(ANA, "node2")).draft[-1].type == "https"
    assert (
        await refused(ground.firewalls.drafts.use_template(ANA, "node2", "x"))
    ).error_id == "firewall.template_unknown"


async def test_a_list_that_rules_name_stays(ground: Ground) -> None:
    await ground.firewalls.lists.save(ANA, "offices", ["203.0.113.5", "203.0.113.5/32"])
    await ground.firewalls.drafts.put(ANA, "node1", Rule(id="", type="ssh", origins=("list:offices",), ports="2222"))
    assert (await refused(ground.firewalls.lists.remove(ANA, "offices"))).error_id == "firewall.list_in_use"
    await ground.firewalls.drafts.discard(ANA, "node1")
    await ground.firewalls.lists.remove(ANA, "offices")
    assert ground.firewalls.lists.all() == {}


async def test_of_two_who_edit_a_list_at_once_the_second_is_told_and_nothing_of_his_is_saved(ground: Ground) -> None:
    lists = ground.firewalls.lists
    first = await lists.save(ANA, "offices", ["203.0.113.5"], 0)
    assert (await refused(lists.save(BIA, "offices", ["192.0.2.1"], 0))).params["who"] == "ana"
    await lists.save(ANA, "offices", ["203.0.113.5", "203.0.113.6"], first.revision)
    for late in (
        lists.save(BIA, "offices", ["192.0.2.1"], first.revision),
        lists.remove(BIA, "offices", first.revision),
    ):
        refusal = await refused(late)
        assert (refusal.error_id, refusal.params["count"]) == ("firewall.list_changed_meanwhile", 2)
    assert lists.all() == {"offices": ("203.0.113.5", "203.0.113.6")}


@pytest.mark.parametrize(
    ("name", "entries", "error_id", "field"),
    [
        ("Offices", ["203.0.113.5"], "firewall.list_invalid", "name"),
        ("offices", [" "], "firewall.list_invalid", "entries"),
        ("offices", ["203.0.113.5/24"], "firewall.host_bits", "entries"),
        ("offices", ["203.0.113.9-203.0.113.5"], "firewall.range_reversed", "entries"),
        ("offices", ["country:BR"], "firewall.origin_unknown", "entries"),
    ],
)
async def test_a_wrong_list_is_refused_with_its_field(
    ground: Ground, name: str, entries: list[str], error_id: str, field: str
) -> None:
    refusal = await refused(ground.firewalls.lists.save(ANA, name, entries))
    assert (refusal.error_id, refusal.field) == (error_id, field)
    assert ground.firewalls.lists.all() == {}


async def test_a_list_tells_whose_rules_name_it(ground: Ground) -> None:
    await ground.firewalls.lists.save(ANA, "offices", ["203.0.113.5"])
    await ground.firewalls.drafts.put(ANA, "node1", Rule(id="", type="ssh", origins=("list:offices",), ports="2222"))
    assert ground.firewalls.lists.table(BIA)["offices"].servers == ["node1"]


async def test_the_question_is_answered_by_the_rules_in_force_and_by_the_draft(ground: Ground) -> None:
    await ground.firewalls.drafts.put(ANA, "node1", NOBODY, number=1)
    now, then = await ground.firewalls.explain(ANA, "node1", Question("192.0.2.1", Protocol.UDP, 5060))
    assert (now.allowed, now.number, then.allowed, then.number) == (True, 1, False, 1)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SUPPORT])
async def test_support_looks_and_only_operators_change(ground: Ground, role: Role) -> None:
    other = Actor("someone", role)
    assert (await refused(ground.firewalls.drafts.put(other, "node1", NOBODY))).error_id == "access.forbidden"
    assert (await refused(ground.firewalls.plan(other, "node1", []))).error_id == "access.forbidden"
    if role is Role.SUPPORT:
        assert (await ground.firewalls.table(other, "node1")).in_force
