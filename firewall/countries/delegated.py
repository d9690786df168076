"""The registries' delegated-extended files: their lines, checked, to ranges by country (pure).

Format: the registries' "RIR statistics exchange format" with the extended fields. A version line
(``2|lacnic|20260810|81234|19870101|20260810|-0300``), a summary line for each type (``lacnic|*|ipv4|*|19000|summary``),
then records (``lacnic|BR|ipv4|200.160.0.0|65536|19990101|allocated|opaque-id``); ``#`` begins a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from ipaddress import IPv4Address, IPv6Address

from asterisk_ext.domain.errors import Problem, Refusal
from firewall.lists.ranges import BITS, Range, merged, text_of

REGISTRIES = ("afrinic", "apnic", "arin", "lacnic", "ripencc")
COMBINED = "nro"
"""The file in which the registries' common office puts all five together."""
BAD_FILE = Problem(
    "country.file_invalid",
    422,
    "The registry's file {name} was not taken: {reason}; the lists in use stay.",
    "Fetch the file again; if it comes back, look at the address that it is fetched from.",
)
IN_USE = frozenset(("allocated", "assigned"))
FREE = frozenset(("available", "reserved"))
NOT_A_COUNTRY = frozenset(("", "ZZ", "EU", "AP"))
"""Registries write these for what belongs to nobody or to a region; no list has them."""
LONGEST_LINE = 500
MOST_RECORDS = 2_000_000
SPECIAL = {
    4: tuple(
        (int(IPv4Address(first)), int(IPv4Address(last)) + 1)
        for first, last in (
            ("0.0.0.0", "0.255.255.255"),
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("224.0.0.0", "255.255.255.255"),
        )
    ),
    6: ((0, 0x2000 << 112), (0x4000 << 112, 1 << 128)),
}
"""What no registry gives to a country (RFC 6890; of IPv6 only 2000::/3 is given out at all)."""
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)


@dataclass(slots=True)
class Delegated:
    """One registry's file: its name, its day (``2026-08-10``) and each country's ranges as they stand there."""

    registry: str = ""
    since: str = ""
    ranges: dict[str, dict[int, list[Range]]] = field(default_factory=dict)


class Reader:
    """Takes a file line by line. Every method refuses ``country.file_invalid`` with the number of the line."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._found = Delegated()
        self._records = self._number = 0
        self._counts: dict[str, int] = {}
        self._promised: dict[str, int] = {}
        self._wanted = -1

    def line(self, line: str) -> None:
        self._number += 1
        text = line.strip()
        if not text or text.startswith("#"):
            return
        if len(text) > LONGEST_LINE or not text.isascii():
            raise self._refuse("the line is no record")
        fields = text.split("|")
        if self._wanted < 0:
            self._version(fields)
        elif len(fields) >= 6 and fields[5] == "summary":
            self._summary(fields)
        else:
            self._record(fields)

    def end(self) -> Delegated:
        """All of it, once the last line is in and the counts that the file promises are met."""
        if self._wanted < 0:
            raise self._refuse("it is empty")
        for kind in ("ipv4", "ipv6"):
            if kind not in self._promised:
                raise self._refuse(f"it has no summary of {kind}")
        for kind, count in self._promised.items():
            if self._counts.get(kind, 0) != count:
                raise self._refuse(f"it promises {count} records of {kind} and has {self._counts.get(kind, 0)}")
        if self._wanted != self._records:
            raise self._refuse(f"it promises {self._wanted} records and has {self._records}")
        return self._found

    def _version(self, fields: list[str]) -> None:
        if len(fields) < 7 or fields[0].partition(".")[0] != "2" or fields[1] not in (*REGISTRIES, COMBINED):
            raise self._refuse("it does not begin with the version line of a registry's file")
        registry, records, day = fields[1], fields[3], fields[5]
        if not _NUMBER.fullmatch(records) or not 0 < int(records) <= MOST_RECORDS:
            raise self._refuse(f"{records!r} records are not possible")
        try:
            self._found.since = date.fromisoformat(f"{day[:4]}-{day[4:6]}-{day[6:]}").isoformat()
        except ValueError:
            raise self._refuse(f"{day!r} is no date") from None
        self._found.registry, self._wanted = registry, int(records)

    def _summary(self, fields: list[str]) -> None:
        if fields[2] in self._promised or not _NUMBER.fullmatch(fields[4]):
            raise self._refuse("its summary is not possible")
        self._promised[fields[2]] = int(fields[4])

    def _record(self, fields: list[str]) -> None:
        if len(fields) < 7:
            raise self._refuse("the line is no record")
        registry, country, kind, start, value, _, status = fields[:7]
        known = REGISTRIES if self._found.registry == COMBINED else (self._found.registry,)
        if registry not in known and not (self._found.registry == COMBINED and registry in ("iana", "ietf")):
            raise self._refuse(f"a record of {registry!r} stands in the file of {self._found.registry!r}")
        if kind not in ("asn", "ipv4", "ipv6"):
            raise self._refuse(f"{kind!r} is no type of record")
        self._records += 1
        if self._records > self._wanted:
            raise self._refuse(f"it promises {self._wanted} records and has more")
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if kind == "asn" or status in FREE or (status in IN_USE and country in NOT_A_COUNTRY):
            return
        if status not in IN_USE:
            raise self._refuse(f"{status!r} is no status")
        if not _COUNTRY.fullmatch(country):
            raise self._refuse(f"{country!r} is no country's code")
        version = 4 if kind == "ipv4" else 6
        place = self._found.ranges.setdefault(country, {4: [], 6: []})
        place[version].append(self._range(version, start, value))

    def _range(self, version: int, start: str, value: str) -> Range:
        try:
            first = int(IPv4Address(start)) if version == 4 else int(IPv6Address(start))
            size = int(value) if version == 4 else 1 << BITS[6] - int(value)
        except ValueError:
            raise self._refuse(f"{start!r} and {value!r} are no addresses") from None
        end = first + size
        if size < 1 or end > 1 << BITS[version] or (version == 6 and (not 0 < int(value) <= 128 or first % size)):
            raise self._refuse(f"{start} with {value} is no range of addresses")
        if any(first < last and end > begin for begin, last in SPECIAL[version]):
            raise self._refuse(f"{start} with {value} is not for any country")
        return first, end

    def _refuse(self, reason: str) -> Refusal:
        return BAD_FILE.refuse(field="file", name=self._name, reason=f"line {self._number}: {reason}")


def read(name: str, lines: Iterable[str]) -> Delegated:
    """A whole file. Refuses ``country.file_invalid``."""
    reader = Reader(name)
    for line in lines:
        reader.line(line)
    return reader.end()


def joined(files: Iterable[Delegated]) -> dict[str, dict[int, list[Range]]]:
    """The countries' ranges of all registries, merged; refuses ``country.file_invalid`` where two countries have one
    address."""
    found: dict[str, dict[int, list[Range]]] = {}
    for version in BITS:
        owned = sorted(
            (first, end, country)
            for file in files
            for country, ranges in file.ranges.items()
            for first, end in ranges[version]
        )
        last, owner = 0, ""
        for first, end, country in owned:
            if first < last and country != owner:
                reason = f"{owner} and {country} both have the address {text_of(first, BITS[version], BITS[version])}"
                raise BAD_FILE.refuse(field="file", name="of all registries", reason=reason)
            last, owner = max(last, end), country
            found.setdefault(country, {4: [], 6: []})[version].append((first, end))
    return {country: {version: merged(ranges[version]) for version in BITS} for country, ranges in found.items()}
