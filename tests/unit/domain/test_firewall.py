"""Who gets in by a whole firewall, and what a change of it would take away."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from asterisk_ext.domain.firewall import (
    Address,
    Change,
    Decider,
    Firewall,
    Needs,
    derived,
    differences,
    explain,
    weakened,
)
from asterisk_ext.domain.firewall_default import default_rules
from asterisk_ext.domain.firewall_rule import Rule, Verdict
from asterisk_ext.domain.firewall_types import Protocol

NEEDS = Needs(nodes=("198.51.100.2",), trunks=("198.51.100.30",), administrators=("203.0.113.80/29",))
SCAN = Rule(id="scan", verdict=Verdict.DENY, type="any", origins=("198.51.100.0/24",))
PHONES = Rule(id="phones", type="sip", origins=("country:BR",))
OFFICE = Rule(id="office", type="ssh", origins=("list:offices",))
FIREWALL = Firewall(rules=(SCAN, PHONES, OFFICE), lists={"offices": ("192.0.2.1-192.0.2.9",)}, needs=NEEDS)


def in_country(code: str, address: Address) -> bool:
    return code == "BR" and str(address).startswith(("200.", "2804:"))


@pytest.mark.parametrize(
    ("address", "protocol", "port", "allowed", "by", "number"),
    [
        ("198.51.100.7", Protocol.UDP, 5060, False, Decider.RULE, 1),
        ("200.1.2.3", Protocol.UDP, 5060, True, Decider.RULE, 2),
        ("2804::7", Protocol.TCP, 5060, True, Decider.RULE, 2),
        ("201.1.2.3", Protocol.UDP, 5060, False, Decider.DEFAULT, 0),
        ("192.0.2.9", Protocol.TCP, 22, True, Decider.RULE, 3),
        ("192.0.2.10", Protocol.TCP, 22, False, Decider.DEFAULT, 0),
        ("198.51.100.2", Protocol.TCP, 9, True, Decider.DERIVED, 0),
        ("198.51.100.30", Protocol.UDP, 12_000, True, Decider.DERIVED, 0),
        ("198.51.100.30", Protocol.TCP, 22, False, Decider.RULE, 1),
        ("203.0.113.81", Protocol.TCP, 8480, True, Decider.DERIVED, 0),
    ],
)
def test_the_first_rule_that_fits_decides_and_what_the_fleet_needs_comes_first(
    address: str, protocol: Protocol, port: int, allowed: bool, by: Decider, number: int
) -> None:
    told = explain(FIREWALL, ip_address(address), protocol, port, in_country=in_country)
    assert (told.allowed, told.by, told.number) == (allowed, by, number)


def test_a_ban_comes_before_everything() -> None:
    told = explain(FIREWALL, ip_address("198.51.100.2"), Protocol.UDP, 5060, in_country=in_country, banned=True)
    assert (told.allowed, told.by) == (False, Decider.BAN)


def test_the_origin_that_holds_the_address_is_named() -> None:
    told = explain(FIREWALL, ip_address("192.0.2.3"), Protocol.TCP, 22, in_country=in_country)
    assert told.origin == "list:offices"


def test_the_default_template_opens_what_was_open_before_and_nothing_else() -> None:
    before = Firewall(rules=default_rules())
    for protocol, port in ((Protocol.UDP, 5060), (Protocol.UDP, 15_000), (Protocol.TCP, 5061), (Protocol.TCP, 22)):
        assert explain(before, ip_address("192.0.2.3"), protocol, port, in_country=in_country).allowed
    assert not explain(before, ip_address("192.0.2.3"), Protocol.TCP, 8088, in_country=in_country).allowed


def test_needs_without_addresses_make_no_rules() -> None:
    assert derived(Needs()) == ()


def test_what_would_weaken_the_firewall_is_told() -> None:
    assert weakened(FIREWALL, FIREWALL) == []
    fewer = replace(FIREWALL, needs=replace(NEEDS, nodes=(), trunks=("198.51.100.30", "198.51.100.31")))
    assert weakened(FIREWALL, fewer) == ["nodes 198.51.100.2"]
    for rule in (
        Rule(id="x", type="any"),
        Rule(id="x", type="any_tcp"),
        Rule(id="x", type="any", origins=("0.0.0.0/1",)),
        Rule(id="x", type="any_udp", ports="1-65535", origins=("::/0",)),
    ):
        assert weakened(FIREWALL, replace(FIREWALL, rules=(rule,))) == ["default_deny"]
    assert weakened(FIREWALL, replace(FIREWALL, rules=(Rule(id="x", type="any", verdict=Verdict.DENY),))) == []


def test_differences_tell_new_changed_moved_and_removed_rules() -> None:
    wider = replace(PHONES, origins=("country:BR", "country:AR"))
    new = Rule(id="new", type="icmp")
    told = differences((SCAN, PHONES, OFFICE), (wider, new, SCAN))
    assert [(one.change, one.number, one.rule.id) for one in told] == [
        (Change.CHANGED, 1, "phones"),
        (Change.NEW, 2, "new"),
        (Change.MOVED, 3, "scan"),
        (Change.REMOVED, 3, "office"),
    ]
    assert differences((SCAN, PHONES), (SCAN, PHONES)) == []
