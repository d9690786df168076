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
from dialplan.rows import NO_AUDIOS, gathered, tenant_rows, way_rows

NO_WAYS: Mapping[str, Way] = {}


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one virtual PBX, and what they were reckoned from."""

    facts: tuple[Pbx, Stems, bool]
    placed: list[Placed]


@dataclass(frozen=True, slots=True)
class Reckoned:
    parts: Mapping[int, Part] = field(default_factory=dict)
    common: tuple[Placed, ...] = ()
    """How carriers are known, which depends on all together, and the ways to other servers."""

    def rows(self) -> Rows:
        """Every row, by table and key."""
        return gathered([*self.common, *(placed for part in self.parts.values() for placed in part.placed)])

    @property
    def is_disjoint(self) -> bool:
        """Whether no row belongs to two virtual PBXs: a DID that two have is one row."""
        numbers = [did.number for part in self.parts.values() for did in part.facts[0].dids]
        return len(set(numbers)) == len(numbers)


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
    parts = {}
    for pbx in served:
        facts = (pbx, audios.get(pbx.id, NO_AUDIOS), pbx.id in hurried)
        known = before.parts.get(pbx.id)
        parts[pbx.id] = (
            known if known and known.facts == facts else Part(facts, tenant_rows(*facts[:2], sounds, facts[2]))
        )
    return Reckoned(parts, (*identity_rows(served), *way_rows(ways)))


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
