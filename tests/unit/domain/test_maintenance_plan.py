"""A maintenance is a plan that is finished, or undone, by running it again, wherever it was interrupted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_ext.domain import maintenance
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance import Entry, Map
from asterisk_ext.domain.maintenance_plan import Heading, Plan, Step, given_up, turned
from asterisk_ext.domain.maintenance_steps import MARKS, PATIENCE, RECOUNT, Act, Seen, decide, is_safe, journalled
from asterisk_ext.domain.server import Server, Technology

NAMES = ("a", "b", "c")
SERVERS = {name: Server(id=n, name=name, technology=Technology.NODE, ip="198.18.1.1") for n, name in enumerate(NAMES)}


class KilledError(Exception):
    """The runner was killed."""


@dataclass
class Simulation:
    """A registry, nodes that follow it a moment later, a DNS server, and calls that end."""

    now: float = 0.0
    map: Map = field(default_factory=Map)
    revision: int = 1
    acknowledged: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 1))
    alive: set[str] = field(default_factory=lambda: set(NAMES))
    prepared: set[tuple[str, str]] = field(default_factory=set)
    """Host and the server whose virtual PBXs it has taken in beforehand."""
    plans: dict[str, Plan] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=lambda: {name: name for name in NAMES})
    dns_up: bool = True
    calls: dict[str, int] = field(default_factory=lambda: {"a": 2, "b": 1, "c": 0})

    def serving(self, home: str) -> list[str]:
        """Who serves what lives on ``home``: who the map names, once it has said so; nobody else ever."""
        host = self.map.follow(home)
        return [name for name in self.alive if name == host and self.acknowledged[name] == self.revision]

    def passes(self) -> None:
        """A moment in which all that comes true by itself comes true."""
        self.now += 1
        for name in self.alive:
            self.acknowledged[name] = self.revision
            self.prepared |= {(name, plan.source) for plan in self.plans.values() if plan.host == name}
        if self.dns_up:
            self.names = {name: self.map.follow(name) for name in NAMES}
        self.calls = {name: max(0, calls - 1) for name, calls in self.calls.items()}

    def seen(self, plan: Plan) -> Seen:
        entry = self.map.entries.get(plan.source)
        host = self.map.follow(plan.source)
        return Seen(
            pointer=entry.destination if entry else None,
            answers=plan.host in self.alive,
            prepared=(plan.host, plan.source) in self.prepared,
            served=bool(self.serving(plan.source)),
            dns=self.names[plan.source] == host,
            calls=self.calls[plan.left] if plan.left in self.alive else None,
        )

    def steps(self, source: str) -> Iterator[None]:
        """The runner; yields wherever it could be killed, and ends when nothing more will be done."""
        while True:
            plan = self.plans[source]
            seen = self.seen(plan)
            decision = decide(plan, seen, self.now)
            noted = journalled(plan, decision, seen, self.now)
            yield
            if noted != plan:
                self.plans[source] = noted
                yield
            if decision.act is Act.FLIP:
                self._flip(noted)
                yield
            elif decision.act is Act.HANG_UP:
                self.calls[plan.left] = 0
                yield
            elif noted.closed or Step.DONE in decision.true:
                return
            else:
                self.passes()

    def _flip(self, plan: Plan) -> None:
        try:
            if plan.heading is Heading.AWAY:
                host = SERVERS[plan.destination]
                entry = Entry(plan.destination, "", plan.by)
                self.map = maintenance.enter(self.map, SERVERS[plan.source], host, True, entry)
            else:
                self.map = maintenance.leave(self.map, plan.source)
        except Refusal as refusal:
            self.plans[plan.source] = given_up(plan, refusal.problem, refusal.params)
        else:
            self.revision += 1

    def run(self, source: str, killed_after: int | None = None) -> None:
        for _ in itertools.islice(self.steps(source), killed_after):
            assert len(self.serving(source)) <= 1

    def ask(self, source: str, destination: str) -> None:
        self.plans[source] = Plan(source=source, destination=destination, at=self.now)

    def turn(self, source: str) -> None:
        self.plans[source] = turned(self.plans[source], "x", self.now)


def points() -> int:
    """At how many points a runner that goes from a to b can be killed."""
    simulation = Simulation()
    simulation.ask("a", "b")
    return sum(1 for _ in simulation.steps("a"))


@pytest.mark.parametrize("killed_after", range(points() + 1))
def test_a_plan_killed_after_any_step_is_finished_by_running_it_again(killed_after: int) -> None:
    simulation = Simulation()
    simulation.ask("a", "b")
    simulation.run("a", killed_after)
    simulation.run("a")
    assert (simulation.map.follow("a"), simulation.serving("a"), simulation.names["a"]) == ("b", ["b"], "b")
    assert [stage.step for stage in simulation.plans["a"].journal if stage.ended] == list(Step)
    assert is_safe(simulation.plans["a"], simulation.seen(simulation.plans["a"]))


@pytest.mark.parametrize("killed_after", range(points() + 1))
def test_a_plan_killed_after_any_step_is_undone_by_turning_it(killed_after: int) -> None:
    simulation = Simulation()
    simulation.ask("a", "b")
    simulation.run("a", killed_after)
    simulation.turn("a")
    simulation.run("a")
    assert (simulation.map, simulation.names["a"]) == (Map(), "a")
    assert simulation.serving("a") == ["a"]
    assert simulation.plans["a"].closed


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.sampled_from([*NAMES, ""])), max_size=8))
def test_whatever_is_killed_and_turned_ends_with_one_server_serving(
    happens: list[tuple[int, bool, str]],
) -> None:
    simulation = Simulation()
    simulation.ask("a", "b")
    for killed_after, turn, dies in happens:
        simulation.alive -= {dies}
        simulation.run("a", killed_after)
        if turn and simulation.plans["a"].heading is Heading.AWAY and not simulation.plans["a"].closed:
            simulation.turn("a")
        simulation.alive |= set(NAMES)
        simulation.passes()
    simulation.run("a")
    plan = simulation.plans["a"]
    home = plan.heading is Heading.HOME or bool(plan.failed and plan.closed)
    assert simulation.serving("a") == ["a" if home else "b"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b"]), max_size=40))
def test_of_two_operators_who_flip_into_each_other_exactly_one_wins_and_the_other_is_told(turns: list[str]) -> None:
    simulation = Simulation()
    simulation.ask("a", "b")
    simulation.ask("b", "a")
    runners = {name: simulation.steps(name) for name in ("a", "b")}
    for name in turns:
        next(runners[name], None)
    for runner in runners.values():
        for _ in runner:
            pass
    won = [name for name, plan in simulation.plans.items() if not plan.failed]
    lost = [plan for plan in simulation.plans.values() if plan.failed]
    assert (len(won), len(lost)) == (1, 1)
    assert list(simulation.map.entries) == won
    assert (lost[0].failed, lost[0].closed, bool(lost[0].why)) == ("maintenance.cycle", True, True)


def test_a_source_back_from_the_dead_does_not_serve_what_has_left_it() -> None:
    simulation = Simulation()
    simulation.alive -= {"a"}
    simulation.ask("a", "b")
    simulation.run("a", 40)
    simulation.alive |= {"a"}
    assert simulation.acknowledged["a"] < simulation.revision, "it believes in the map of before"
    assert simulation.serving("a") == ["b"]
    simulation.passes()
    assert simulation.serving("a") == ["b"]


def test_a_plan_never_flips_against_who_changed_the_map_after_it() -> None:
    simulation = Simulation()
    simulation.ask("a", "b")
    simulation.run("a")
    simulation.map = maintenance.leave(simulation.map, "a")
    simulation.revision += 1
    simulation.run("a", 5)
    plan = simulation.plans["a"]
    assert (simulation.map, plan.failed, plan.closed) == (Map(), "maintenance.undone", True)


def test_a_host_that_cannot_take_them_in_gets_nothing() -> None:
    plan = Plan(source="a", destination="b")
    seen = Seen(pointer=None, answers=True, prepared=False)
    plan = journalled(plan, decide(plan, seen, 0), seen, 0)
    assert decide(plan, seen, PATIENCE).act is Act.NOTHING
    decision = decide(plan, seen, PATIENCE + 1)
    given = journalled(plan, decision, seen, PATIENCE + 1)
    assert (decision.act, given.failed, given.closed) == (Act.GIVE_UP, "maintenance.not_prepared", True)


def test_a_way_home_to_a_server_that_is_silent_leaves_them_where_they_are_served() -> None:
    simulation = Simulation()
    simulation.ask("a", "b")
    simulation.run("a")
    away = simulation.plans["a"].journal
    simulation.alive -= {"a"}
    simulation.turn("a")
    simulation.run("a", 5)
    plan = simulation.plans["a"]
    assert (plan.heading, plan.failed, plan.closed) == (Heading.AWAY, "maintenance.host_silent", False)
    assert (simulation.serving("a"), plan.journal) == (["b"], away)


@pytest.mark.parametrize(
    ("calls", "behind", "closed"),
    [(None, 3, False), (None, 0, False), (0, 3, False), (0, 0, True), (None, None, True)],
    ids=["by an older map", "by an older map, none counted", "phones there", "nobody there", "silent"],
)
def test_a_way_home_is_over_when_who_was_left_says_by_the_new_map_that_nobody_is_there(
    calls: int | None, behind: int | None, closed: bool
) -> None:
    simulation = Simulation()
    simulation.ask("a", "b")
    simulation.run("a")
    simulation.turn("a")
    simulation.run("a", 3)
    plan = simulation.plans["a"]
    seen = Seen(pointer=None, answers=True, served=True, dns=True, calls=calls, behind=behind)
    for now in (simulation.now, simulation.now + 2 * RECOUNT):
        plan = journalled(plan, decide(plan, seen, now), seen, now)
    assert plan.closed is closed


def test_a_dns_server_that_is_down_delays_nothing_but_the_word_that_it_is_safe() -> None:
    simulation = Simulation(dns_up=False)
    simulation.ask("a", "b")
    simulation.run("a", 40)
    plan = simulation.plans["a"]
    ended = [stage.step for stage in plan.journal if stage.ended]
    assert ended == [Step.PREPARE, Step.FLIP, Step.SERVE, Step.DRAIN]
    assert is_safe(plan, simulation.seen(plan)) is False
    simulation.dns_up = True
    simulation.run("a")
    assert is_safe(simulation.plans["a"], simulation.seen(simulation.plans["a"]))


def test_what_is_not_known_is_not_called_safe() -> None:
    plan = Plan(source="a", destination="b")
    assert is_safe(plan, Seen(pointer="b", answers=True, served=True, calls=None)) is None
    assert is_safe(plan, Seen(pointer="b", answers=True, served=False, calls=0)) is False


def test_calls_are_hung_up_only_where_it_was_asked_for() -> None:
    seen = Seen(pointer="b", answers=True, served=True, calls=3)
    assert decide(Plan(source="a", destination="b"), seen, 0).act is Act.NOTHING
    assert decide(Plan(source="a", destination="b", hang_up=True), seen, 0).act is Act.HANG_UP


def test_the_share_of_phones_that_have_followed_is_kept_at_its_times() -> None:
    plan = Plan(source="a", destination="b", registered=100)
    shares = []
    for now in range(1000, 1400, 10):
        seen = Seen(pointer="b", answers=True, served=True, calls=1, followed=min(100, now - 1000))
        plan = journalled(plan, decide(plan, seen, float(now)), seen, float(now))
        shares = [(share.after, share.followed) for share in plan.shares]
    assert shares == [(30, 30), (60, 60), (150, 100)]
    assert [after for after, _ in shares] == list(MARKS)
