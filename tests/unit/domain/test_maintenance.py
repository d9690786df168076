"""Maintenance is a pointer."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_ext.domain import maintenance
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance import Entry, Map
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.server import Server, Technology


def server(name: str, technology: Technology = Technology.NODE) -> Server:
    return Server(id=1, name=name, technology=technology, ip="198.18.1.1")


def to(destination: str) -> Entry:
    return Entry(destination, "2026-08-13T06:05:12Z", "plantao-1")


def tenant(number: int, home: str) -> Pbx:
    return Pbx(id=number, name=f"PBX {number}", domain=f"p{number}.example.net", home=home)


def test_without_maintenance_every_server_serves_its_own() -> None:
    assert Map().follow("a") == "a"


def test_entering_moves_all_tenants_of_the_source_and_leaving_brings_exactly_them_home() -> None:
    tenants = [tenant(1, "a"), tenant(2, "a"), tenant(3, "b")]
    entered = maintenance.enter(Map(), server("a"), server("b"), True, to("b"))
    assert [pbx.id for pbx in maintenance.served_by("b", entered, tenants)] == [1, 2, 3]
    assert maintenance.served_by("a", entered, tenants) == []
    left = maintenance.leave(entered, "a")
    assert [pbx.id for pbx in maintenance.served_by("a", left, tenants)] == [1, 2]
    assert [pbx.id for pbx in maintenance.served_by("b", left, tenants)] == [3]


def test_a_chain_is_followed_to_its_end() -> None:
    chain = Map({"a": to("b"), "b": to("c")})
    assert chain.follow("a") == "c"
    assert chain.sources_of("c") == ["a", "b"]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), st.sampled_from("abcde"), max_size=4))
def test_the_homes_of_a_server_are_those_that_lead_to_it(pointers: dict[str, str]) -> None:
    current = Map({source: to(destination) for source, destination in pointers.items()})
    tenants = [tenant(number, home) for number, home in enumerate("abcde")]
    for server in "abcde":
        served = [pbx for pbx in tenants if current.follow(pbx.home) == server]
        assert maintenance.served_by(server, current, tenants) == served
        assert maintenance.count_served(server, current, Counter(pbx.home for pbx in tenants)) == len(served)


def test_a_forged_cycle_does_not_hang_the_reader() -> None:
    assert Map({"a": to("b"), "b": to("a")}).follow("a") in {"a", "b"}


@pytest.mark.parametrize(
    ("current", "source", "destination", "active", "error_id"),
    [
        (Map(), server("a"), server("a"), True, "maintenance.same_server"),
        (Map({"a": to("b")}), server("a"), server("c"), True, "maintenance.already"),
        (Map({"b": to("a")}), server("a"), server("b"), True, "maintenance.cycle"),
        (Map({"b": to("c")}), server("a"), server("b"), True, "maintenance.dead_end"),
        (Map(), server("a"), server("b"), False, "maintenance.dead_end"),
        (Map(), server("a"), server("b", Technology.DATABASE), True, "maintenance.dead_end"),
        (Map(), server("a"), server("b", Technology.CDN), True, "maintenance.dead_end"),
    ],
)
def test_what_would_lose_tenants_is_refused(
    current: Map, source: Server, destination: Server, active: bool, error_id: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        maintenance.enter(current, source, destination, active, to(destination.name))
    assert refusal.value.error_id == error_id


def test_leaving_what_is_not_in_maintenance_is_refused() -> None:
    with pytest.raises(Refusal) as refusal:
        maintenance.leave(Map(), "a")
    assert refusal.value.error_id == "maintenance.not_in"
