"""Country lists as the node service's use cases see them: the guard's over its socket, new ones by a child process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.ports.countries import Country, CountryTable, Fetched
from firewall.countries.build import UNREACHABLE
from firewall.countries.check import GROWN, OLDER, SHRUNK
from firewall.countries.delegated import BAD_FILE
from firewall.countries.keeper import BUSY, NOTHING_OFFERED, OFFERED
from firewall.countries.lists import UNKNOWN_COUNTRY
from firewall.countries.pack import DAMAGED, unpack_ranges
from firewall.lists.ranges import BITS, prefixes, text_of
from firewall.socket.client import CountryTable as Told
from firewall.socket.client import GuardClient

BUILD_FAILED = Problem(
    "country.build_failed",
    500,
    "The country lists could not be made; the ones in use stay.",
    "Run the update again and look at the node service's log.",
)
KNOWN = {
    problem.error_id: problem
    for problem in (*(BAD_FILE, UNREACHABLE, DAMAGED, SHRUNK, GROWN), *(OLDER, BUSY, NOTHING_OFFERED, UNKNOWN_COUNTRY))
}
"""What the guard and the child refuse with, by id: told again here, it can be said in the reader's language."""
Result = TypeVar("Result")


class NodeCountries:
    """``ports.CountryGuard`` over the guard's socket."""

    def __init__(self, client: GuardClient) -> None:
        self._client = client

    async def table(self) -> CountryTable:
        return _table(await _told_here(self._client.countries()))

    async def prefixes(self, code: str) -> tuple[Country, Sequence[str], Sequence[str]]:
        told = await _told_here(self._client.country(code))
        ipv4, ipv6 = await asyncio.to_thread(lambda: (_texts(told.packed4, 4), _texts(told.packed6, 6)))
        return Country(*msgspec.structs.astuple(told.country)), ipv4, ipv6

    async def take(self) -> CountryTable:
        return _table(await _told_here(self._client.take_countries()))


class CountryFiles:
    """``ports.CountryBuilder`` in the node service's own directory, where the guard looks for what is offered."""

    def __init__(self, state: Path) -> None:
        self._offered = state / OFFERED
        self._kept = state / "country-files"

    async def build(self, sources: Sequence[str]) -> AsyncIterator[Fetched]:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "firewall.countries.build", str(self._offered)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        given, told = child.stdin, child.stdout
        if given is None or told is None:
            raise BUILD_FAILED.refuse()
        ended: dict[str, Any] = {}
        try:
            given.write("\n".join(sources).encode())
            given.close()
            async for line in told:
                said = msgspec.json.decode(line)
                if "ok" in said:
                    ended = said
                else:
                    yield msgspec.convert(said, Fetched)
            await child.wait()
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if not ended:
            raise BUILD_FAILED.refuse()
        if not ended["ok"]:
            raise KNOWN[ended["error_id"]].refuse(field=ended["field"], **ended["params"])

    def keep(self, registry: str, data: bytes) -> None:
        self._kept.mkdir(mode=0o700, exist_ok=True)
        (self._kept / registry).write_bytes(data)

    def kept(self) -> Sequence[str]:
        return sorted(str(path) for path in self._kept.iterdir()) if self._kept.exists() else []

    def forget(self) -> None:
        for path in map(Path, self.kept()):
            path.unlink(missing_ok=True)


async def _told_here(asked: Awaitable[Result]) -> Result:
    try:
        return await asked
    except Refusal as refusal:
        known = KNOWN.get(refusal.error_id)
        if known is None:
            raise
        raise known.refuse(field=refusal.field, **refusal.params) from refusal


def _table(told: Told) -> CountryTable:
    return CountryTable(
        since=told.since,
        source=told.source,
        licence=told.licence,
        countries=[Country(*msgspec.structs.astuple(row)) for row in told.countries],
        in_use=told.in_use,
    )


def _texts(packed: bytes, version: int) -> list[str]:
    bits = BITS[version]
    return [text_of(first, length, bits) for first, length in prefixes(unpack_ranges(packed, bits), bits)]
