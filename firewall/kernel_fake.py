"""A kernel that only remembers; it lies beside the port so that both change together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from asterisk_ext.domain.errors import Refusal
from firewall.address_lists import Lists
from firewall.address_ranges import Range
from firewall.ruleset import Ruleset


class FakeLists:
    """``AddressLists`` in a dictionary; ``broken`` is what the kernel answers instead."""

    def __init__(self) -> None:
        self.loaded: dict[str, dict[int, list[Range]]] = {}
        self.broken: Refusal | None = None

    def load(self, lists: Lists) -> None:
        if self.broken is not None:
            raise self.broken
        self.loaded.update({name: {v: list(ranges) for v, ranges in both.items()} for name, both in lists.items()})

    def keep_only(self, names: Collection[str]) -> None:
        self.loaded = {name: both for name, both in self.loaded.items() if name in names}

    def close(self) -> None:
        return


class FakeKernel:
    """Keeps the rules and sets in memory. ``clock`` gives seconds; ``calls`` is the order in which it was used."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.lists = FakeLists()
        self._until: dict[str, float] = {}
        self._slow_until: dict[str, float] = {}
        self.ruleset: Ruleset | None = None
        self.calls: list[str] = []
        self.tampered = False

    def apply(self, ruleset: Ruleset) -> None:
        self.calls.append("apply")
        self.ruleset = ruleset
        self.tampered = False

    def ban(self, bans: Mapping[str, float]) -> None:
        self.calls.append("ban")
        self._until.update({source: self._clock() + seconds for source, seconds in bans.items()})

    def slow(self, sources: Mapping[str, float]) -> None:
        self.calls.append("slow")
        self._slow_until.update({source: self._clock() + seconds for source, seconds in sources.items()})

    def lift(self, sources: Iterable[str]) -> None:
        self.calls.append("lift")
        for source in sources:
            self._until.pop(source, None)
            self._slow_until.pop(source, None)

    def restore(self, bans: Mapping[str, float]) -> None:
        self.calls.append("restore")
        self._until = {source: self._clock() + seconds for source, seconds in bans.items()}

    def bans(self) -> dict[str, float]:
        return self._left(self._until)

    def slowed(self) -> dict[str, float]:
        return self._left(self._slow_until)

    def flush(self) -> None:
        """What another's ``nft flush ruleset`` does."""
        self.ruleset = None
        self._until.clear()
        self.tampered = True

    def count(self) -> int:
        return len(self.bans())

    def is_intact(self) -> bool:
        return not self.tampered

    def changes(self) -> int:
        return -1

    def drain_changes(self) -> bool:
        return self.tampered

    def close(self) -> None:
        self.calls.append("close")

    def _left(self, until: Mapping[str, float]) -> dict[str, float]:
        now = self._clock()
        return {source: end - now for source, end in until.items() if end > now}
