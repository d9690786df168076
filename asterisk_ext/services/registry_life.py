"""The registry's life: begun by the server that keeps it, and renewed by an operator's act alone."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.registry_life import Life
from asterisk_ext.ports import MOVED_MARK, Item, Registry
from asterisk_ext.services.records import LIFE, decode, encode

NOT_EMPTY = Problem(
    "registry.not_empty",
    409,
    "Nothing was moved: there is a registry with {count} records at the destination.",
    "Give an empty one, or remove what it holds first.",
)
INCOMPLETE = Problem(
    "registry.incomplete",
    500,
    "The registry was not moved: {missing} records did not arrive. The fleet goes on with the one it has.",
    "Empty the destination and try again.",
)


@dataclass(frozen=True, slots=True)
class Moved:
    records: int
    audios: int
    epoch: int


@runtime_checkable
class Counting(Protocol):
    """An engine that can be told where to go on counting, so that no node sees revisions go back."""

    async def count_above(self, revision: int) -> None: ...


async def begin(registry: Registry, known: Life | None) -> None:
    """Draw the life of a registry that has none, unless its server already ``known`` one: then it was emptied."""
    if known is None and await registry.get(LIFE) is None:
        await registry.create(LIFE, encode(Life(1, secrets.token_hex(8))))


async def renew(registry: Registry, known: Life | None, revision: int = 0) -> Life:
    """Make the registry, as it is, the one that every node follows: a life above all that were.

    ``revision`` is the highest known of the one followed so far; in a cluster, which counts by itself, nodes may see
    lower ones from now on.
    """
    if isinstance(registry, Counting):
        await registry.count_above(revision)
    item = await registry.get(LIFE)
    here = decode(item.value, Life) if item else None
    life = _above(known, here)
    if item:
        await registry.compare_and_set(LIFE, encode(life), item.revision)
    else:
        await registry.create(LIFE, encode(life))
    return life


async def stay(registry: Registry) -> None:
    """Take changes again where a move left its mark and was never heard of again."""
    mark = await registry.get(MOVED_MARK)
    if mark is not None:
        await registry.delete(MOVED_MARK, mark.revision)


def lost(copy: Iterable[Item], registry: Iterable[Item]) -> list[str]:
    """The keys that a server's copy holds otherwise than the registry: writes that the registry does not know."""
    there = {item.key: item.value for item in registry}
    ours = {item.key: item.value for item in copy if item.key != LIFE}
    gone = {key for key, value in ours.items() if there.get(key) != value}
    return sorted(gone | {key for key in there if key not in ours and key not in (LIFE, MOVED_MARK)})


async def move(source: Registry, destination: Registry, to: str) -> Moved:
    """Copy the whole registry and leave a mark at the source, which takes no writes any more.

    Whatever goes wrong takes the mark away again: the fleet goes on with the source.
    """
    there, _ = await destination.snapshot("")
    if there:
        raise NOT_EMPTY.refuse(count=len(there))
    mark = await source.create(MOVED_MARK, encode({"to": to}))
    try:
        items, revision = await source.snapshot("")
        if isinstance(destination, Counting):
            await destination.count_above(revision)
        audios = [await _carry(source, destination, name) for name in await source.blobs()]
        moved = [item for item in items if item.key not in (MOVED_MARK, LIFE)]
        for item in moved:
            await destination.create(item.key, item.value)
        arrived = {item.key: item.value for item in (await destination.snapshot(""))[0]}
        missing = sum(arrived.get(item.key) != item.value for item in moved) + audios.count(False)
        if missing:
            raise INCOMPLETE.refuse(missing=missing)
        lives = [decode(item.value, Life) for item in items if item.key == LIFE]
        life = await renew(destination, lives[0] if lives else None)
    except BaseException:
        await source.delete(MOVED_MARK, mark)
        raise
    return Moved(len(moved), len(audios), life.epoch)


async def _carry(source: Registry, destination: Registry, name: str) -> bool:
    data = await source.get_blob(name)
    return data is not None and await destination.put_blob(data) == name


def _above(*lives: Life | None) -> Life:
    return Life(max((life.epoch for life in lives if life), default=0) + 1, secrets.token_hex(8))
