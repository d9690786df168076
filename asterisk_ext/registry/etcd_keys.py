"""Where the fleet's registry lies among an etcd cluster's keys."""

from __future__ import annotations

ROOT = "/asterisk-ext/"
ITEMS, BEATS, BLOBS = ROOT + "item/", ROOT + "beat/", ROOT + "blob/"


def end_of(prefix: str) -> str:
    """The first key after all that begin with ``prefix``."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
