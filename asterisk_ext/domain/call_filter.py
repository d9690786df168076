"""Which calls are looked for, and how many there are of each kind. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from asterisk_ext.domain.call_rows import Destination, Origin, Row

RINGING = frozenset({"Ring", "Ringing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a call must have, in any of its legs; an empty text asks for nothing."""

    pbx: str = ""
    server: str = ""
    state: str = ""
    codec: str = ""
    number: str = ""
    """Part of a number, a name or a channel's name, in any case."""

    def matches(self, row: Row) -> bool:
        if self.pbx and row["pbx"] != self.pbx:
            return False
        if self.server and row["server"] != self.server:
            return False
        legs: list[Origin | Destination] = [row["origin"], *row["destinations"]]
        if self.state and not any(leg["state"] == self.state for leg in legs):
            return False
        if self.codec and not any(self.codec in leg["codecs"] for leg in legs):
            return False
        return not self.number or self.number.casefold() in _numbers(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    calls: int = 0
    ringing: int = 0
    """Calls with no answer yet whose origin or a destination rings."""
    up: int = 0
    """Calls whose origin is up."""
    codecs: Mapping[str, int] = field(default_factory=dict)
    """Legs that are up, by the codec they use."""


def count(rows: Iterable[Row]) -> Counters:
    calls = ringing = up = 0
    used: Counter[str] = Counter()
    for row in rows:
        legs: list[Origin | Destination] = [row["origin"], *row["destinations"]]
        calls += 1
        up += row["origin"]["state"] == "Up"
        ringing += row["answered"] is None and any(leg["state"] in RINGING for leg in legs)
        used.update(leg["codecs"][0] for leg in legs if leg["state"] == "Up" and leg["codecs"])
    return Counters(calls=calls, ringing=ringing, up=up, codecs=dict(used))


def _numbers(row: Row) -> str:
    origin = row["origin"]
    parts = [origin["caller"], origin["name"], origin["dialled"], origin["channel"]]
    for leg in row["destinations"]:
        parts += [leg["answerer"] or "", leg["name"], leg["channel"]]
    return "\n".join(parts).casefold()
