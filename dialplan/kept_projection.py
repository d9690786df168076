"""The projection that also keeps a checked copy of what Asterisk was given."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from asterisk_ext.domain.audio import Stems
from asterisk_ext.domain.pbx import Pbx
from dialplan import last_good
from dialplan.projection import SOUNDS, Difference, Projection


def copy_of(database: Path) -> Path:
    """Where the last good copy of a realtime database is kept: beside it."""
    return database.with_name(f"{database.name}.last-good")


class KeptProjection:
    """``ports.Projector``; blocks on the files: call it in a thread."""

    def __init__(self, database: Path, sounds: str = SOUNDS) -> None:
        self._database = database
        self._projection = Projection(database, sounds=sounds)

    def apply(
        self, tenants: Iterable[Pbx], *, elsewhere: Collection[int] = (), audios: Mapping[int, Stems] | None = None
    ) -> Difference:
        """As ``Projection.apply``; afterwards the copy holds the same, unless there is nothing worth keeping."""
        found = self._projection.apply(tenants, elsewhere=elsewhere, audios=audios)
        if not found.empty or not copy_of(self._database).exists():
            last_good.keep(self._database, copy_of(self._database))
        return found

    def replaced(self) -> bool:
        return self._projection.replaced()

    def close(self) -> None:
        self._projection.close()
