"""What the gate plays: a virtual PBX's own audio, the platform's, and always one that ships with the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

from asterisk_ext.domain.audio import Kind, Recording
from asterisk_ext.domain.gate import Announcement, Audio
from asterisk_ext.domain.pbx import Pbx
from dialplan.audio.defaults import default_announcements
from dialplan.audio.sound_folder import playable


class Announcements:
    """``choices`` tells the recordings that lie on this node, the best first; ``sounds`` is Asterisk's path."""

    def __init__(self, sounds: str, choices: Callable[[Kind, Pbx], Sequence[Recording]]) -> None:
        self._sounds = sounds
        self._choices = choices
        self._shipped = cache(partial(default_announcements, sounds))

    def __call__(self, pbx: Pbx) -> Mapping[Audio, Sequence[Announcement]]:
        shipped = self._shipped(pbx.language)
        return {audio: (*self._chosen(audio, pbx), shipped[audio]) for audio in Audio}

    def _chosen(self, audio: Audio, pbx: Pbx) -> list[Announcement]:
        return [
            Announcement(playable(self._sounds, found.stem), found.seconds, found.name)
            for found in self._choices(Kind(audio.value), pbx)
        ]
