"""The audio ports in memory: a converter that decodes nothing, a folder of sounds, a list of blocked calls."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from asterisk_ext.domain.audio import BARS, FORMATS, Limits, Recording
from asterisk_ext.domain.audio_file import NOT_AUDIO
from asterisk_ext.domain.blocked_calls import BlockedCount, Wanted
from asterisk_ext.domain.gate import BlockedCall
from asterisk_ext.ports.audio import Converted


class FakeConverter:
    """Takes whatever begins with ``RIFF``; its length in seconds stands after that."""

    async def convert(self, data: bytes, limits: Limits) -> Converted:
        if not data.startswith(b"RIFF"):
            raise NOT_AUDIO.refuse(field="file")
        seconds = float(data[4:].split()[0]) if data[4:].split() else 12.0
        return Converted(
            type="wav",
            seconds=seconds,
            loudness=-23.5,
            peaks=(50,) * BARS,
            files={ending: f"{ending} of ".encode() + data for ending in FORMATS},
            original=b"fLaC of " + data,
        )


class FolderInMemory:
    """``ports.SoundFolder``; ``full`` lets every writing fail."""

    def __init__(self) -> None:
        self.stems: dict[str, Mapping[str, bytes]] = {}
        self.swept: list[str] = []
        self.full = False

    def holds(self, recording: Recording) -> bool:
        found = self.stems.get(recording.stem, {})
        told = {ending: hashlib.sha256(data).hexdigest() for ending, data in found.items()}
        return told == recording.files

    def put(self, recording: Recording, files: Mapping[str, bytes]) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.stems[recording.stem] = files

    def sweep(self, keep: Collection[str], now: float) -> list[str]:
        self.swept = sorted(self.stems.keys() - set(keep))
        return self.swept


class CallsInMemory:
    """``ports.audio.BlockedCallLog``."""

    def __init__(self) -> None:
        self.noted: list[BlockedCall] = []

    async def calls(self, wanted: Wanted) -> list[BlockedCall]:
        found = [call for call in self.noted if call.at < wanted.before and wanted.pbx in (None, call.pbx)]
        return sorted(found, key=lambda call: -call.at)[: wanted.count]

    async def counts(self, pbx: int | None = None) -> list[BlockedCount]:
        return [
            BlockedCount("2026-08-13", call.pbx, call.audio.value, 1, call.heard)
            for call in self.noted
            if pbx in (None, call.pbx)
        ]

    async def forget(self, pbx: int) -> int:
        before = len(self.noted)
        self.noted = [call for call in self.noted if call.pbx != pbx]
        return before - len(self.noted)
