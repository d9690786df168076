"""The registry that a node uses: its own, or another node's."""

from __future__ import annotations

from pathlib import Path

from asterisk_ext.ports import Clock
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.remote import RemoteRegistry


def chosen(serve: bool, path: Path, url: str, secret: str, clock: Clock) -> EmbeddedRegistry | RemoteRegistry:
    """The embedded one in the file ``path`` where the node serves it, else the one at ``url``."""
    return EmbeddedRegistry(path, clock) if serve else RemoteRegistry(url, secret)
