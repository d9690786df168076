"""What a firewall rule may say, and what is refused about it."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.firewall_origin import Known, checked_list, networks_of
from asterisk_ext.domain.firewall_rule import Direction, Rule, Verdict, check_all, checked
from asterisk_ext.domain.firewall_types import TYPES

KNOWN = Known(countries=("BR", "AR"), lists=("offices",))


def rule(type: str = "ssh", *origins: str, ports: str = "", verdict: Verdict = Verdict.ALLOW, id: str = "") -> Rule:
    return Rule(
        id=id or f"{type}-{origins}-{ports}-{verdict}", type=type, origins=origins, ports=ports, verdict=verdict
    )


@pytest.mark.parametrize(
    ("wrong", "error_id", "field"),
    [
        (rule("gopher"), "firewall.type_unknown", "type"),
        (rule("ssh", "203.0.113.9-203.0.113.5"), "firewall.range_reversed", "origins"),
        (rule("ssh", "203.0.113.5-2001:db8::1"), "firewall.origin_unknown", "origins"),
        (rule("ssh", ports="0"), "firewall.port_invalid", "ports"),
        (rule("ssh", ports="70000"), "firewall.port_invalid", "ports"),
        (rule("ssh", ports="22,23"), "firewall.port_invalid", "ports"),
        (rule("ssh", ports="٢٢"), "firewall.port_invalid", "ports"),
        (rule("rtp", ports="20000-10000"), "firewall.ports_reversed", "ports"),
        (rule("icmp", ports="8"), "firewall.no_ports", "ports"),
        (rule("any", ports="80"), "firewall.no_ports", "ports"),
        (rule("ssh", "203.0.113.5/24"), "firewall.host_bits", "origins"),
        (rule("ssh", "2001:db8::5/64"), "firewall.host_bits", "origins"),
        (rule("ssh", "country:ZZ"), "firewall.country_unknown", "origins"),
        (rule("ssh", "list:homes"), "firewall.list_unknown", "origins"),
        (rule("ssh", "example.net"), "firewall.origin_unknown", "origins"),
        (rule("ssh", "203.0.113.0/24", "203.0.113.7"), "firewall.origins_overlap", "origins"),
        (rule("ssh", "203.0.113.5-203.0.113.9", "203.0.113.9-203.0.113.12"), "firewall.origins_overlap", "origins"),
        (rule("ssh", "BR", "country:BR"), "firewall.origins_overlap", "origins"),
        (Rule(id="1", type="ssh", description="x" * 201), "firewall.description_invalid", "description"),
        (Rule(id="1", type="ssh", description="a\x1b[2Jb"), "firewall.description_invalid", "description"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_field(wrong: Rule, error_id: str, field: str) -> None:
    with pytest.raises(Refusal) as refusal:
        checked(wrong, KNOWN)
    assert (refusal.value.error_id, refusal.value.field) == (error_id, field)


def test_host_bits_come_with_the_network_that_was_meant() -> None:
    with pytest.raises(Refusal) as refusal:
        checked(rule("ssh", "203.0.113.5/24"), KNOWN)
    assert refusal.value.remedy == "Write 203.0.113.0/24 for the network, or 203.0.113.5 for the one address."


def test_a_rule_gets_its_one_spelling() -> None:
    said = rule("rtp", " br ", "203.0.113.5/32", "2001:DB8::/032", "203.0.114.1 - 203.0.114.9", ports=" 10000 - 20000 ")
    told = checked(said, KNOWN)
    assert told.origins == ("country:BR", "203.0.113.5", "2001:db8::/32", "203.0.114.1-203.0.114.9")
    assert (told.ports, told.port_range) == ("10000-20000", (10000, 20000))
    assert checked(rule("ssh", "any"), KNOWN).origins == ()


def test_every_type_has_ports_or_none_and_is_spoken_of_by_its_own_rule() -> None:
    for kind in TYPES.values():
        port = kind.ports[0] if kind.ports else 0
        assert all(rule(kind.id).fits(protocol, port) for protocol in kind.protocols)


@pytest.mark.parametrize(
    "rules",
    [
        (rule("ssh", "203.0.113.0/24"), rule("ssh", "203.0.113.7")),
        (rule("ssh", "203.0.113.7"), rule("ssh")),
        (rule("sip"), rule("sip_udp", "country:BR")),
        (rule("any_tcp", "203.0.113.1-203.0.113.9"), rule("ssh", "203.0.113.4/31")),
        (rule("ssh", "list:offices"), rule("ssh", "list:offices", "country:BR", id="again")),
    ],
)
def test_a_rule_that_says_what_another_says_is_refused_with_its_number(rules: tuple[Rule, ...]) -> None:
    with pytest.raises(Refusal) as refusal:
        check_all(rules, KNOWN)
    assert (refusal.value.error_id, refusal.value.params["number"]) == ("firewall.duplicate", 1)


def test_an_exception_before_a_wider_rule_is_no_duplicate() -> None:
    friend, others, everybody = (
        rule("ssh", "203.0.113.7"),
        rule("ssh", "203.0.113.0/24", verdict=Verdict.DENY),
        rule("ssh"),
    )
    assert check_all((friend, others, everybody), KNOWN) == (friend, others, everybody)
    out = Rule(id="o", type="ssh", direction=Direction.OUT)
    off = Rule(id="f", type="ssh", enabled=False)
    assert check_all((everybody, out, off), KNOWN) == (everybody, out, off)


def test_a_list_has_a_usable_name_and_networks_in_one_spelling() -> None:
    assert checked_list("offices", ["203.0.113.5", "203.0.113.5/32", "", "2001:db8::/32"]) == (
        "203.0.113.5",
        "2001:db8::/32",
    )
    for name, entries in (("Offices", ["203.0.113.5"]), ("x" * 17, ["203.0.113.5"]), ("offices", [])):
        with pytest.raises(Refusal) as refusal:
            checked_list(name, entries)
        assert refusal.value.error_id == "firewall.list_invalid"


def test_a_range_is_told_in_networks() -> None:
    assert [str(network) for network in networks_of("203.0.113.5-203.0.113.8")] == [
        "203.0.113.5/32",
        "203.0.113.6/31",
        "203.0.113.8/32",
    ]
