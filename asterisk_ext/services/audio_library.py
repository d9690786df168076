"""The library as the registry keeps it, read from a node's own copy."""

from __future__ import annotations

from asterisk_ext.domain.audio import Library, Recording
from asterisk_ext.ports import Fleet
from asterisk_ext.services.records import AUDIO_USES, AUDIOS, audio_use_key, decode


def library(fleet: Fleet) -> Library:
    """All recordings and all uses."""
    recordings = [decode(item.value, Recording) for item in fleet.items(AUDIOS)]
    uses = {item.key: decode(item.value, dict[str, str]) for item in fleet.items(AUDIO_USES)}
    defaults = uses.pop(audio_use_key(None), {})
    return Library(
        recordings={recording.name: recording for recording in recordings},
        defaults=defaults,
        own={int(key.removeprefix(AUDIO_USES)): names for key, names in uses.items() if names},
    )


def revision(fleet: Fleet) -> int:
    """The registry's revision of the last change of the library or its uses that the copy holds."""
    return max((item.revision for prefix in (AUDIOS, AUDIO_USES) for item in fleet.items(prefix)), default=0)
