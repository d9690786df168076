"""What was decided, in the kernel: each batch as it comes; everything from the state after a restart or a repair."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from asterisk_ext.domain.ban import PROTECTED_SECONDS, BanPolicy, Verdict
from asterisk_ext.domain.errors import Refusal
from firewall.guard_state import Failure, GuardState
from firewall.kernel.port import Kernel
from firewall.kernel.source_sets import SIZES, SourceSet

log = logging.getLogger(__name__)

NARROW_SECONDS, NEAR_SECONDS = 60.0, 600.0
"""After a first failure, and after one that leaves two to a ban. Some TCPs (Apple's, FreeBSD's) send no segments
that short: they are not heard meanwhile."""
CROWDED, CROWDED_SECONDS = 500_000, 600.0
"""A flood of forged failures, 1,000 a second at most, makes 150,000 bans in that time; the set takes a million."""
MOST_LISTED = 1 << 16
"""To list them takes nftables 0.2 s for 50,000 and, by the square, 46 s for 700,000."""
TIDY_SECONDS = 60.0
WATCH_EVERY, WATCHED_SECONDS = 600.0, 3600.0
"""A guard that has not read its log for an hour is no reason to go on limiting whom it would know by now."""


@dataclass
class Batch:
    """What a piece of the log leads to."""

    bans: dict[str, Verdict] = field(default_factory=dict)
    slow: dict[str, Verdict] = field(default_factory=dict)
    suspects: dict[str, float] = field(default_factory=dict)
    """Until when their failures count."""
    narrow: dict[str, float] = field(default_factory=dict)
    """Until when only the shortest pieces of their streams are let in."""
    known: dict[str, float] = field(default_factory=dict)
    """Until when their success protects them."""
    told: list[tuple[str, Verdict]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    successes: list[tuple[str, str, float]] = field(default_factory=list)


class Enforcement:
    """Fills the kernel's sets. What it puts there it can put there again: nothing is remembered here alone."""

    def __init__(self, kernel: Kernel, state: GuardState, policy: BanPolicy, clock: Callable[[], float]) -> None:
        self._kernel = kernel
        self._state = state
        self._policy = policy
        self._clock = clock
        self._watched = self._tidied = 0.0
        self._shut: dict[str, float] = {}
        """Until when whoever is banned or slowed must not be put among the known."""
        self._refused: set[SourceSet] = set()

    def enforce(self, batch: Batch) -> None:
        now = self._clock()
        self._note_shut({source: verdict.until for source, verdict in (*batch.bans.items(), *batch.slow.items())})
        if batch.bans:
            self._kernel.put(SourceSet.BAN, {source: verdict.until - now for source, verdict in batch.bans.items()})
        if batch.slow:
            self._kernel.put(SourceSet.SLOW, {source: verdict.until - now for source, verdict in batch.slow.items()})
        known = {source: until for source, until in batch.known.items() if not self.is_shut(source)}
        listed = ((SourceSet.KNOWN, known), (SourceSet.NARROW, batch.narrow), (SourceSet.SUSPECT, batch.suspects))
        for which, found in listed:
            if left := _left({source: until for source, until in found.items() if source not in batch.bans}, now):
                self._put_if_there_is_room(which, left)

    def ban(self, source: str, seconds: float) -> None:
        self._note_shut({source: self._clock() + seconds})
        self._kernel.put(SourceSet.BAN, {source: seconds})

    def lift(self, sources: list[str]) -> None:
        self._kernel.lift(sources)
        for source in sources:
            self._shut.pop(source, None)

    def know(self, until: Mapping[str, float]) -> None:
        """Put these among the known until then, but for those who are banned or slowed."""
        now = self._clock()
        if known := _left({source: end for source, end in until.items() if not self.is_shut(source)}, now):
            self._kernel.put(SourceSet.KNOWN, known)

    def is_crowded(self) -> bool:
        """So many are shut out that longer bans would fill the kernel's set, and then nobody more could be banned."""
        if len(self._shut) < CROWDED:
            return False
        now = self._clock()
        if now - self._tidied >= TIDY_SECONDS:
            self._tidied = now
            self.forget_old()
        return len(self._shut) >= CROWDED

    def is_shut(self, source: str) -> bool:
        """Whether it is banned or slowed."""
        return self._shut.get(source, 0.0) > self._clock()

    def restore_bans(self) -> int:
        """Exactly the state's bans, in one batch; says how many."""
        now = self._clock()
        ends = self._state.ban_ends(now)
        self._kernel.restore({SourceSet.BAN: _left(ends, now)})
        self._shut = dict(ends)
        return len(ends)

    def narrow_seconds(self, source: str, at: float) -> float:
        """For how long a failure at ``at`` keeps a stranger's streams narrow."""
        return NEAR_SECONDS if self._policy.is_near_a_ban(source, at) else NARROW_SECONDS

    def restore_others(self) -> None:
        """All but the bans: what may come a moment later. The policy must have its lists by now."""
        now = self._clock()
        slowed = {each.source: each.until for each in self._state.slowed(now)}
        self._note_shut(slowed)
        known = {
            source: at + PROTECTED_SECONDS for source, _, at in self._state.successes_since(now - PROTECTED_SECONDS)
        }
        friendly = [source for source in known if not self.is_shut(source)]
        suspects = {source: at + self._policy.longest_window for source, at, *_ in self.unsettled()}
        newest = {
            source: until
            for source, until in list(suspects.items())[-SIZES[SourceSet.SUSPECT] :]
            if source not in known
        }
        narrow = {
            source: until - self._policy.longest_window + self.narrow_seconds(source, now)
            for source, until in newest.items()
        }
        self._kernel.restore(
            {
                SourceSet.SLOW: _left(slowed, now),
                SourceSet.KNOWN: _left({source: known[source] for source in friendly[-SIZES[SourceSet.KNOWN] :]}, now),
                SourceSet.SUSPECT: _left(newest, now),
                SourceSet.NARROW: _left(narrow, now),
            }
        )
        self.befriend()

    def repair(self, lost: bool) -> bool:
        """After a foreign change (``lost``: of which nothing may be left): put everything back where a ban is missing;
        says whether it was so."""
        if not lost and self._has_all(_left(self._state.ban_ends(self._clock()), self._clock())):
            return False
        self.restore_bans()
        self.restore_others()
        self._watched = 0.0
        self.watch()
        return True

    def _has_all(self, bans: Mapping[str, float]) -> bool:
        """Whether the kernel has these, as far as can be told without holding up the guard."""
        if len(bans) > MOST_LISTED:
            return self._kernel.count() >= len(bans)
        return bans.keys() <= self._kernel.listed(SourceSet.BAN).keys()

    def befriend(self) -> None:
        """Those who are never banned are no strangers either."""
        self._kernel.befriend([*self._policy.never_ban.networks(), *self._policy.derived.networks()])

    def watch(self) -> None:
        """Say to the kernel, every ten minutes, that somebody learns whom to know."""
        now = self._clock()
        if not 0 <= now - self._watched < WATCH_EVERY:
            self._kernel.watch(WATCHED_SECONDS)
            self._watched = now

    def forget_old(self) -> None:
        """Keep no longer in mind whose ban or slow-down has ended."""
        now = self._clock()
        self._shut = {source: end for source, end in self._shut.items() if end > now}

    def unsettled(self) -> Iterator[tuple[str, float, str, str, str]]:
        """The failures that still count; see ``GuardState.unsettled_failures``."""
        now = self._clock()
        return self._state.unsettled_failures(now - self._policy.longest_window, now)

    def _note_shut(self, until: Mapping[str, float]) -> None:
        for source, end in until.items():
            self._shut[source] = max(end, self._shut.get(source, 0.0))

    def _put_if_there_is_room(self, which: SourceSet, sources: Mapping[str, float]) -> None:
        try:
            self._kernel.put(which, sources)
        except Refusal as refusal:
            # A flood has filled the set, forged or of somebody who has many addresses. No ban depends on it: without
            # suspects the strangers' limit holds, and only an attacker who fails one by one and then several times at
            # once gains three more tries; who is not among the known is limited as strangers are.
            if which not in self._refused:
                log.warning("%s sources are not listed for now: %s", which, refusal)
            self._refused.add(which)


def _left(until: Mapping[str, float], now: float) -> dict[str, float]:
    return {source: end - now for source, end in until.items() if end > now}
