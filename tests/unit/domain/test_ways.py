"""Where the calls of a virtual PBX go that is served elsewhere, and where else its phones are looked for."""

from __future__ import annotations

from asterisk_ext.domain.maintenance import Entry, Map
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.ways import Way, sip_address, way_of, ways

ADDRESSES = {name: sip_address(f"198.18.1.{at}", 5062) for at, name in enumerate(("a", "b", "c"), start=1)}
A, B, C = ADDRESSES.values()


def pbx(number: int, home: str, former: str = "") -> Pbx:
    return Pbx(id=number, name="P", domain=f"p{number}.example.net", home=home, former=former)


def map_of(**moved: str) -> Map:
    return Map({source: Entry(destination, "", "") for source, destination in moved.items()})


def seen(
    node: str, current: Map, *tenants: Pbx, home: dict[str, str] | None = None, silent: tuple[str, ...] = ()
) -> dict[str, Way]:
    return ways(node, current, tenants, home or {}, ADDRESSES, silent)


def test_where_nothing_has_moved_no_call_leaves_the_server() -> None:
    assert seen("a", Map(), pbx(1, "a")) == {}


def test_the_source_hands_calls_on_and_the_destination_looks_for_phones_there() -> None:
    assert seen("a", map_of(a="b"), pbx(1, "a")) == {"a": Way(serves=B)}
    assert seen("b", map_of(a="b"), pbx(1, "a"), pbx(2, "b")) == {"a": Way(also=(A,))}


def test_along_a_chain_phones_may_be_at_every_server_that_served_before() -> None:
    assert seen("c", map_of(a="b", b="c"), pbx(1, "a")) == {"a": Way(also=(A, B))}


def test_before_the_flip_the_destination_hands_early_phones_calls_to_the_source() -> None:
    assert seen("b", Map(), pbx(1, "a")) == {"a": Way(serves=A)}


def test_of_those_that_came_home_phones_may_still_be_where_they_were() -> None:
    assert seen("a", Map(), pbx(1, "a"), home={"a": "b"}) == {"a": Way(also=(B,))}
    assert seen("b", Map(), pbx(1, "a"), home={"a": "b"}) == {"a": Way(serves=A)}


def test_a_virtual_pbx_that_moved_alone_has_phones_at_its_former_home_or_where_that_one_is_served() -> None:
    assert way_of(pbx(1, "b", "a")) == "b/a"
    assert seen("b", Map(), pbx(1, "b", "a")) == {"b/a": Way(also=(A,))}
    assert seen("b", map_of(a="c"), pbx(1, "b", "a")) == {"b/a": Way(also=(A, C))}


def test_no_call_waits_for_a_server_that_is_silent() -> None:
    assert seen("b", map_of(a="b"), pbx(1, "a"), silent=("a",)) == {}


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert sip_address("2001:2::1", 5062) == "[2001:2::1]:5062"
