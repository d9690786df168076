"""What leads from the rows that Asterisk has to those that are wanted. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dialplan.realtime_schema import TABLES, Rows


@dataclass(frozen=True, slots=True)
class Difference:
    """What an apply changed, or a comparison found: table → keys."""

    added: dict[str, list[str]]
    changed: dict[str, list[str]]
    removed: dict[str, list[str]]

    @property
    def empty(self) -> bool:
        return not (self.added or self.changed or self.removed)

    @property
    def size(self) -> int:
        """Rows in all."""
        return sum(len(keys) for part in (self.added, self.changed, self.removed) for keys in part.values())


def difference(present: Rows, wanted: Rows) -> Difference:
    """What leads from ``present`` to ``wanted``."""
    added: dict[str, list[str]] = {}
    changed: dict[str, list[str]] = {}
    removed: dict[str, list[str]] = {}
    for table in TABLES:
        old, new = present[table.name], wanted[table.name]
        fresh = [key for key in new if key not in old]
        other = [key for key, row in new.items() if (before := old.get(key, row)) is not row and before != row]
        gone = [key for key in old if key not in new] if len(old) + len(fresh) != len(new) else []
        for found, keys in ((added, fresh), (changed, other), (removed, gone)):
            if keys:
                found[table.name] = sorted(keys)
    return Difference(added, changed, removed)
