"""A candidate on trial, the way back, and what only root lets pass; with a kernel that only remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from asterisk_ext.config import Guard as Settings
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.firewall import Firewall
from asterisk_ext.domain.firewall_rule import Rule, Verdict
from asterisk_ext.domain.firewall_trial import Candidate, Question
from asterisk_ext.domain.firewall_types import Protocol
from firewall.countries.lists import CountryLists
from firewall.guard_state import GuardState
from firewall.kernel.fake import FakeKernel
from firewall.kernel.filter import filter_of
from firewall.kernel.ruleset import Ruleset
from firewall.proof.space import NO_NAMESPACE
from firewall.rules.guard_firewall import GuardFirewall

NOON = 1_795_000_000.0
ADMIN = Question("203.0.113.80", Protocol.TCP, 8480)
PHONE = Question("200.160.2.3", Protocol.UDP, 5060)
STRANGER = Question("198.51.100.7", Protocol.UDP, 5060)
SIP = Rule(id="sip", type="sip", origins=("country:BR",))
CONSOLE = Rule(id="console", type="console", origins=("203.0.113.0/24",))
NOBODY = Rule(id="nobody", type="any", verdict=Verdict.DENY)


class FakeCountries:
    """Keeps the embedded lists."""

    def __init__(self) -> None:
        self.in_use: Collection[str] = ()
        self.lists = CountryLists.open()


class World:
    """A guard's firewall over a state file; ``again`` is a restart."""

    def __init__(self, directory: Path) -> None:
        self.now = NOON
        self.directory = directory
        self.kernel = FakeKernel(lambda: self.now)
        self.lists = self.kernel.lists
        self.told: list[str] = []
        self.timed_out = asyncio.Event()
        self.provable = True
        self.settings = Settings(fleet=("198.18.1.2",), administrators=("203.0.113.80",))
        self._begin()

    def again(self) -> None:
        self.firewall.close()
        self.state.close()
        self._begin()

    def _begin(self) -> None:
        self.state = GuardState(self.directory / "guard.sqlite")
        self.firewall = GuardFirewall(
            self.kernel,
            self.state,
            self.settings,
            Ruleset(),
            "8480",
            clock=lambda: self.now,
            publish=self.publish,
            prove=self.prove,
            countries=FakeCountries(),
        )
        self.firewall.start()

    def publish(self, kind: str, details: object) -> None:
        self.told.append(kind)
        if kind == "firewall_timed_out":
            self.timed_out.set()

    async def prove(self, firewall: Firewall, questions: Sequence[Question]) -> list[bool]:
        if not self.provable:
            raise NO_NAMESPACE.refuse(reason="not here")
        return [self.firewall.explain(one, firewall).allowed for one in questions]

    async def apply(self, *rules: Rule, force: bool = False, root: bool = False, **more: Any) -> str:
        candidate = Candidate(list(rules), **more)
        return (await self.firewall.apply(candidate, "ana", [ADMIN], force, 60, root=root)).digest

    @property
    def in_kernel(self) -> Ruleset:
        assert self.kernel.ruleset is not None
        return self.kernel.ruleset


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    made.firewall.close()
    made.state.close()


async def refused(work: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        await work
    return refusal.value.error_id


async def test_until_somebody_applies_rules_the_default_template_holds(world: World) -> None:
    assert world.firewall.confirmed.at == 0
    assert world.firewall.explain(STRANGER).allowed
    assert world.in_kernel.trial is None


async def test_a_candidate_is_tried_with_the_kernels_own_time_beside_the_confirmed_rules(world: World) -> None:
    await world.apply(SIP)
    assert world.in_kernel.trial == filter_of(world.firewall.pending.firewall)  # type: ignore[union-attr]
    assert world.in_kernel.trial_seconds == 60
    assert world.in_kernel.confirmed == filter_of(world.firewall.confirmed.firewall)
    assert set(world.lists.loaded) == {"country_br"}
    assert (world.firewall.explain(PHONE).allowed, world.firewall.explain(STRANGER).allowed) == (True, False)


async def test_confirmed_rules_survive_a_restart_and_an_unconfirmed_candidate_does_not(world: World) -> None:
    await world.firewall.confirm(await world.apply(SIP))
    assert (world.in_kernel.trial, world.firewall.confirmed.by) == (None, "ana")
    await world.apply(CONSOLE)
    world.again()
    assert world.firewall.confirmed.firewall.rules == (SIP,)
    assert (world.firewall.pending, world.firewall.state().ended) == (None, "restarted")
    assert world.in_kernel.trial is None


async def test_silence_goes_back_by_itself(world: World) -> None:
    await world.firewall.apply(Candidate([SIP]), "ana", [], False, 1, root=False)
    async with asyncio.timeout(5):
        await world.timed_out.wait()
    assert world.firewall.pending is None
    assert world.firewall.explain(STRANGER).allowed


async def test_rolling_back_brings_the_rules_before_and_forgets_their_lists(world: World) -> None:
    await world.apply(SIP)
    await world.firewall.roll_back()
    assert world.in_kernel.trial is None
    assert world.lists.loaded == {}
    assert await refused(world.firewall.roll_back()) == "firewall.not_on_trial"


async def test_only_one_candidate_is_on_trial_and_only_that_one_can_be_confirmed(world: World) -> None:
    digest = await world.apply(SIP)
    assert await refused(world.apply(CONSOLE)) == "firewall.on_trial"
    assert await refused(world.firewall.confirm("0123456789ab")) == "firewall.not_on_trial"
    world.now += 61
    assert await refused(world.firewall.confirm(digest)) == "firewall.not_on_trial"


async def test_rules_that_cut_the_operators_own_session_are_refused_unless_forced(world: World) -> None:
    world.settings = Settings()
    world.again()
    assert await refused(world.apply(NOBODY)) == "firewall.cuts_you"
    assert world.firewall.pending is None
    await world.apply(NOBODY, force=True)
    assert world.firewall.pending is not None


async def test_an_administrators_network_gets_in_whatever_the_rules_say(world: World) -> None:
    await world.apply(NOBODY)
    assert world.firewall.explain(ADMIN).allowed


async def test_a_wrong_candidate_is_refused_and_nothing_has_changed(world: World) -> None:
    before = world.in_kernel
    assert await refused(world.apply(Rule(id="x", type="ssh", ports="70000"))) == "firewall.port_invalid"
    assert await refused(world.apply(Rule(id="x", type="ssh", origins=("country:ZZ",)))) == "firewall.country_unknown"
    assert await refused(world.apply(SIP, nodes=["0.0.0.0/0"])) == "guard.network_too_wide"
    assert world.in_kernel is before


async def test_default_deny_and_derived_rules_are_weakened_only_with_roots_word(world: World) -> None:
    everything = Rule(id="x", type="any")
    assert await refused(world.apply(everything)) == "firewall.needs_endorsement"
    plan = await world.firewall.plan(Candidate([everything]), [], lambda _: False)
    assert plan.weakened == ["default_deny"]
    world.firewall.endorse(plan.digest)
    await world.apply(everything)
    await world.firewall.roll_back()
    await world.firewall.need(["198.18.1.3"], ["198.51.100.30"])
    assert await refused(world.apply(SIP)) == "firewall.needs_endorsement"
    await world.apply(SIP, root=True)


async def test_new_nodes_and_trunks_are_let_in_at_once_and_gone_trunks_stay(world: World) -> None:
    await world.firewall.confirm(await world.apply(NOBODY))
    await world.firewall.need([], ["198.51.100.30"])
    trunk = Question("198.51.100.30", Protocol.UDP, 5060)
    assert world.firewall.explain(trunk).allowed
    await world.firewall.need([], [])
    world.again()
    assert world.firewall.explain(trunk).allowed


NODE2, NODE3 = (Question(f"198.18.1.{number}", Protocol.TCP, 8481) for number in (2, 3))


@pytest.mark.parametrize("confirmed", [False, True])
async def test_a_node_is_let_in_until_it_has_left_the_fleet_also_over_a_restart(world: World, confirmed: bool) -> None:
    world.settings = Settings()
    world.again()
    if confirmed:
        await world.firewall.confirm(await world.apply(CONSOLE))
    await world.firewall.need([NODE2.address, NODE3.address], [])
    world.again()
    assert [world.firewall.explain(node).allowed for node in (NODE2, NODE3)] == [True, True]
    await world.firewall.need([NODE2.address], [])
    assert [world.firewall.explain(node).allowed for node in (NODE2, NODE3)] == [True, False]
    assert world.in_kernel.confirmed == filter_of(world.firewall.confirmed.firewall)
    world.again()
    assert [world.firewall.explain(node).allowed for node in (NODE2, NODE3)] == [True, False]


async def test_a_node_that_leaves_while_rules_are_on_trial_is_let_in_by_neither(world: World) -> None:
    await world.firewall.need([NODE2.address, NODE3.address], [])
    digest = await world.apply(SIP, nodes=[NODE2.address, NODE3.address])
    await world.firewall.need([NODE2.address], [])
    assert not world.firewall.explain(NODE3).allowed
    assert world.in_kernel.trial is not None
    await world.firewall.confirm(digest)
    assert not world.firewall.explain(NODE3).allowed
    await world.firewall.confirm(await world.apply(CONSOLE, nodes=[NODE2.address]))


async def test_who_names_no_node_at_all_shuts_nobody_out(world: World) -> None:
    await world.firewall.need([NODE3.address], [])
    await world.firewall.need([], [])
    assert world.firewall.explain(NODE3).allowed


async def test_a_plan_tells_before_and_after_and_whether_it_was_proved(world: World) -> None:
    plan = await world.firewall.plan(Candidate([SIP]), [PHONE, STRANGER], lambda address: address == PHONE.address)
    assert [(one.before.allowed, one.after.allowed, one.through) for one in plan.answers] == [
        (False, False, True),
        (True, False, False),
    ]
    world.provable = False
    plan = await world.firewall.plan(Candidate([SIP]), [STRANGER], lambda _: False)
    assert (plan.answers[0].through, plan.unproved) == (None, "The rules could not be proved: not here.")


async def test_after_a_foreign_change_rules_bans_and_lists_are_there_again(world: World) -> None:
    await world.firewall.confirm(await world.apply(SIP))
    world.kernel.flush()
    world.lists.loaded.clear()
    await world.firewall.repair(lambda: world.told.append("bans"))
    assert world.in_kernel.confirmed == filter_of(world.firewall.confirmed.firewall)
    assert (set(world.lists.loaded), world.told[-1]) == ({"country_br"}, "bans")


async def test_a_list_that_somebody_emptied_is_filled_again_and_named(world: World) -> None:
    await world.firewall.confirm(await world.apply(SIP))
    full = dict(world.lists.loaded)
    world.lists.flush("country_br")
    assert await world.firewall.reload(world.kernel.changed_lists()) == {"country_br"}
    assert world.lists.loaded == full
    assert not await world.firewall.reload({"country_ar"})
    world.lists.loaded.clear()
    assert await world.firewall.reload(None) == {"country_br"}
    assert world.lists.loaded == full
