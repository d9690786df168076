"""The registries' delegated-extended files: what is read of them, and every kind of bad file refused."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_ext.domain.errors import Refusal
from firewall.countries.delegated import Delegated, joined, read
from firewall.lists.ranges import BITS, prefixes, text_of
from tests.unit.firewall.countries.registry_files import SMALL, text

GOOD = text("lacnic", SMALL["lacnic"])


def lists(file: Delegated, code: str, version: int) -> list[str]:
    ranges = joined([file])[code][version]
    return [text_of(first, length, BITS[version]) for first, length in prefixes(ranges, BITS[version])]


def reason(content: str) -> str:
    with pytest.raises(Refusal) as refused:
        joined([read("delegated-lacnic-extended-latest", content.splitlines())])
    assert refused.value.error_id == "country.file_invalid"
    return refused.value.what


def test_a_countrys_records_become_the_fewest_prefixes_even_where_a_count_is_no_power_of_two() -> None:
    found = read("lacnic", GOOD.splitlines())
    assert (found.registry, found.since) == ("lacnic", "2026-11-01")
    assert lists(found, "BR", 4) == ["200.160.0.0/16", "200.162.0.0/23", "200.162.2.0/24"]
    assert lists(found, "BR", 6) == ["2804::/32"]


def test_reserved_and_available_addresses_are_on_no_list() -> None:
    assert sorted(read("lacnic", GOOD.splitlines()).ranges) == ["AR", "BR", "UY"]


def test_what_a_registry_gives_to_a_region_is_on_no_list() -> None:
    found = read("ripencc", text("ripencc", ["EU|ipv4|62.0.0.0|256", "DE|ipv4|53.0.0.0|256"]).splitlines())
    assert sorted(found.ranges) == ["DE"]


def test_the_common_file_of_all_registries_is_read_too() -> None:
    line = "arin|US|ipv4|8.0.0.0|16777216|19990101|assigned|x"
    content = f"2|nro|20261101|1|19870101|20261101|+0000\nnro|*|ipv4|*|1|summary\nnro|*|ipv6|*|0|summary\n{line}\n"
    assert read("nro", content.splitlines()).ranges["US"][4] == [(8 << 24, 9 << 24)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty"),
        ("<html>not found</html>", "version line"),
        ("3|lacnic|1|1|1|20261101|0\n", "version line"),
        ("2|nobody|1|1|1|20261101|0\n", "version line"),
        ("2|lacnic|1|9|1|20261301|0\n", "no date"),
        ("2|lacnic|1|x|1|20261101|0\n", "not possible"),
        (GOOD[: len(GOOD) // 2], ""),
        (GOOD.replace("lacnic|*|ipv6|*|1|summary\n", ""), "no summary of ipv6"),
        (GOOD + "lacnic|BR|ipv4|200.170.0.0|256|19990101|allocated|x\n", "has more"),
        (text("lacnic", SMALL["lacnic"], more=1), "promises 8 records"),
        (GOOD.replace("lacnic|*|ipv4|*|5|", "lacnic|*|ipv4|*|6|"), "promises 6 records of ipv4"),
        (GOOD.replace("lacnic|AR|", "arin|AR|"), "stands in the file of"),
        (GOOD.replace("lacnic|AR|", "lacnic|Ar|"), "no country's code"),
        (GOOD.replace("lacnic|AR|", "lacnic|ARG|"), "no country's code"),
        (GOOD.replace("200.0.0.0|4096", "200.0.0.0|0"), "no range"),
        (GOOD.replace("200.0.0.0|4096", "200.0.0.0|-1"), "no range"),
        (GOOD.replace("200.0.0.0|4096", "200.0.0.256|4096"), "no addresses"),
        (GOOD.replace("200.0.0.0|4096", "200.0.0.0|4294967296"), "no range"),
        (GOOD.replace("200.0.0.0|4096", "127.0.0.0|4096"), "not for any country"),
        (GOOD.replace("200.0.0.0|4096", "9.255.255.0|4096"), "not for any country"),
        (GOOD.replace("2804::|32", "2804::1|32"), "no range"),
        (GOOD.replace("2804::|32", "fc00::|7"), "not for any country"),
        (GOOD.replace("2804::|32", "2804::|0"), "no range"),
        (GOOD.replace("200.0.0.0|4096", "200.160.0.0|4096"), "AR and BR both have"),
        (GOOD.replace("allocated", "legacy", 1), "no status"),
        (GOOD.replace("|ipv4|200.0.0.0", "|ipv5|200.0.0.0"), "no type"),
        (GOOD.replace("an-opaque-id", "x" * 600, 1), "no record"),
        (GOOD.replace("an-opaque-id", "ключ", 1), "no record"),
    ],
)
def test_a_file_that_is_cut_forged_or_wrong_is_refused_with_the_reason(content: str, said: str) -> None:
    assert said in reason(content)


@given(st.integers(0, 1 << 16), st.integers(1, 1 << 17))
def test_any_count_of_addresses_becomes_prefixes_of_exactly_that_many(block: int, count: int) -> None:
    start = str(IPv4Network((0x0B000000 + block * 256, 32)).network_address)
    found = read("lacnic", text("lacnic", [f"BR|ipv4|{start}|{count}"]).splitlines())
    assert sum(ip_network(net).num_addresses for net in lists(found, "BR", 4)) == count


@given(st.text(alphabet="0123456789|*abcdefgilnprsuvxyz:.\nBR", max_size=400))
def test_any_text_after_a_good_beginning_is_read_or_refused(tail: str) -> None:
    try:
        read("lacnic", (GOOD + tail).splitlines())
    except Refusal as refusal:
        assert refusal.error_id == "country.file_invalid"
