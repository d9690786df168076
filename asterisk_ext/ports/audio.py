"""What the services need of the world for audios: converting them, playing them, keeping which calls met them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from asterisk_ext.domain.audio import Limits, Recording
from asterisk_ext.domain.blocked_calls import BlockedCount, Wanted
from asterisk_ext.domain.gate import BlockedCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What became of an upload."""

    type: str
    seconds: float
    loudness: float
    """LUFS of the upload."""
    peaks: tuple[int, ...]
    files: Mapping[str, bytes]
    """By ``domain.audio.FORMATS``, all of the telephone's loudness."""
    original: bytes
    """FLAC, at the upload's own loudness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """An announcement that ships with the product."""

    seconds: float
    peaks: tuple[int, ...]
    alaw: bytes


class Converter(Protocol):
    """Makes of a file that a stranger wrote what Asterisk can play."""

    async def convert(self, data: bytes, limits: Limits) -> Converted:
        """Refuses what is no audio, is cut, too long, too short or silent."""
        ...


class SoundFolder(Protocol):
    """Where Asterisk finds recordings on this node. Every method blocks: call it in a thread."""

    def holds(self, recording: Recording) -> bool:
        """Whether all its files are there and are what their names say; another content is removed."""
        ...

    def put(self, recording: Recording, files: Mapping[str, bytes]) -> None:
        """Put the files in place as a whole; raises OSError."""
        ...

    def sweep(self, keep: Collection[str], now: float) -> list[str]:
        """Remove stems that nothing has asked for in a day; returns those that went."""
        ...


class BlockedCallLog(Protocol):
    """This node's blocked calls, for as long as the settings keep them."""

    async def calls(self, wanted: Wanted) -> list[BlockedCall]:
        """The newest first."""
        ...

    async def counts(self, pbx: int | None = None) -> list[BlockedCount]:
        """The newest day first; also of calls whose rows had to make room."""
        ...

    async def forget(self, pbx: int) -> int:
        """Erase the calls of a virtual PBX; how many there were. The counts stay: they name nobody."""
        ...
