"""What is said before a maintenance: numbers that are known, and what is not."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.maintenance import Map
from asterisk_ext.domain.maintenance_preview import ByAddress, Preview, covers, preview, uncovered
from asterisk_ext.domain.maintenance_seen import NamesState, World
from asterisk_ext.domain.pbx import Extension, Mode, Pbx, Trunk
from asterisk_ext.domain.server import Report, Server, Technology

NOW = 1000.0
PHONES = (Extension(number="200"), Extension(number="201"))
TRUNKS = (
    Trunk(name="trunk1", host="198.18.20.1"),
    Trunk(name="trunk2", host="carrier.example", username="u", secret="s", register=True),
    Trunk(name="trunk3", host="carrier.example", username="u", secret="s"),
)
MOVED = [
    Pbx(id=1, name="A", domain="a.example.net", home="a", extensions=PHONES, trunks=TRUNKS),
    Pbx(id=2, name="B", domain="b.example.net", home="a", mode=Mode.GATE_ONLY),
]


def server(name: str, registration: str = "") -> Server:
    return Server(id=1, name=name, technology=Technology.NODE, ip="198.18.1.1", registration=registration)


def said(registration: str = "a.sip.example.net", at: float = NOW, zone: str = "sip.example.net") -> Preview:
    reports = {
        "a": Report(at=at, registered=9, calls=3, version="1.0"),
        "b": Report(at=NOW, calls=5, version="1.1", audios_missing=("ouro.wav",)),
    }
    names = NamesState(map_revision=0, true=True, at=NOW, zone=zone, old_until=NOW + 60) if zone else None
    world = World(map=Map(), map_revision=0, reports=reports, names=names, now=NOW)
    return preview(server("a", registration), server("b"), MOVED, 7, world)


def test_the_numbers_are_those_of_who_moves_and_of_where_to() -> None:
    told = said()
    assert (told.tenants, told.extensions, told.registered, told.calls) == (2, 2, 9, 3)
    assert (told.served_after, told.calls_there, told.version, told.same_version) == (9, 5, "1.1", False)
    assert (told.audios_missing, told.stays_gate_only) == (("ouro.wav",), [2])


def test_trunks_known_by_address_are_told_from_those_that_move_with_their_registration() -> None:
    told = said()
    assert told.by_address == [ByAddress(pbx=1, trunk="trunk1", host="198.18.20.1")]
    assert told.registering == 1


def test_of_a_server_that_does_not_answer_nothing_is_claimed() -> None:
    told = said(at=NOW - 60)
    assert (told.registered, told.calls, told.same_version) == (None, None, None)


@pytest.mark.parametrize(
    ("registration", "zone", "follows", "cannot"),
    [
        ("a.sip.example.net", "sip.example.net", True, None),
        ("a.other.example", "sip.example.net", None, None),
        ("a.sip.example.net", "", None, None),
        ("198.18.1.1", "sip.example.net", False, 9),
        ("", "sip.example.net", False, 9),
    ],
)
def test_phones_follow_by_a_name_that_is_kept_and_not_by_a_bare_address(
    registration: str, zone: str, follows: bool | None, cannot: int | None
) -> None:
    told = said(registration, zone=zone)
    assert (told.follows, told.by_bare_address) == (follows, cannot)


def test_a_star_in_a_certificate_stands_for_one_whole_label() -> None:
    assert covers(["*.example.net"], "A.example.net")
    assert not covers(["*.example.net"], "a.b.example.net")
    assert not covers(["*.example.net"], "example.net")


def test_a_certificate_is_missing_only_where_the_source_has_one() -> None:
    domains = ["a.example.net", "b.example.net", "c.example.org"]
    assert uncovered(domains, {"*.example.net"}, {"a.example.net"}) == ["b.example.net"]
    assert uncovered(domains, {"*.example.net"}, set()) == ["a.example.net", "b.example.net"]
    assert uncovered(domains, set(), set()) == []
    assert uncovered(domains, set(), None) == []
    assert uncovered(domains, {"*.example.net"}, None) is None
    assert uncovered(domains, None, {"*.example.net"}) is None
