"""A server's firewall from another server's console: that server answers, by its own guard and list of users."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.access import PEER, ROOT, Actor, Role
from asterisk_ext.domain.firewall_rule import Rule
from asterisk_ext.domain.firewall_trial import Question
from asterisk_ext.domain.firewall_types import Protocol
from asterisk_ext.ports import SILENT
from asterisk_ext.services.firewall import Firewalls
from asterisk_ext.services.firewall_plan import Who
from tests.unit.services.conftest import World
from tests.unit.services.fake_firewall import FakeFirewallGuard
from tests.unit.services.test_firewall import NOBODY, YOU, Ground, refused

ANA = Actor("ana", Role.OPERATOR)


class Two(Ground):
    """``firewalls`` are those of the console, node1's; ``there`` is node2."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.guard_there = FakeFirewallGuard()
        self.there: Firewalls = self.at("node2", self.guard_there)
        self.elsewhere.nodes["node2"] = self.there


@pytest.fixture
async def two(world: World) -> Two:
    await world.users.save(ROOT, "ana", "long enough for all", Role.OPERATOR)
    return Two(world)


async def test_the_whole_way_from_draft_to_confirmation_goes_through_that_servers_guard(two: Two) -> None:
    await two.firewalls.drafts.put(ANA, "node2", Rule(id="", type="https"))
    table = await two.firewalls.table(ANA, "node2")
    assert (table.own, table.silent, len(table.in_force), len(table.draft)) == (False, False, 7, 8)
    view = await two.firewalls.plan(ANA, "node2", [YOU])
    pending = await two.firewalls.apply(ANA, "node2", view.digest, session=[YOU])
    assert (two.guard_there.pending, two.guard.pending) == (pending, None)
    await two.firewalls.confirm(ANA, "node2", view.digest)
    table = await two.firewalls.table(ANA, "node2")
    assert (table.is_draft, table.in_force[-1].type, table.in_force_by) == (False, "https", "ana")
    assert len((await two.firewalls.table(ANA, "node1")).in_force) == 7
    told = [(entry.who, entry.thing, entry.facts["done"]) for entry in two.world.audit.latest(ROOT)[:2]]
    assert told == [("ana", "node2", "confirmed"), ("ana", "node2", "on_trial")]


async def test_going_back_and_explaining_are_that_servers_too(two: Two) -> None:
    await two.firewalls.drafts.put(ANA, "node2", NOBODY, number=1)
    question = Question("192.0.2.1", Protocol.UDP, 5060)
    now, then = await two.firewalls.explain(ANA, "node2", question)
    assert (now.allowed, then.allowed) == (True, False)
    view = await two.firewalls.plan(ANA, "node2", [YOU])
    await two.firewalls.apply(ANA, "node2", view.digest, acknowledged=view.cut_count, session=[], force=True)
    await two.firewalls.roll_back(ANA, "node2")
    assert two.guard_there.pending is None


async def test_the_plan_asks_about_the_operators_address_at_that_servers_console(two: Two) -> None:
    await two.firewalls.drafts.put(ANA, "node2", NOBODY, number=1)
    view = await two.firewalls.plan(ANA, "node2", [YOU])
    assert [(line.who, line.address, line.port) for line in view.cut[:1]] == [(Who.YOU, YOU.address, 8480)]
    refusal = await refused(two.firewalls.apply(ANA, "node2", view.digest, acknowledged=view.cut_count, session=[YOU]))
    assert refusal.error_id == "firewall.cuts_you"


async def test_who_does_not_get_in_there_today_may_still_change_it_from_here(two: Two) -> None:
    two.guard_there.confirmed = type(two.guard_there.confirmed)(type(two.guard_there.confirmed.firewall)())
    await two.firewalls.drafts.put(ANA, "node2", Rule(id="", type="https"))
    view = await two.firewalls.plan(ANA, "node2", [YOU])
    assert view.cut_count == 0
    await two.firewalls.apply(ANA, "node2", view.digest, session=[YOU])


async def test_of_a_silent_server_the_last_confirmed_rules_are_shown_and_no_draft_begins_from_nothing(two: Two) -> None:
    del two.elsewhere.nodes["node2"]
    assert (await two.firewalls.table(ANA, "node2")).silent
    for act in (
        two.firewalls.drafts.put(ANA, "node2", NOBODY),
        two.firewalls.plan(ANA, "node2", [YOU]),
        two.firewalls.apply(ANA, "node2", "0" * 12),
        two.firewalls.confirm(ANA, "node2", "0" * 12),
        two.firewalls.roll_back(ANA, "node2"),
        two.firewalls.explain(ANA, "node2", YOU),
    ):
        assert (await refused(act)).error_id == "server.silent"


async def test_a_console_without_a_guard_of_its_own_serves_every_other_server(two: Two) -> None:
    async def gone() -> None:
        raise SILENT.refuse(server="the guard of this node")

    two.guard.state = gone  # type: ignore[assignment, method-assign]
    await two.firewalls.drafts.put(ANA, "node2", Rule(id="", type="sip", origins=("BR",)))
    assert (await two.firewalls.plan(ANA, "node2", [YOU])).changes


async def test_rights_are_checked_at_both_ends(two: Two) -> None:
    stranger = Actor("nobody there", Role.OPERATOR)
    assert (await refused(two.firewalls.plan(stranger, "node2", [YOU]))).error_id == "access.forbidden"
    support = Actor("ana", Role.SUPPORT)
    assert (await refused(two.firewalls.plan(support, "node2", [YOU]))).error_id == "access.forbidden"
    assert await two.firewalls.explain(support, "node2", YOU)


async def test_a_node_answers_another_one_for_itself_alone(two: Two) -> None:
    asks = Actor("ana", Role.OPERATOR, peer=True)
    assert (await refused(two.there.plan(asks, "node1", [YOU]))).error_id == "firewall.elsewhere"
    assert (await refused(two.there.table(PEER, "node1"))).error_id == "firewall.elsewhere"


async def test_of_a_user_and_a_token_of_one_name_the_lesser_counts(two: Two) -> None:
    users = two.world.users
    await users.issue_token(ROOT, "ana", Role.VIEWER)
    await users.issue_token(ROOT, "nightly", Role.OPERATOR)
    assert users.behind("ana").role is Role.VIEWER
    assert users.behind("nightly").role is Role.OPERATOR
    assert users.behind("root").role is Role.ADMINISTRATOR
    assert (users.behind("").name, users.behind("unheard of").role) == ("fleet", Role.SUPPORT)
    assert all(users.behind(name).peer for name in ("ana", "nightly", "root", ""))
