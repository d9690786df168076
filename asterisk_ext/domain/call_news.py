"""What a watcher of live calls is told: all of them, then every difference. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asterisk_ext.domain.call_rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A server that does not answer, with what was last known of it; it is in no total."""

    server: str
    since: float
    """Epoch seconds of its last sign of life; 0 where this console has heard none."""
    calls: Sequence[Row] = ()
    """Its last known calls, newest first; they may have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All calls; the first thing a watcher gets, and again whenever differences would not do."""

    calls: Sequence[Row]
    sure: bool = True
    """False while a table is out of touch with its Asterisk: the rows are the last known."""
    silent: Sequence[Silent] = ()
    """The servers whose calls are not among these."""
    late: Sequence[str] = ()
    """The servers whose Asterisk tells of its calls some seconds after they have happened."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A call that is new or different."""

    call: Row


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that is over, or is not looked for any more; two servers may use the same linkedid."""

    linkedid: str
    server: str = ""


Difference = Snapshot | Changed | Ended
