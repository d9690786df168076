"""A ban in the kernel: for whom, how far, how long."""

from __future__ import annotations

import socket
import time

import pytest

from firewall.kernel.nft import driver as nftables
from firewall.kernel.source_sets import SourceSet
from tests.contract.kernel.node import (
    ENEMY,
    ENEMY6,
    ENEMY6_NEIGHBOUR,
    ENEMY6_SOURCE,
    FRIEND,
    FRIEND6,
    RULES,
    Node,
    OnNode,
    received,
)
from tests.own_network import Outside


def test_a_banned_source_is_not_heard_and_others_are(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        assert node.heard(ENEMY) == 3
        node.kernel.put(SourceSet.BAN, {ENEMY: 60.0})
        assert (node.heard(ENEMY), node.heard(FRIEND)) == (0, 3)
        assert node.heard(ENEMY, port=12_000) == 0

    on_node(body)


def test_an_ipv6_ban_holds_for_the_whole_64_and_no_further(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        assert node.heard(ENEMY6) == 3
        node.kernel.put(SourceSet.BAN, {ENEMY6_SOURCE: 60.0})
        assert (node.heard(ENEMY6), node.heard(ENEMY6_NEIGHBOUR), node.heard(FRIEND6)) == (0, 0, 3)
        assert list(node.kernel.listed(SourceSet.BAN)) == [ENEMY6_SOURCE]

    on_node(body)


def test_a_ban_ends_an_established_connection(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        with (
            socket.create_server((Outside.NODE4, 5060)) as server,
            node.outside.socket(ENEMY, socket.SOCK_STREAM) as attacker,
        ):
            attacker.connect((Outside.NODE4, 5060))
            accepted, _ = server.accept()
            accepted.settimeout(0.3)
            attacker.send(b"REGISTER")
            assert accepted.recv(100) == b"REGISTER"
            node.kernel.put(SourceSet.BAN, {ENEMY: 60.0})
            attacker.send(b"REGISTER")
            with pytest.raises(TimeoutError):
                accepted.recv(100)
            accepted.close()

    on_node(body)


def test_a_ban_lifts_itself_though_the_guard_is_dead(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.kernel.put(SourceSet.BAN, {ENEMY: 1.0})
        assert node.heard(ENEMY) == 0
        node.kernel.close()
        deadline = time.monotonic() + 10
        while node.heard(ENEMY) == 0:
            assert time.monotonic() < deadline

    on_node(body)


def test_applying_the_same_rules_again_changes_nothing_and_keeps_the_bans(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.kernel.put(SourceSet.BAN, {ENEMY: 60.0})
        assert node.kernel.is_intact()
        node.kernel.apply(RULES)
        assert node.kernel.is_intact()
        assert (node.heard(ENEMY), node.heard(FRIEND)) == (0, 3)

    on_node(body)


def test_a_lifted_source_is_heard_and_lifting_a_stranger_is_nothing(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.kernel.put(SourceSet.BAN, {ENEMY: 60.0, ENEMY6_SOURCE: 60.0})
        node.kernel.lift([ENEMY, ENEMY6_SOURCE, FRIEND, "2001:db8:9::/64"])
        assert (node.heard(ENEMY), node.heard(ENEMY6)) == (3, 3)
        assert node.kernel.listed(SourceSet.BAN) == {}

    on_node(body)


@pytest.mark.parametrize("adding_renews", [nftables.ADDING_RENEWS, False], ids=["this kernel", "an older one"])
def test_a_ban_given_again_gets_the_new_time(on_node: OnNode, adding_renews: bool) -> None:
    def body(node: Node) -> None:
        nftables.ADDING_RENEWS = adding_renews
        node.kernel.put(SourceSet.BAN, {ENEMY: 60.0})
        node.kernel.put(SourceSet.BAN, {ENEMY: 600.0, FRIEND: 60.0})
        assert node.kernel.listed(SourceSet.BAN)[ENEMY] > 500
        node.kernel.put(SourceSet.BAN, {ENEMY: 60.0})
        assert node.kernel.listed(SourceSet.BAN)[ENEMY] <= 60

    on_node(body)


def test_restoring_makes_exactly_these_the_banned_ones(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.kernel.put(SourceSet.BAN, {FRIEND: 60.0})
        many = {f"203.{i >> 8}.{i & 255}.7": 3600.0 for i in range(5000)}
        node.kernel.restore({SourceSet.BAN: {**many, ENEMY: 60.0, ENEMY6_SOURCE: 60.0}})
        assert (node.heard(ENEMY), node.heard(ENEMY6), node.heard(FRIEND)) == (0, 0, 3)
        assert len(node.kernel.listed(SourceSet.BAN)) == node.kernel.count() == 5002
        node.kernel.restore({SourceSet.BAN: {}})
        assert (node.heard(ENEMY), node.kernel.listed(SourceSet.BAN)) == (3, {})

    on_node(body)


def test_nothing_is_sent_over_a_stream_to_whoever_is_banned(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        for enemy, source in ((ENEMY, ENEMY), (ENEMY6, ENEMY6_SOURCE)):
            with node.stream(enemy) as (caller, accepted):
                accepted.send(b"x")
                assert received(caller) == 1
                node.kernel.put(SourceSet.BAN, {source: 60.0})
                accepted.send(b"x")
                assert received(caller) == 0

    on_node(body)
