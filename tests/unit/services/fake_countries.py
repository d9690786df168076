"""Country lists of a guard, and fetching new ones, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.ports.countries import Country, CountryTable, Fetched

URUGUAY = Country("UY", 92, 38, 2_500_000)
UNKNOWN_COUNTRY = Problem("country.unknown", 422, "There is no list of a country {code!r}.", "Give another code.")


class FakeCountries:
    """``ports.CountryGuard`` and ``ports.CountryBuilder`` with three countries; ``refusal`` is how a build ends."""

    def __init__(self) -> None:
        self.since = "2026-02-01"
        self.refusal: Refusal | None = None
        self.files: dict[str, bytes] = {}
        self.built: list[str] = []
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.over = asyncio.Event()

    async def table(self) -> CountryTable:
        countries = [Country("AR", 1593, 1133, 19_000_000), Country("BR", 4889, 8896, 87_000_000), URUGUAY]
        return CountryTable(since=self.since, source="LACNIC", licence="CC0", countries=countries, in_use=["BR"])

    async def prefixes(self, code: str) -> tuple[Country, Sequence[str], Sequence[str]]:
        if code != "UY":
            raise UNKNOWN_COUNTRY.refuse(field="country", code=code)
        return URUGUAY, ["200.40.0.0/16"], ["2800:a0::/28"]

    async def take(self) -> CountryTable:
        self.since = "2026-08-10"
        return await self.table()

    async def build(self, sources: Sequence[str]) -> AsyncIterator[Fetched]:
        self.built = list(sources)
        yield Fetched(name="lacnic", done=500, total=1000)
        await self.going_on.wait()
        if self.refusal is not None:
            raise self.refusal

    def keep(self, registry: str, data: bytes) -> None:
        self.files[registry] = data

    def kept(self) -> Sequence[str]:
        return sorted(self.files)

    def forget(self) -> None:
        self.files.clear()
        self.over.set()
