from __future__ import annotations

from pathlib import Path

import msgspec

from asterisk_ext import config
from asterisk_ext.lab.asterisk_install import Install
from asterisk_ext.lab.node_settings import as_toml, settings
from asterisk_ext.lab.services import of_node
from asterisk_ext.lab.topology import plan

INSTALL = Install(Path("/tree"), "Asterisk 22.0.0", 101, 102)


def test_the_settings_file_is_what_the_product_reads() -> None:
    topology = plan(2)
    whole = settings(topology.nodes[1], topology, INSTALL)
    assert msgspec.toml.decode(as_toml(whole), type=config.Config) == whole


def test_the_first_node_keeps_the_registry_for_the_others() -> None:
    topology = plan(3)
    first, *others = (settings(node, topology, INSTALL).registry for node in topology.nodes)
    assert first.serve
    assert {other.serve for other in others} == {False}


def test_the_second_node_is_a_console_too_and_further_ones_are_not() -> None:
    for nodes, consoles in ((1, ()), (2, ("node2",)), (3, ("node2",))):
        topology = plan(nodes)
        assert settings(topology.nodes[0], topology, INSTALL).registry.consoles == consoles


def test_a_fleet_on_etcd_knows_every_server_of_the_cluster_and_lets_them_in() -> None:
    topology = plan(3)
    whole = settings(topology.nodes[1], topology, INSTALL, engine="etcd")
    assert whole.registry.etcd == tuple(f"https://198.18.1.{number}:2379" for number in (1, 2, 3))
    assert whole.guard.fleet == ("198.18.1.1", "198.18.1.3")


def test_a_server_without_asterisk_opens_no_port_of_a_telephone() -> None:
    topology = plan(2)
    whole = settings(topology.nodes[1], topology, INSTALL, hosts=False)
    assert not whole.asterisk.here
    assert (whole.guard.sip_udp, whole.guard.sip_tcp, whole.guard.rtp, whole.guard.capture_port) == ((), (), (), 0)
    assert [service.name for service in of_node(INSTALL, hosts=False)] == ["guard", "node"]


def test_each_node_serves_its_console_at_its_own_address_and_guards_it_from_its_own_service_user() -> None:
    topology = plan(2)
    whole = settings(topology.nodes[1], topology, INSTALL)
    assert (whole.node.name, whole.admin_http.host, whole.guard.node_service_uid) == ("node2", "198.18.1.2", 101)
