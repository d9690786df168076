"""Registration names lead to who serves."""

from __future__ import annotations

from asterisk_ext.domain.maintenance import Entry, Map
from asterisk_ext.domain.names import Name, differing, is_within, wanted
from asterisk_ext.domain.server import Server, Technology

ZONE = "sip.example.net"


def server(number: int, registration: str) -> Server:
    return Server(
        id=number,
        name=f"node{number}",
        technology=Technology.NODE,
        ip=f"198.18.1.{number}",
        registration=registration,
    )


FLEET = [server(1, f"Node1.{ZONE}."), server(2, f"node2.{ZONE}"), server(3, "198.18.1.3"), server(4, "pbx.example.com")]
CHAIN = Map({"node1": Entry("node2", "", ""), "node2": Entry("node3", "", "")})


def test_each_name_of_the_zone_leads_to_who_serves_and_bare_addresses_and_other_zones_are_left_alone() -> None:
    assert wanted(FLEET, Map(), ZONE) == {f"node1.{ZONE}": "198.18.1.1", f"node2.{ZONE}": "198.18.1.2"}


def test_a_chain_of_maintenances_is_followed_to_its_end() -> None:
    assert wanted(FLEET, CHAIN, ZONE) == {f"node1.{ZONE}": "198.18.1.3", f"node2.{ZONE}": "198.18.1.3"}


def test_a_zone_is_matched_by_whole_labels_and_without_one_nothing_is() -> None:
    assert is_within("a.SIP.example.net.", ZONE)
    assert not is_within("a.notsip.example.net", ZONE)
    assert not is_within("a.example.net", "")


def test_only_what_is_wrong_or_remembered_for_too_long_is_changed() -> None:
    right, long = Name(frozenset({"198.18.1.1"}), 30), Name(frozenset({"198.18.1.1"}), 3600)
    wish = {"a": "198.18.1.1"}
    assert differing(wish, {"a": right}, 30) == {}
    for found in ({}, {"a": long}, {"a": Name(frozenset({"198.18.1.1", "198.18.1.2"}), 30)}):
        assert differing(wish, found, 30) == wish
