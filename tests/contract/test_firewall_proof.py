"""A candidate proved by packets: what comes through in a throw-away network is what the rules say."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest

from asterisk_ext.domain.firewall import Firewall, Needs, explain
from asterisk_ext.domain.firewall_rule import Direction, Rule, Verdict
from asterisk_ext.domain.firewall_trial import Question
from asterisk_ext.domain.firewall_types import Protocol
from firewall.countries.lists import EMBEDDED, CountryLists
from firewall.proof.prover import Task, prove
from firewall.rules.list_content import in_countries

UDP, TCP, ICMP = Protocol.UDP, Protocol.TCP, Protocol.ICMP
NODE2, TRUNK, ADMINISTRATOR, OFFICE, STRANGER = (
    *("198.51.100.2", "198.51.100.40", "192.0.2.9"),
    *("203.0.113.20", "203.0.113.66"),
)
OFFICE6, STRANGER6 = "2001:db8:1::20", "2001:db8:2::66"
FIREWALL = Firewall(
    rules=(
        Rule(id="1", type="any", verdict=Verdict.DENY, origins=(f"{STRANGER}",)),
        Rule(id="2", type="ssh", verdict=Verdict.DENY),
        Rule(id="3", type="sip_udp", origins=("203.0.113.0/24", OFFICE6, "country:UY")),
        Rule(id="4", type="https", origins=("list:offices",)),
        Rule(id="5", type="icmp", origins=("203.0.113.1-203.0.113.30",)),
        Rule(id="6", type="iax2", origins=("198.51.100.0/24",), enabled=False),
        Rule(id="7", type="any", verdict=Verdict.DENY, direction=Direction.OUT, origins=(OFFICE,)),
    ),
    lists={"offices": (OFFICE, "2001:db8:1::/48")},
    needs=Needs(nodes=(NODE2,), trunks=(TRUNK,), administrators=(ADMINISTRATOR,)),
)


def a_country_s(code: str) -> tuple[str, str]:
    lists = CountryLists.open()
    return tuple(str(ip_address(next(iter(lists.ranges(code, version)))[0])) for version in (4, 6))  # type: ignore[return-value]


@pytest.mark.parametrize("driver", ["nftables", "iptables"])
def test_the_packets_of_administrators_nodes_trunks_and_phones_go_as_the_rules_say(driver: str) -> None:
    sources = (NODE2, TRUNK, ADMINISTRATOR, OFFICE, STRANGER, OFFICE6, STRANGER6, *a_country_s("UY"))
    doors = ((UDP, 5060), (UDP, 12_000), (UDP, 4569), (TCP, 5061), (TCP, 22), (TCP, 8480), (TCP, 443), (ICMP, 0))
    asked = [Question(source, protocol, port) for source in sources for protocol, port in doors]
    is_in = in_countries(CountryLists.open())
    told = [
        explain(FIREWALL, ip_address(one.address), one.protocol, one.port, in_country=is_in).allowed for one in asked
    ]
    assert 10 < sum(told) < len(told) - 10
    through = asyncio.run(prove(Task(driver, FIREWALL, asked, str(EMBEDDED))))
    assert [one for one, said, came in zip(asked, told, through, strict=True) if said != came] == []
