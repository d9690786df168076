"""The guard's firewall: the confirmed rules, a candidate on trial, and the way back.

A trial is the kernel's: its time-out lives in a set there, so the old rules return though guard and machine's user are
cut off from each other and from us. Here it is written down first, so that a restart, too, knows what is confirmed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address

from asterisk_ext.config import Guard as Settings
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.domain.firewall import Explanation, Firewall, explain, weakened
from asterisk_ext.domain.firewall_trial import Answer, Candidate, Confirmed, CountryList, Pending, Plan, Question, State
from firewall.countries.lists import CountryLists
from firewall.guard_state import GuardState
from firewall.kernel.filter import filter_of
from firewall.kernel.port import Kernel
from firewall.kernel.ruleset import Ruleset
from firewall.rules.candidate import Composer, Countries, digest_of
from firewall.rules.kept_rules import KeptRules, needs_after
from firewall.rules.list_content import in_countries
from firewall.rules.loaded_lists import LoadedLists
from firewall.rules.other_managers import found

ON_TRIAL = Problem(
    "firewall.on_trial",
    409,
    "Rules of {by} are on trial for another {seconds:.0f} s; nothing was changed.",
    "Confirm or roll them back first, or wait.",
)
NOT_ON_TRIAL = Problem(
    "firewall.not_on_trial",
    409,
    "These rules are not on trial; nothing was confirmed.",
    "The time may be over: look at the rules in force, then apply again.",
)
CUTS_YOU = Problem(
    "firewall.cuts_you",
    409,
    "The rules were not applied: {address} ({protocol}/{port}), from where you ask, would not get in.",
    "Let it in, or force it: without a confirmation the rules before come back.",
)
NEEDS_ENDORSEMENT = Problem(
    "firewall.needs_endorsement",
    403,
    "The rules were not applied: they would take away what the guard keeps ({lost}).",
    "As root on that server: asterisk-ext firewall endorse {digest}. Then apply again.",
)
LONGEST_TRIAL = 3600.0
MOST_QUESTIONS = 20_000

Prove = Callable[[Firewall, Sequence[Question]], Awaitable[list[bool]]]


class GuardFirewall:
    """``prove`` loads a firewall into a namespace and tells which questions come through."""

    def __init__(
        self,
        kernel: Kernel,
        state: GuardState,
        settings: Settings,
        base: Ruleset,
        console: str,
        *,
        clock: Callable[[], float],
        publish: Callable[[str, Mapping[str, object]], None],
        prove: Prove,
        countries: Countries,
    ) -> None:
        self._kernel = kernel
        self._base = base
        self._clock = clock
        self._publish = publish
        self._prove = prove
        self._keeper = countries
        self._loaded = LoadedLists(kernel.lists, countries)
        self._composer = Composer(settings, console, countries)
        self._kept = KeptRules(state, self._composer)
        self._busy = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._tidying: asyncio.Future[None] | None = None
        self._endorsed: set[str] = set()
        self._ended = ""
        self.confirmed = self._kept.confirmed()
        self.pending: Pending | None = None

    @property
    def countries(self) -> CountryLists:
        return self._keeper.lists

    def start(self) -> None:
        """Bring the confirmed rules into the kernel; a trial that a restart interrupted is over."""
        if self._kept.forget_trial():
            self._ended = "restarted"
        self._kernel.apply(self.ruleset())  # default deny at once; long lists take a second more
        self._load()

    async def repair(self, bans: Callable[[], object], lists: Collection[str] | None = None) -> None:
        """Put everything into the kernel again after a foreign change; ``bans`` puts those back, ``lists`` are those
        that were changed as well (None: any of them).

        The rules come first, with empty lists where those were lost: default deny holds for the second that lists take.
        """
        async with self._busy:
            await asyncio.to_thread(self._kernel.apply, self.ruleset())
            bans()
            self._loaded.forget(lists)
            await asyncio.to_thread(self._loaded.fill, self._used())

    async def reload(self, lists: Collection[str] | None) -> Collection[str]:
        """Put lists that somebody else has changed into the kernel again, all of them where None; says which it has."""
        async with self._busy:
            lost = self._loaded.forget(lists)
            if lost:
                await asyncio.to_thread(self._load)
            return lost

    def state(self) -> State:
        listed = [CountryList(one.code, one.prefixes4, one.prefixes6) for one in self.countries.countries]
        return State(self.confirmed, self.pending, listed, self.countries.since, found(), self._ended)

    async def plan(self, candidate: Candidate, questions: Sequence[Question], banned: Callable[[str], bool]) -> Plan:
        """Who would get in, by proof where one can be made."""
        began = time.monotonic()
        firewall = self._composer.composed(candidate)
        asked = questions[:MOST_QUESTIONS]
        through: Sequence[bool] | None = None
        unproved = ""
        try:
            through = await self._prove(firewall, asked)
        except Refusal as refusal:
            unproved = refusal.what
        is_in = in_countries(self.countries)
        answers = []
        for place, one in enumerate(asked):
            address = ip_address(one.address)
            told = [
                explain(each, address, one.protocol, one.port, in_country=is_in, banned=banned(one.address))
                for each in (self.confirmed.firewall, firewall)
            ]
            answers.append(Answer(told[0], told[1], through[place] if through is not None else None))
        lost = weakened(self.confirmed.firewall, firewall)
        return Plan(digest_of(firewall), lost, answers, unproved, time.monotonic() - began)

    async def apply(
        self, candidate: Candidate, by: str, session: Sequence[Question], force: bool, seconds: float, *, root: bool
    ) -> Pending:
        """Try a candidate for so many seconds."""
        now = self._clock()
        if self.pending is not None:
            raise ON_TRIAL.refuse(by=self.pending.by, seconds=max(0.0, self.pending.deadline - now))
        firewall = self._composer.composed(candidate)
        digest = digest_of(firewall)
        lost = weakened(self.confirmed.firewall, firewall)
        if lost and not root and digest not in self._endorsed:
            raise NEEDS_ENDORSEMENT.refuse(field="rules", lost=", ".join(lost), digest=digest)
        for one in () if force else session:
            if not self.explain(one, firewall).allowed:
                raise CUTS_YOU.refuse(field="rules", address=one.address, protocol=one.protocol, port=one.port)
        seconds = min(max(1.0, seconds), LONGEST_TRIAL)
        async with self._busy:
            # Lists take a second and change nothing yet: the time runs from when the rules do.
            await asyncio.to_thread(self._loaded.fill, [self.confirmed.firewall, firewall])
            now = self._clock()
            pending = Pending(firewall, digest, by, now, now + seconds)
            self._kept.try_out(pending)
            self.pending = pending
            try:
                await asyncio.to_thread(self._kernel.apply, self.ruleset())
            except BaseException:
                self._forget_pending("failed")
                with suppress(Refusal):
                    self._kernel.apply(self.ruleset())
                raise
        self._timer = asyncio.get_running_loop().call_later(seconds, self._time_out)
        self._publish("firewall_on_trial", {"digest": digest, "by": by, "deadline": pending.deadline})
        return pending

    async def confirm(self, digest: str) -> Confirmed:
        """Keep the candidate; refuses ``firewall.not_on_trial`` when it is over or another one."""
        pending = self.pending
        if pending is None or pending.digest != digest or self._clock() >= pending.deadline:
            raise NOT_ON_TRIAL.refuse()
        confirmed = Confirmed(pending.firewall, pending.by, self._clock())
        self._kept.confirm(confirmed)
        self.confirmed = confirmed
        self._forget_pending("confirmed")
        await self._tidy()
        return confirmed

    async def roll_back(self, how: str = "rolled_back") -> None:
        """End the trial now; refuses ``firewall.not_on_trial``."""
        if self.pending is None:
            raise NOT_ON_TRIAL.refuse()
        self._forget_pending(how)
        await self._tidy()

    def endorse(self, digest: str) -> None:
        self._endorsed.add(digest)

    async def need(self, nodes: Sequence[str], trunks: Sequence[str]) -> None:
        """Let new nodes and trunks in at once, and addresses of nodes that have left the fleet no longer."""

        def with_them(firewall: Firewall) -> Firewall:
            return replace(firewall, needs=needs_after(self._composer, firewall.needs, nodes, trunks))

        async with self._busy:
            before, pending = self.confirmed.firewall, self.pending
            after = with_them(before)
            tried = with_them(pending.firewall) if pending else None
            if after == before and (pending is None or tried == pending.firewall):
                return
            self.confirmed = replace(self.confirmed, firewall=after)
            if pending is not None and tried is not None:
                self.pending = replace(pending, firewall=tried)
            self._kept.keep(self.confirmed)
            await asyncio.to_thread(self._load)

    def composed(self, candidate: Candidate) -> Firewall:
        """The whole firewall of a candidate; refuses what is wrong about it, with its field."""
        return self._composer.composed(candidate)

    def explain(self, question: Question, firewall: Firewall | None = None, *, banned: bool = False) -> Explanation:
        """By the rules in force, or by those given."""
        return explain(
            firewall or (self.pending or self.confirmed).firewall,
            ip_address(question.address),
            question.protocol,
            question.port,
            in_country=in_countries(self.countries),
            banned=banned,
        )

    def ruleset(self) -> Ruleset:
        """What the kernel has to have now."""
        pending = self.pending
        left = pending.deadline - self._clock() if pending else 0.0
        return replace(
            self._base,
            confirmed=filter_of(self.confirmed.firewall),
            trial=filter_of(pending.firewall) if pending and left > 0 else None,
            trial_seconds=max(0.0, left),
        )

    def is_busy(self) -> bool:
        """Whether the kernel is being changed by this very object."""
        return self._busy.locked()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._tidying is not None:
            self._tidying.cancel()

    def _time_out(self) -> None:
        # The kernel is back already, by itself; what follows only tidies up.
        self._timer = None
        if self.pending is not None:
            self._forget_pending("timed_out")
            self._tidying = asyncio.ensure_future(self._tidy())

    async def _tidy(self) -> None:
        async with self._busy:
            await asyncio.to_thread(self._load)

    def _forget_pending(self, how: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gone, self.pending, self._ended = self.pending, None, how
        self._kept.forget_trial()
        self._publish(f"firewall_{how}", {"digest": gone.digest if gone else ""})

    def _used(self) -> list[Firewall]:
        return [self.confirmed.firewall, *([self.pending.firewall] if self.pending else [])]

    def _load(self) -> None:
        """Lists, rules, then away with the lists that no rule names."""
        used = self._used()
        self._loaded.fill(used)
        self._kernel.apply(self.ruleset())
        if self._loaded.drop_unused(used):
            # What is in the kernel is other than what was applied: it would be taken for a foreign change.
            self._kernel.apply(self.ruleset())
