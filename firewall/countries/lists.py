"""All countries' addresses, by code: the embedded lists, or newer ones in the guard's state.

The file stays packed in memory (some 600 KB); a country's ranges are unpacked when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from asterisk_ext.domain.errors import Problem
from firewall.countries.pack import DAMAGED, LONGEST_FILE, read_header, unpack_ranges
from firewall.lists.ranges import BITS, Range, prefixes, text_of

EMBEDDED = Path(__file__).parent / "data" / "countries.bin"
UNKNOWN_COUNTRY = Problem(
    "country.unknown",
    422,
    "There is no list of a country {code!r}.",
    "Give a code of two letters such as BR; `asterisk-ext firewall countries list` names all that have addresses.",
)


@dataclass(frozen=True, slots=True)
class Country:
    """One country's list: its ISO 3166-1 code and how many prefixes and IPv4 addresses it has."""

    code: str
    prefixes4: int
    prefixes6: int
    addresses4: int


class CountryLists:
    """Read only. Codes are ISO 3166-1 alpha-2 in capitals; ``since`` is the day of the registries' data."""

    def __init__(self, data: bytes) -> None:
        """Refuses ``country.damaged``."""
        self.data = data
        self.header, place = read_header(data)
        self._places: dict[tuple[str, int], tuple[int, int]] = {}
        self._countries: dict[str, Country] = {}
        for block in self.header.countries:
            if block.code in self._countries:
                raise DAMAGED.refuse(reason=f"{block.code} is there twice")
            self._countries[block.code] = Country(block.code, block.prefixes4, block.prefixes6, block.addresses4)
            for version, length in ((4, block.bytes4), (6, block.bytes6)):
                self._places[block.code, version] = (place, place + length)
                place += length

    @classmethod
    def open(cls, path: Path = EMBEDDED) -> Self:
        """The lists of a file. Refuses ``country.damaged``; raises ``OSError``."""
        with path.open("rb") as file:
            return cls(file.read(LONGEST_FILE + 1))

    @property
    def since(self) -> str:
        """The day of the registries' data, ``2026-02-01``."""
        return self.header.since

    @property
    def source(self) -> str:
        return self.header.source

    @property
    def licence(self) -> str:
        return self.header.licence

    def codes(self) -> list[str]:
        """Sorted."""
        return sorted(self._countries)

    def __contains__(self, code: object) -> bool:
        return code in self._countries

    def country(self, code: str) -> Country:
        """Refuses ``country.unknown``."""
        found = self._countries.get(code)
        if found is None:
            raise UNKNOWN_COUNTRY.refuse(field="country", code=code)
        return found

    def count(self, code: str, version: int) -> int:
        """How many CIDR prefixes a country has of IP version 4 or 6, without unpacking. Refuses ``country.unknown``."""
        found = self.country(code)
        return found.prefixes4 if version == 4 else found.prefixes6

    def packed(self, code: str, version: int) -> bytes:
        """The country's block as it is in the file, for ``pack.unpack_ranges``. Refuses ``country.unknown``."""
        self.country(code)
        first, end = self._places[code, version]
        return self.data[first:end]

    def ranges(self, code: str, version: int) -> list[Range]:
        """Sorted, disjoint ``(first, end)`` with ``end`` outside. Refuses ``country.unknown``."""
        return list(self.unpacked(code, version))

    def unpacked(self, code: str, version: int) -> Iterator[Range]:
        """The same, one after the other as they are needed."""
        return unpack_ranges(self.packed(code, version), BITS[version])

    def prefixes(self, code: str, version: int) -> Iterator[str]:
        """The same as CIDR text. Refuses ``country.unknown``."""
        for first, length in prefixes(self.ranges(code, version), BITS[version]):
            yield text_of(first, length, BITS[version])

    def country_of(self, address: str) -> str | None:
        """Whose list has this address; None for nobody's. May unpack every list (0.5 s): not for a busy path."""
        return next((code for code in self._countries if self.has(code, address)), None)

    def has(self, code: str, address: str) -> bool:
        """Whether an address is on a country's list. Refuses ``country.unknown``."""
        found = ip_address(address)
        number = int(found)
        ranges = self.unpacked(code, found.version)
        return next((first <= number for first, end in ranges if end > number), False)

    @cached_property
    def countries(self) -> tuple[Country, ...]:
        """All, by code."""
        return tuple(self._countries[code] for code in self.codes())
