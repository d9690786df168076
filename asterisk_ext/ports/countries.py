"""What the use case of country lists needs of the world, as ``ports.py`` has it of the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Country:
    """A country's list: its ISO 3166-1 code, how many CIDR prefixes it has, and how many IPv4 addresses."""

    code: str
    prefixes4: int
    prefixes6: int
    addresses4: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryTable:
    """The country lists that the guard uses; ``since`` is the day of the registries' data (``2026-02-01``)."""

    since: str
    source: str
    licence: str
    countries: Sequence[Country]
    in_use: Sequence[str] = ()
    """The codes that rules in force name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """How far fetching the registries' files is: which one, its bytes so far, and in all (0: not known)."""

    name: str
    done: int
    total: int


class CountryGuard(Protocol):
    """The guard's country lists."""

    async def table(self) -> CountryTable: ...

    async def prefixes(self, code: str) -> tuple[Country, Sequence[str], Sequence[str]]:
        """A country's IPv4 and IPv6 prefixes; refuses ``country.unknown``."""
        ...

    async def take(self) -> CountryTable:
        """Have the guard check what was built and use it; refuses as it does, and then all is as before."""
        ...


class CountryBuilder(Protocol):
    """Makes country lists of the registries' files, for the guard to take."""

    def build(self, sources: Sequence[str]) -> AsyncIterator[Fetched]:
        """Progress while it lasts; refuses ``country.file_invalid`` and ``country.source_unreachable``."""
        ...

    def keep(self, registry: str, data: bytes) -> None:
        """Put one registry's file aside for ``kept``."""
        ...

    def kept(self) -> Sequence[str]:
        """The files put aside, as sources; taken away once they are used."""
        ...

    def forget(self) -> None:
        """Take the files put aside away."""
        ...
