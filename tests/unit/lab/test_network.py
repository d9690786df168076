from __future__ import annotations

from asterisk_ext.lab.network import host_commands, switch_commands
from asterisk_ext.lab.topology import plan


def test_every_machine_gets_one_cable_to_the_switch() -> None:
    topology = plan(1, attackers=0)
    holders = {host.name: 100 + number for number, host in enumerate(topology.hosts)}
    assert switch_commands(topology, holders) == (
        "link add switch0 type bridge forward_delay 0 mcast_snooping 0\n"
        "link set switch0 up\n"
        "link add port0 type veth peer name eth0 netns 100\n"
        "link set port0 master switch0 up\n"
        "link add port1 type veth peer name eth0 netns 101\n"
        "link set port1 master switch0 up\n"
        "link add port2 type veth peer name eth0 netns 102\n"
        "link set port2 master switch0 up\n"
        "link add port3 type veth peer name eth0 netns 103\n"
        "link set port3 master switch0 up\n"
    )


def test_a_machine_has_both_families_of_address() -> None:
    assert host_commands(plan(1).host("node1")) == (
        "link set lo up\n"
        "addr add 198.18.1.1/15 dev eth0\n"
        "addr add 2001:2:0:101::1/48 dev eth0 nodad\n"
        "link set eth0 up\n"
    )
