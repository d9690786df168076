"""What Asterisk is to be given, kept by the virtual PBX it is for, so that only those that change are looked at.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from asterisk_ext.domain.audio import Stems
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.ways import Way
from dialplan.carriers import Placed, identity_rows
from dialplan.realtime_schema import Rows
from dialplan.rows import NO_AUDIOS, Facts, gathered, tenant_rows, way_rows

NO_WAYS: Mapping[str, Way] = {}


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one virtual PBX, and what they were reckoned from."""

    facts: Facts
    placed: list[Placed]

    def is_led_to_as(self, other: Part | None) -> bool:
        """Whether carriers and callers find it where they would find that one."""
        if other is None:
            return False
        ours, theirs = self.facts.pbx, other.facts.pbx
        return (ours.mode, ours.trunks, ours.dids) == (theirs.mode, theirs.trunks, theirs.dids)


@dataclass(frozen=True, slots=True)
class Reckoned:
    parts: Mapping[int, Part] = field(default_factory=dict)
    carriers: tuple[Placed, ...] = ()
    """How carriers are known, which depends on all together."""
    ways: tuple[Placed, ...] = ()
    """To other servers."""
    is_disjoint: bool = True
    """Whether no row belongs to two virtual PBXs: a DID that two have is one row."""

    @property
    def common(self) -> tuple[Placed, ...]:
        return (*self.carriers, *self.ways)

    def rows(self) -> Rows:
        """Every row, by table and key."""
        return gathered([*self.common, *(placed for part in self.parts.values() for placed in part.placed)])


def reckon(
    tenants: Iterable[Pbx],
    audios: Mapping[int, Stems],
    sounds: str,
    before: Reckoned,
    ways: Mapping[str, Way] = NO_WAYS,
    hurried: Collection[int] = (),
) -> Reckoned:
    """The rows for ``tenants``; those of virtual PBXs that are as they were ``before`` are taken from there."""
    served = list(tenants)
    parts: dict[int, Part] = {}
    others: list[Part] = []
    for pbx in served:
        facts = Facts(pbx, audios.get(pbx.id, NO_AUDIOS), pbx.id in hurried)
        part = before.parts.get(pbx.id)
        if part is None or part.facts != facts:
            part = Part(facts, tenant_rows(facts, sounds))
            others.append(part)
        parts[pbx.id] = part
    led = tuple(way_rows(ways))
    # Most changes are a status: thousands of carriers and numbers need not be gone through for it.
    if len(parts) == len(before.parts) and all(
        part.is_led_to_as(before.parts.get(part.facts.pbx.id)) for part in others
    ):
        return Reckoned(parts, before.carriers, led, before.is_disjoint)
    numbers = [did.number for pbx in served for did in pbx.dids]
    return Reckoned(parts, tuple(identity_rows(served)), led, len(set(numbers)) == len(numbers))


def differing(before: Reckoned, after: Reckoned) -> tuple[Rows, Rows]:
    """The rows, before and after, of the virtual PBXs that are not as they were; both must be disjoint."""
    old = [*before.common]
    new = [*after.common]
    for number in before.parts.keys() | after.parts.keys():
        was, becomes = before.parts.get(number), after.parts.get(number)
        if was is not becomes:
            old += was.placed if was else ()
            new += becomes.placed if becomes else ()
    return gathered(old), gathered(new)
