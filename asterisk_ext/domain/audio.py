"""Audios: what callers of a blocked virtual PBX hear, and music on hold. Which one it is, is chosen here."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise

from asterisk_ext.domain.errors import Problem

LANGUAGES = ("pt_BR", "en")
FORMATS = ("alaw", "ulaw", "g722", "sln16")
"""What Asterisk plays without transcoding, by its file ending; ``sln16`` is 16 kHz linear, for everything else."""
SHORTEST = 0.5
"""Seconds; less is no announcement but a mistake."""
BARS = 96
"""Bars of a waveform picture."""


class Kind(StrEnum):
    """What an audio is for; the first three are the gate's announcements and bear their names."""

    PARTIAL = "partial_block"
    TOTAL = "total_block"
    NEUTRAL = "neutral"
    MUSIC = "music"

    @property
    def is_spoken(self) -> bool:
        return self is not Kind.MUSIC


Stems = Mapping[Kind, Sequence[str]]
"""The files of a virtual PBX's audios (``Recording.stem``), the best first; none: the shipped one."""

BAD_NAME = Problem(
    "audio.bad_name",
    422,
    "The audio was not saved: {name!r} cannot be its name.",
    "Give 1 to 40 lower-case letters, digits and hyphens, as in aviso-agosto; a file's name holds no path.",
)
NAME_TAKEN = Problem(
    "audio.name_taken", 409, "The audio was not saved: there is already one named {name}.", "Give it another name."
)
UNKNOWN = Problem("audio.unknown", 404, "There is no audio {name}.", "Look at the list of audios for its name.")
IN_USE = Problem(
    "audio.in_use",
    409,
    "The audio {name} was not removed: {places} still use it.",
    "Choose another audio there first.",
)
TOO_LARGE = Problem(
    "audio.too_large",
    413,
    "The audio was not saved: it is larger than {most} MB.",
    "Export it as MP3 or Ogg, or cut it shorter.",
)
TOO_LONG = Problem(
    "audio.too_long",
    422,
    "The audio was not taken: it lasts longer than {most} seconds.",
    "Cut it shorter; announcements and music have limits of their own in the settings.",
)
NO_LANGUAGE = Problem(
    "audio.no_language",
    422,
    "Nothing was changed: {language!r} is no language of the platform's announcements.",
    "Give pt_BR or en; for music and for one virtual PBX give none.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an upload may measure."""

    megabytes: int = 20
    announcement: int = 60
    """Seconds."""
    music: int = 300
    """Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One audio of the library; it never changes: another content is another recording."""

    name: str
    seconds: float
    files: Mapping[str, str]
    """Format → SHA-256 of the file that Asterisk plays."""
    original: str = ""
    """SHA-256 of what was uploaded, as FLAC and at its own loudness; empty for those that ship with the product."""
    source: str = ""
    """Type of the uploaded file: ``mp3``."""
    loudness: float = 0.0
    """LUFS of what was uploaded, before it was normalised."""
    peaks: tuple[int, ...] = ()
    """The waveform: ``BARS`` heights from 0 to 100."""
    at: str = ""
    by: str = ""

    @property
    def stem(self) -> str:
        """The name of its files: by content, so that another content never takes the place of one being played."""
        return hashlib.sha256(" ".join(self.files.get(ending, "") for ending in FORMATS).encode()).hexdigest()[:40]

    @property
    def blobs(self) -> tuple[str, ...]:
        return (*self.files.values(), *([self.original] if self.original else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an audio is used: the platform's default (of a language, where it speaks), or one virtual PBX."""

    kind: Kind
    pbx: int | None = None
    language: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.language}" if self.language else self.kind.value

    def __str__(self) -> str:
        whose = "platform" if self.pbx is None else f"pbx {self.pbx}"
        return f"{whose} {self.key}"


def place(kind: Kind, pbx: int | None, language: str) -> Place:
    """The place; refuses ``audio.no_language`` where a language is missing, unknown or of no use."""
    wanted = LANGUAGES if kind.is_spoken and pbx is None else ("",)
    if language not in wanted:
        raise NO_LANGUAGE.refuse(field="language", language=language)
    return Place(kind=kind, pbx=pbx, language=language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """All recordings, and where each is used."""

    recordings: Mapping[str, Recording] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    """``Place.key`` → name."""
    own: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """Virtual PBX → kind → name."""

    def used(self, where: Place) -> str:
        """The name of the audio chosen for a place; empty where none was."""
        names = self.defaults if where.pbx is None else self.own.get(where.pbx, {})
        return names.get(where.key, "")

    def choices(self, kind: Kind, pbx: int, language: str) -> tuple[Recording, ...]:
        """What a virtual PBX's callers hear, the best first: its own, then the platform's default.

        After these comes what ships with the product, which is always there.
        """
        spoken = language if language in LANGUAGES else LANGUAGES[0]
        places = (Place(kind=kind, pbx=pbx), Place(kind=kind, language=spoken if kind.is_spoken else ""))
        names = dict.fromkeys(self.used(where) for where in places)
        return tuple(self.recordings[name] for name in names if name in self.recordings)

    def places(self, name: str) -> list[Place]:
        """Everywhere that a recording is used."""
        found = [_default_place(key) for key, used in self.defaults.items() if used == name]
        found += [
            Place(kind=Kind(key), pbx=pbx)
            for pbx, names in sorted(self.own.items())
            for key, used in names.items()
            if used == name
        ]
        return found

    def needed(self, tenants: Collection[int]) -> list[Recording]:
        """The recordings that a node with these virtual PBXs plays."""
        names = [*self.defaults.values(), *(name for pbx in tenants for name in self.own.get(pbx, {}).values())]
        return [self.recordings[name] for name in sorted(set(names)) if name in self.recordings]

    def only(self, names: Collection[str]) -> Library:
        """This library without the other recordings: what is chosen in their place are the next best."""
        return replace(self, recordings={name: self.recordings[name] for name in names if name in self.recordings})


def _default_place(key: str) -> Place:
    kind, _, language = key.partition("/")
    return Place(kind=Kind(kind), language=language)


def check_length(kind: Kind, recording: Recording, limits: Limits) -> None:
    """Refuse ``audio.too_long`` for what would hold a caller's line too long."""
    most = limits.announcement if kind.is_spoken else limits.music
    if recording.seconds > most:
        raise TOO_LONG.refuse(field="name", most=most)


_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}$")


def checked_name(name: str) -> str:
    """Refuses ``audio.bad_name``."""
    if not _NAME.fullmatch(name):
        raise BAD_NAME.refuse(field="name", name=name[:80])
    return name


def name_of_file(file: str) -> str:
    """``Aviso Agosto.WAV`` → ``aviso-agosto``; refuses ``audio.bad_name`` for what holds a path or nothing to name."""
    if not file or set(file) & set("/\\\0") or file.startswith("."):
        raise BAD_NAME.refuse(field="file", name=file[:80])
    plain = unicodedata.normalize("NFKD", _ENDING.sub("", file)).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
    if not name:
        raise BAD_NAME.refuse(field="file", name=file[:80])
    return name


def peaks(alaw: bytes, bars: int = BARS) -> tuple[int, ...]:
    """The waveform of A-law samples: the greatest height of each part, 0 to 100 of the greatest of all."""
    loud = alaw.translate(_HEIGHTS)
    edges = [len(loud) * number // bars for number in range(bars + 1)]
    found = [max(loud[start:end], default=0) for start, end in pairwise(edges)]
    most = max(found, default=0)
    return tuple(round(100 * value / most) if most else 0 for value in found)


def _height(code: int) -> int:
    """Of an A-law code, on a scale of 0 to 255 (ITU-T G.711)."""
    code ^= 0x55
    exponent, mantissa = code >> 4 & 0x07, code & 0x0F
    value = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
    return min(255, value >> 7)


_HEIGHTS = bytes(_height(code) for code in range(256))
