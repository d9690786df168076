"""A kernel that only remembers; it lies beside the port so that both change together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from asterisk_ext.domain.address_list import Network
from asterisk_ext.domain.errors import Refusal
from firewall.kernel.ruleset import Ruleset
from firewall.kernel.source_sets import SourceSet
from firewall.lists.address_lists import Lists
from firewall.lists.ranges import Range


class FakeLists:
    """``AddressLists`` in a dictionary; ``broken`` is what the kernel answers instead."""

    def __init__(self) -> None:
        self.loaded: dict[str, dict[int, list[Range]]] = {}
        self.broken: Refusal | None = None
        self.emptied: set[str] = set()

    def load(self, lists: Lists) -> None:
        if self.broken is not None:
            raise self.broken
        self.loaded.update({name: {v: list(ranges) for v, ranges in both.items()} for name, both in lists.items()})

    def flush(self, name: str) -> None:
        """What another's ``nft flush set`` does."""
        self.loaded[name] = {4: [], 6: []}
        self.emptied.add(name)

    def keep_only(self, names: Collection[str]) -> None:
        self.loaded = {name: both for name, both in self.loaded.items() if name in names}

    def close(self) -> None:
        return


class FakeKernel:
    """Keeps the rules and sets in memory. ``clock`` gives seconds; ``calls`` is the order in which it was used."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.lists = FakeLists()
        self._until: dict[SourceSet, dict[str, float]] = {which: {} for which in SourceSet}
        self._watched_until = 0.0
        self.friends: list[str] = []
        self.ruleset: Ruleset | None = None
        self.calls: list[str] = []
        self.tampered = False

    def apply(self, ruleset: Ruleset) -> None:
        self.calls.append("apply")
        self.ruleset = ruleset
        self.tampered = False

    def put(self, which: SourceSet, sources: Mapping[str, float]) -> None:
        self.calls.append(which)
        if which in (SourceSet.BAN, SourceSet.SLOW):
            for source in sources:
                self._until[SourceSet.KNOWN].pop(source, None)
        self._until[which].update({source: self._clock() + seconds for source, seconds in sources.items()})

    def lift(self, sources: Iterable[str]) -> None:
        self.calls.append("lift")
        for source in sources:
            for which in (SourceSet.BAN, SourceSet.SLOW, SourceSet.SUSPECT, SourceSet.NARROW):
                self._until[which].pop(source, None)

    def restore(self, sources: Mapping[SourceSet, Mapping[str, float]]) -> None:
        self.calls.append("restore")
        for which, wanted in sources.items():
            self._until[which] = {source: self._clock() + seconds for source, seconds in wanted.items()}

    def listed(self, which: SourceSet) -> dict[str, float]:
        now = self._clock()
        return {source: end - now for source, end in self._until[which].items() if end > now}

    def bans(self) -> dict[str, float]:
        return self.listed(SourceSet.BAN)

    def slowed(self) -> dict[str, float]:
        return self.listed(SourceSet.SLOW)

    def befriend(self, networks: Iterable[Network]) -> None:
        self.friends = [str(network) for network in networks]

    def watch(self, seconds: float) -> None:
        self._watched_until = self._clock() + seconds

    @property
    def watched(self) -> bool:
        return self._clock() < self._watched_until

    def flush(self) -> None:
        """What another's ``nft flush ruleset`` does."""
        self.ruleset = None
        self._until = {which: {} for which in SourceSet}
        self._watched_until = 0.0
        self.friends = []
        self.tampered = True

    def count(self) -> int:
        return len(self.bans())

    def is_intact(self) -> bool:
        return not self.tampered

    def changed_lists(self) -> Collection[str] | None:
        changed, self.lists.emptied = self.lists.emptied, set()
        return changed

    def changes(self) -> int:
        return -1

    def drain_changes(self) -> bool:
        return self.tampered

    def close(self) -> None:
        self.calls.append("close")
