"""Country lists: which the guard has, what is on one, and fetching newer ones from the registries."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.ports import Clock
from asterisk_ext.ports.countries import Country, CountryBuilder, CountryGuard, CountryTable, Fetched
from asterisk_ext.services.audit import Audit

UNDER_WAY = Problem(
    "country.update_under_way",
    409,
    "Country lists are being updated already, for {by}.",
    "Wait until it has ended: asterisk-ext firewall countries status.",
)
NO_SOURCES = Problem(
    "country.no_sources",
    409,
    "There is nowhere to fetch country lists from; nothing was changed.",
    "Name the registries' files in countries.sources of the settings, or hand them over yourself.",
)
NOT_A_REGISTRY = Problem(
    "country.registry_unknown",
    422,
    "There is no registry {registry!r}; the file was not kept.",
    "Say afrinic, apnic, arin, lacnic or ripencc; nro for the common file of all.",
)
REGISTRIES = ("afrinic", "apnic", "arin", "lacnic", "ripencc", "nro")
SCHEDULE = "schedule"
"""Who asks when the clock does."""


class Phase(StrEnum):
    IDLE = "idle"
    FETCHING = "fetching"
    CHECKING = "checking"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """The update that goes on, or the last one since this node service has started."""

    phase: Phase = Phase.IDLE
    by: str = ""
    began: float = 0.0
    ended: float = 0.0
    """Seconds since 1970; 0 while it goes on or when there was none."""
    file: str = ""
    """The registry's file that is being fetched, its bytes so far, and in all (0: not known)."""
    done: int = 0
    total: int = 0
    number: int = 0
    """It is the so-manyeth of ``files``."""
    files: int = 0
    since: str = ""
    """The day of the lists that were taken; empty when they were not."""
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    country: Country
    ipv4: Sequence[str]
    ipv6: Sequence[str]


class Countries:
    """``sources`` are the registries' files by address or path."""

    def __init__(
        self, guard: CountryGuard, builder: CountryBuilder, sources: Sequence[str], audit: Audit, clock: Clock
    ) -> None:
        self._guard = guard
        self._builder = builder
        self._sources = sources
        self._audit = audit
        self._clock = clock
        self._wanted: asyncio.Queue[Sequence[str]] = asyncio.Queue(1)
        self._update = Update()

    async def table(self, actor: Actor) -> CountryTable:
        require(actor, Act.SEE_FIREWALL)
        return await self._guard.table()

    async def prefixes(self, actor: Actor, code: str) -> Prefixes:
        """Refuses ``country.unknown``."""
        require(actor, Act.SEE_FIREWALL)
        country, ipv4, ipv6 = await self._guard.prefixes(code.upper())
        return Prefixes(country=country, ipv4=ipv4, ipv6=ipv6)

    def status(self, actor: Actor) -> Update:
        require(actor, Act.SEE_FIREWALL)
        return self._update

    def keep(self, actor: Actor, registry: str, data: bytes) -> None:
        """Keep a registry's file for an update from files; refuses ``country.registry_unknown``."""
        require(actor, Act.CHANGE_FIREWALL)
        if registry not in REGISTRIES:
            raise NOT_A_REGISTRY.refuse(field="registry", registry=registry)
        self._builder.keep(registry, data)

    async def update(self, actor: Actor, from_files: bool = False) -> Update:
        """Begin an update; ``status`` tells how it goes.

        Refuses ``country.update_under_way`` and ``country.no_sources``.
        """
        require(actor, Act.CHANGE_FIREWALL)
        self._begin(actor.name, self._builder.kept() if from_files else self._sources)
        await self._audit.note(actor, Act.CHANGE_FIREWALL, "countries", done="countries")
        return self._update

    async def due(self) -> None:
        """What the schedule asks for; passes when an update goes on already or there is nothing to fetch."""
        if self._sources and self._update.phase is Phase.IDLE:
            self._begin(SCHEDULE, self._sources)

    async def run(self) -> None:
        """Carry out one update after the other."""
        while True:
            sources = await self._wanted.get()
            try:
                since = await self._carry_out(sources)
                self._end(since=since)
            except Refusal as refusal:
                self._end(refusal=refusal)
            except BaseException:
                self._end()
                raise
            finally:
                self._builder.forget()

    def _begin(self, by: str, sources: Sequence[str]) -> None:
        if self._update.phase is not Phase.IDLE:
            raise UNDER_WAY.refuse(by=self._update.by)
        if not sources:
            raise NO_SOURCES.refuse(field="sources")
        self._update = Update(phase=Phase.FETCHING, by=by, began=self._clock(), files=len(sources))
        self._wanted.put_nowait(sources)

    async def _carry_out(self, sources: Sequence[str]) -> str:
        async for fetched in self._builder.build(sources):
            self._tell(fetched)
        self._update = replace(self._update, phase=Phase.CHECKING)
        return (await self._guard.take()).since

    def _tell(self, fetched: Fetched) -> None:
        before = self._update
        self._update = replace(
            before,
            file=fetched.name,
            done=fetched.done,
            total=fetched.total,
            number=before.number + (fetched.name != before.file),
        )

    def _end(self, since: str = "", refusal: Refusal | None = None) -> None:
        self._update = replace(self._update, phase=Phase.IDLE, ended=self._clock(), since=since, refusal=refusal)
