"""The packed form of all countries' ranges: some 600 KB for 200,000 ranges, read in place, country by country (pure).

One line of JSON (the header), a line break, then each country's IPv4 and IPv6 ranges one after the other, in the order
of the header. Ranges are pairs of numbers: the gap since the end of the last one, and the length. A number is written
as 0, or as 1 + trailing zero bits + (bits + 1) × the rest without its lowest bit, seven bits a byte, the highest bit
saying that more follow: what registries delegate is mostly powers of two, which take one byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

import msgspec

from asterisk_ext.domain.errors import Problem
from firewall.lists.ranges import BITS, Range, count_addresses, count_prefixes

DAMAGED = Problem(
    "country.damaged",
    422,
    "The country lists are damaged: {reason}; the ones in use stay.",
    "Run the update again; if it comes back, have the files fetched from the registries' own servers.",
)
FORMAT = 1
LONGEST_HEADER = 1 << 17
LONGEST_FILE = 8 << 20


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One country's part: bytes, prefixes and addresses of each family."""

    code: str
    bytes4: int
    bytes6: int
    prefixes4: int
    prefixes6: int
    addresses4: int


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the lists are: ``since`` is the registries' day (``2026-02-01``); ``sha256`` is of all after the header."""

    format: int = FORMAT
    since: str
    source: str
    licence: str
    sha256: str
    countries: tuple[Block, ...]


Lists = Mapping[str, Mapping[int, Iterable[Range]]]
"""Ranges by country code and IP version; sorted and disjoint."""


def pack(lists: Lists, *, since: str, source: str, licence: str) -> bytes:
    """All lists as one file's bytes."""
    blocks: list[Block] = []
    body = bytearray()
    for code in sorted(lists):
        ranges = {version: list(lists[code].get(version, ())) for version in BITS}
        packed = {version: pack_ranges(ranges[version], BITS[version]) for version in BITS}
        counts = {version: count_prefixes(ranges[version], BITS[version]) for version in BITS}
        blocks.append(Block(code, len(packed[4]), len(packed[6]), counts[4], counts[6], count_addresses(ranges[4])))
        body += packed[4] + packed[6]
    header = Header(
        since=since, source=source, licence=licence, sha256=sha256(body).hexdigest(), countries=tuple(blocks)
    )
    return msgspec.json.encode(header) + b"\n" + body


def read_header(data: bytes | memoryview) -> tuple[Header, int]:
    """The header and where the blocks begin. Refuses ``country.damaged`` for what is not such a file as a whole."""
    head, line_break, _ = bytes(data[:LONGEST_HEADER]).partition(b"\n")
    if not line_break or len(data) > LONGEST_FILE:
        raise DAMAGED.refuse(reason="this is no file of country lists")
    try:
        header = msgspec.json.decode(head, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DAMAGED.refuse(reason=error) from error
    begin = len(head) + 1
    if header.format != FORMAT:
        raise DAMAGED.refuse(reason=f"format {header.format} is unknown")
    if any(block.bytes4 < 0 or block.bytes6 < 0 for block in header.countries):
        raise DAMAGED.refuse(reason="a length is negative")
    if begin + sum(block.bytes4 + block.bytes6 for block in header.countries) != len(data):
        raise DAMAGED.refuse(reason="it is not as long as it says")
    if sha256(data[begin:]).hexdigest() != header.sha256:
        raise DAMAGED.refuse(reason="the checksum does not match")
    return header, begin


def pack_ranges(ranges: Iterable[Range], bits: int) -> bytes:
    packed, place = bytearray(), 0
    for first, end in ranges:
        for number in (first - place, end - first):
            rest = _folded(number, bits)
            while rest > 127:
                packed.append(rest & 127 | 128)
                rest >>= 7
            packed.append(rest)
        place = end
    return bytes(packed)


def unpack_ranges(packed: bytes, bits: int) -> Iterator[Range]:
    """A block's ranges, sorted and disjoint; refuses ``country.damaged`` for what ``pack_ranges`` never writes."""
    place, limit = 0, 1 << bits
    numbers = _numbers(packed, bits)
    for gap in numbers:
        first = place + gap
        length = next(numbers, 0)
        place = first + length
        if not length or place > limit or (first and not gap):
            raise DAMAGED.refuse(reason="a range is not possible")
        yield first, place


def _folded(number: int, bits: int) -> int:
    if not number:
        return 0
    zeros = (number & -number).bit_length() - 1
    return 1 + zeros + (bits + 1) * (number >> zeros + 1)


def _numbers(packed: bytes, bits: int) -> Iterator[int]:
    folded = shift = 0
    most = 2 * bits
    for byte in packed:
        folded |= (byte & 127) << shift
        if byte & 128:
            shift += 7
            if shift > most:
                raise DAMAGED.refuse(reason="a number is too long")
            continue
        rest, zeros = divmod(folded - 1, bits + 1)
        yield ((2 * rest + 1) << zeros) if folded else 0
        folded = shift = 0
    if shift:
        raise DAMAGED.refuse(reason="a number has no end")
