from __future__ import annotations

import ipaddress

from asterisk_ext.lab.topology import PREFIX4, PREFIX6, Kind, plan


def test_every_machine_has_addresses_of_its_own_in_the_blocks_for_benchmarks() -> None:
    hosts = plan(9, phones=3, attackers=4).hosts
    for addresses, block in (
        ([host.ipv4 for host in hosts], f"198.18.0.0/{PREFIX4}"),
        ([host.ipv6 for host in hosts], f"2001:2::/{PREFIX6}"),
    ):
        assert len(set(addresses)) == len(hosts)
        assert all(ipaddress.ip_address(address) in ipaddress.ip_network(block) for address in addresses)


def test_machines_are_named_for_what_they_are() -> None:
    topology = plan(2)
    assert [host.name for host in topology.nodes] == ["node1", "node2"]
    assert {host.name: host.ipv4 for host in topology.hosts} == {
        "operator": "198.18.0.10",
        "node1": "198.18.1.1",
        "node2": "198.18.1.2",
        "phones1": "198.18.10.1",
        "carrier": "198.18.20.1",
        "attacker1": "198.18.66.1",
        "attacker2": "198.18.66.2",
        "attacker3": "198.18.66.3",
        "attacker4": "198.18.66.4",
    }
    assert topology.host("carrier").kind is Kind.CARRIER


def test_every_machine_knows_the_others_by_name() -> None:
    assert "2001:2:0:102::1 node2\n" in plan(2).hosts_file()
