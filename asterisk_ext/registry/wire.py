"""What goes between a node and the server of the embedded registry: JSON, values in base64."""

from __future__ import annotations

import msgspec

from asterisk_ext.ports import Change, Item

PREFIX = "/registry/v1"
STRANGER_STATUS = 401
"""HTTP's own for who shows no good certificate."""
KEEPALIVE = 2.0
"""Seconds; a watch says this often that it is alive."""


class Write(msgspec.Struct, frozen=True):
    """``revision`` 0 creates; ``value`` None deletes."""

    key: str
    value: bytes | None
    revision: int


class Written(msgspec.Struct, frozen=True):
    revision: int


class Snapshot(msgspec.Struct, frozen=True):
    items: list[Item]
    revision: int


class Beat(msgspec.Struct, frozen=True):
    node: str
    ttl: float
    report: bytes


class Beats(msgspec.Struct, frozen=True):
    beats: dict[str, tuple[float, bytes]]
    now: float = 0.0
    """By the clock that the beats' times are of."""


class Blobs(msgspec.Struct, frozen=True):
    names: list[str]


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a watch: a change, the news of a gap, or neither (it is alive)."""

    change: Change | None = None
    gap: bool = False
