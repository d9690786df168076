"""Whom the guard has spared on purpose: slowed down, or a ban held back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from firewall.guard_state import Slowed

REMEMBERED_SECONDS = 24 * 3600.0
MOST = 1000
SLOWED = "slowed"
"""The reason of a slow-down; the others are those of ``BanPolicy.hold_reason``, ``own_account`` and ``suspended``."""


@dataclass(frozen=True, slots=True)
class Spared:
    """``until``: when the slow-down ends, or when this is forgotten; ``accounts`` failed last in its name."""

    source: str
    since: float
    until: float
    failures: int
    accounts: tuple[str, ...]
    reason: str


class HeldBack:
    """The bans that were held back since the guard started, each source's latest; the oldest are forgotten first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: OrderedDict[str, Spared] = OrderedDict()

    def note(self, kind: str, details: Mapping[str, object]) -> None:
        """Take what the guard publishes."""
        source = str(details.get("source", ""))
        if kind in ("lifted", "banned"):
            self._held.pop(source, None)
        if kind != "held":
            return
        now, known = self._clock(), self._held.pop(source, None)
        accounts = details["accounts"] if isinstance(details["accounts"], list) else []
        self._held[source] = Spared(
            source,
            known.since if known is not None else now,
            now + REMEMBERED_SECONDS,
            (known.failures if known is not None else 0) + 1,
            tuple(map(str, accounts)),
            str(details["reason"]),
        )
        if len(self._held) > MOST:
            self._held.popitem(last=False)

    def rows(self, slowed: Iterable[Slowed]) -> list[Spared]:
        """All who are spared at present, the newest first; who is slowed down is told as that."""
        now = self._clock()
        rows = {source: spared for source, spared in self._held.items() if spared.until > now}
        for slow in slowed:
            rows[slow.source] = Spared(slow.source, slow.since, slow.until, slow.failures, slow.accounts, SLOWED)
        return sorted(rows.values(), key=lambda row: -row.since)
