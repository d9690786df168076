"""Packed country lists: what is put in comes out, and nothing else is taken for one."""

from __future__ import annotations

from ipaddress import IPv4Network, collapse_addresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_ext.domain.errors import Refusal
from firewall.countries.lists import EMBEDDED, CountryLists
from firewall.countries.pack import pack, pack_ranges, read_header, unpack_ranges
from firewall.lists.ranges import BITS, Range, common_addresses, count_addresses, merged, prefixes, text_of

BRAZIL = [(0xC8A00000, 0xC8A10000), (0xC8A20000, 0xC8A20300)]
ABOUT = {"since": "2026-02-01", "source": "a test", "licence": "CC0-1.0"}


def ranges_of(bits: int) -> st.SearchStrategy[list[Range]]:
    edges = st.lists(st.integers(0, 1 << bits), unique=True, max_size=40).map(sorted)
    return edges.map(lambda all_: list(zip(all_[::2], all_[1::2], strict=False)))


@given(st.sampled_from([32, 128]).flatmap(lambda bits: st.tuples(st.just(bits), ranges_of(bits))))
def test_ranges_come_out_of_their_packed_form_as_they_went_in(case: tuple[int, list[Range]]) -> None:
    bits, ranges = case
    assert list(unpack_ranges(pack_ranges(ranges, bits), bits)) == ranges


@given(st.binary(max_size=60), st.sampled_from([32, 128]))
def test_any_bytes_are_ranges_in_order_or_refused(packed: bytes, bits: int) -> None:
    try:
        found = list(unpack_ranges(packed, bits))
    except Refusal as refusal:
        assert refusal.error_id == "country.damaged"
        return
    assert merged(found) == found
    assert all(0 <= first < end <= 1 << bits for first, end in found)


@given(ranges_of(32))
def test_prefixes_make_up_exactly_their_ranges(ranges: list[Range]) -> None:
    made = [IPv4Network(text_of(first, length, 32)) for first, length in prefixes(ranges, 32)]
    covered = [(int(net.network_address), int(net.broadcast_address) + 1) for net in made]
    assert merged(covered) == merged(ranges)
    assert len(made) == len(list(collapse_addresses(made)))  # the fewest


@given(ranges_of(32), ranges_of(32))
def test_the_addresses_two_lists_share_are_counted_once(one: list[Range], other: list[Range]) -> None:
    both = count_addresses(merged([*one, *other]))
    assert common_addresses(one, other) == count_addresses(one) + count_addresses(other) - both


def test_a_changed_cut_or_lengthened_file_is_refused() -> None:
    whole = pack({"BR": {4: BRAZIL}}, **ABOUT)
    begin = read_header(whole)[1]
    forged = whole[:begin] + bytes([whole[begin] ^ 1]) + whole[begin + 1 :]
    for damaged in (b"", b"{}\n", whole[:-1], whole + b"\0", forged, whole.replace(b'"format":1', b'"format":2')):
        with pytest.raises(Refusal) as refused:
            CountryLists(damaged)
        assert refused.value.error_id == "country.damaged"


def test_a_country_is_found_by_its_code_and_an_unknown_one_is_refused() -> None:
    lists = CountryLists(pack({"BR": {4: BRAZIL, 6: [(0x2804 << 112, 0x2805 << 112)]}}, **ABOUT))
    assert list(lists.prefixes("BR", 4)) == ["200.160.0.0/16", "200.162.0.0/23", "200.162.2.0/24"]
    assert list(lists.prefixes("BR", 6)) == ["2804::/16"]
    assert (lists.count("BR", 4), lists.count("BR", 6)) == (3, 1)
    with pytest.raises(Refusal) as refused:
        lists.ranges("XX", 4)
    assert (refused.value.error_id, refused.value.field) == ("country.unknown", "country")


def test_the_embedded_lists_know_every_country_its_day_and_where_it_comes_from() -> None:
    lists = CountryLists.open()
    assert len(lists.codes()) > 230
    assert EMBEDDED.stat().st_size < 700_000
    assert (lists.country_of("200.160.2.3"), lists.country_of("2001:12ff:0:2::3")) == ("BR", "BR")
    assert lists.country_of("192.0.2.1") is None
    assert lists.since == "2026-02-01"
    assert "LACNIC" in lists.source
    assert "CC0" in lists.licence


def test_no_address_is_on_two_embedded_lists() -> None:
    lists = CountryLists.open()
    for version in BITS:
        all_ranges = [item for code in lists.codes() for item in lists.ranges(code, version)]
        assert count_addresses(merged(all_ranges)) == count_addresses(all_ranges)


def test_the_embedded_counts_are_those_of_the_prefixes() -> None:
    lists = CountryLists.open()
    for code in ("BR", "US", "AR", "UY"):
        for version in BITS:
            assert lists.count(code, version) == len(list(lists.prefixes(code, version)))
