"""The parts of a virtual PBX that come and go one by one: extensions, trunks, ring groups, DIDs, routes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.pbx import Did, Extension, Pbx, RingGroup, Route, Trunk

Part = Extension | Trunk | RingGroup | Did | Route


class Kind(StrEnum):
    """Each by the name of its field in the record."""

    EXTENSIONS = "extensions"
    TRUNKS = "trunks"
    RING_GROUPS = "ring_groups"
    DIDS = "dids"
    ROUTES = "routes"


@dataclass(frozen=True, slots=True)
class Shape:
    type: type[Part]
    key: str
    """The field that names it."""


SHAPES = {
    Kind.EXTENSIONS: Shape(Extension, "number"),
    Kind.TRUNKS: Shape(Trunk, "name"),
    Kind.RING_GROUPS: Shape(RingGroup, "number"),
    Kind.DIDS: Shape(Did, "number"),
    Kind.ROUTES: Shape(Route, "pattern"),
}

NO_PART = Problem(
    "pbx.no_such_part",
    404,
    "The virtual PBX {pbx} has no {key} among its {kind}.",
    "Look at what it has.",
)
IN_USE = Problem(
    "pbx.part_in_use",
    409,
    "{key} was not removed: the virtual PBX {pbx} still uses it for {uses}.",
    "Change that first.",
)


def key_of(part: Part) -> str:
    return str(getattr(part, next(shape.key for shape in SHAPES.values() if type(part) is shape.type)))


def part(pbx: Pbx, kind: Kind, key: str) -> Part:
    """Refuses ``pbx.no_such_part``."""
    found = next((item for item in parts(pbx, kind) if key_of(item) == key), None)
    if found is None:
        raise NO_PART.refuse(field="key", pbx=pbx.id, key=key, kind=kind.replace("_", " "))
    return found


def parts(pbx: Pbx, kind: Kind) -> tuple[Part, ...]:
    found: tuple[Part, ...] = getattr(pbx, kind)
    return found


def with_part(pbx: Pbx, kind: Kind, key: str, new: Part) -> Pbx:
    """The record with ``new`` in the place of the part named ``key``, at the end where there is none.

    Where that changes the part's name, whatever leads to it follows.
    """
    there = parts(pbx, kind)
    if all(key_of(item) != key for item in there):
        return _with(pbx, kind, (*there, new))
    changed = _with(pbx, kind, tuple(new if key_of(item) == key else item for item in there))
    return _renamed(changed, kind, key, key_of(new))


def without_part(pbx: Pbx, kind: Kind, key: str) -> Pbx:
    """The record without a part; refuses ``pbx.part_in_use`` while something leads to it."""
    gone = part(pbx, kind, key)
    uses = used_by(pbx, kind, key)
    if uses:
        raise IN_USE.refuse(field="key", pbx=pbx.id, key=key, uses=", ".join(uses))
    return _with(pbx, kind, tuple(item for item in parts(pbx, kind) if item is not gone))


def used_by(pbx: Pbx, kind: Kind, key: str) -> list[str]:
    """What leads to a part: ``DID 4831210114``, ``ring group 600``, ``route 00.``, ``emergency calls``."""
    if kind in (Kind.EXTENSIONS, Kind.RING_GROUPS):
        uses = [f"DID {did.number}" for did in pbx.dids if did.target == key]
        return uses + [f"ring group {group.number}" for group in pbx.ring_groups if key in group.members]
    if kind is Kind.TRUNKS:
        uses = [f"route {route.pattern}" for route in pbx.routes if key in route.trunks]
        return uses + (["emergency calls"] if key in pbx.emergency_trunks else [])
    return []


def _renamed(pbx: Pbx, kind: Kind, old: str, new: str) -> Pbx:
    def follow(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if name == old else name for name in names)

    if old == new:
        return pbx
    if kind in (Kind.EXTENSIONS, Kind.RING_GROUPS):
        return replace(
            pbx,
            dids=tuple(replace(did, target=follow((did.target,))[0]) for did in pbx.dids),
            ring_groups=tuple(replace(group, members=follow(group.members)) for group in pbx.ring_groups),
        )
    if kind is Kind.TRUNKS:
        return replace(
            pbx,
            routes=tuple(replace(route, trunks=follow(route.trunks)) for route in pbx.routes),
            emergency_trunks=follow(pbx.emergency_trunks),
        )
    return pbx


def _with(pbx: Pbx, kind: Kind, new: tuple[Part, ...]) -> Pbx:
    changed: dict[str, Any] = {kind: new}
    return replace(pbx, **changed)
