"""The rules in the kernel: default deny, no tracking of what is open, and what somebody else changes."""

from __future__ import annotations

import socket
import subprocess

from firewall.kernel.source_sets import SourceSet
from tests.contract.kernel.node import (
    ENEMY,
    ENEMY6_SOURCE,
    FLUSH,
    FRIEND,
    FRIEND6,
    NODE2,
    RULES,
    Node,
    OnNode,
    tracked,
)
from tests.own_network import Outside


def test_what_is_not_open_is_denied_except_to_the_fleet(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        assert (node.heard(FRIEND, port=9999), node.heard(FRIEND6, port=9999)) == (0, 0)
        assert node.heard(NODE2, port=9999) == 3
        assert (node.heard(FRIEND, port=5060), node.heard(FRIEND, port=10_000)) == (3, 3)

    on_node(body)


def test_a_datagram_too_long_for_the_log_does_not_reach_sip(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        assert (node.heard(FRIEND, size=6900), node.heard(FRIEND, size=7100)) == (3, 0)
        assert (node.heard(FRIEND6, size=6900), node.heard(FRIEND6, size=7100)) == (3, 0)
        assert node.heard(FRIEND, port=12_000, size=7100) == 3

    on_node(body)


def test_the_administrator_s_own_tools_can_list_the_rules(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers()
        tool = {"nftables": ["nft", "list", "ruleset"], "iptables": ["iptables-legacy", "-t", "raw", "-S"]}[node.driver]
        told = subprocess.run(tool, check=True, capture_output=True, text=True).stdout
        assert "strangers" in told or "ASTERISK_EXT_STR" in told

    on_node(body)


def test_sip_and_media_take_no_place_in_connection_tracking(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        with socket.create_server((Outside.NODE4, 5060)), node.outside.socket(FRIEND, socket.SOCK_STREAM) as phone:
            phone.connect((Outside.NODE4, 5060))
            before = tracked()
            assert before >= 1
            for last in range(1, 200):
                node.heard(f"198.19.7.{last}", packets=1) if last % 50 == 0 else None
                with node.outside.socket(f"198.19.7.{last}") as sender:
                    sender.sendto(b"x", (Outside.NODE4, 5060))
                    sender.sendto(b"x", (Outside.NODE4, 12_000))
            assert tracked() - before < 20

    on_node(body)


def test_a_foreign_change_is_noticed_and_repaired_by_applying_again(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.kernel.put(SourceSet.BAN, {ENEMY: 60.0})
        node.kernel.changes()
        node.kernel.drain_changes()
        subprocess.run(FLUSH[node.driver], check=True)
        assert not node.kernel.is_intact()
        if node.kernel.changes() >= 0:
            assert node.kernel.drain_changes()
        node.kernel.apply(RULES)
        node.kernel.restore({SourceSet.BAN: {ENEMY: 60.0}})
        assert node.kernel.is_intact()
        assert (node.heard(ENEMY), node.heard(FRIEND)) == (0, 3)

    on_node(body)


def test_the_drivers_own_changes_are_not_taken_for_foreign_ones(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.kernel.changes()
        node.kernel.drain_changes()
        node.kernel.put(SourceSet.BAN, {ENEMY: 60.0, ENEMY6_SOURCE: 60.0})
        node.kernel.put(SourceSet.SLOW, {FRIEND: 60.0})
        node.kernel.lift([ENEMY])
        assert not node.kernel.drain_changes()

    on_node(body)
