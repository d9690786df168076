"""The limit for strangers over TCP and TLS, in the kernel."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firewall.kernel.source_sets import SourceSet
from firewall.kernel.strangers import CONNECTION_BYTES, CONNECTIONS_AT_ONCE, NARROW_BYTES, SEGMENT_BYTES, Strangers
from tests.contract.kernel.node import (
    ENEMY,
    ENEMY6,
    ENEMY6_SOURCE,
    FAILURES,
    FRIEND,
    RULES,
    Node,
    OnNode,
    received,
    until,
)
from tests.contract.kernel.segments import segments


def test_over_a_stream_a_stranger_is_limited_by_segments_and_connections(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers()
        node.kernel.put(SourceSet.KNOWN, {FRIEND: 60.0})
        assert node.read(FRIEND, 40_000) == 40_000
        assert node.read("198.19.0.67", 40_000) <= SEGMENT_BYTES, "of a flood only the beginning comes at once"
        assert node.read(ENEMY6, 40_000) <= SEGMENT_BYTES
        assert node.read(ENEMY, 1400, pause=3.0) == 1400, "what a phone needs to register comes through"
        assert node.connections("198.19.0.68", 10) == CONNECTIONS_AT_ONCE

    on_node(body)


def test_of_a_stranger_near_a_ban_two_requests_never_come_in_one_segment(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers()
        node.kernel.put(SourceSet.NARROW, {ENEMY: 60.0, ENEMY6_SOURCE: 60.0})
        for stranger in (ENEMY, ENEMY6):
            assert max(node.portions(stranger, 150)) <= NARROW_BYTES
        node.kernel.lift([ENEMY])
        assert max(node.portions(ENEMY, 150)) == 150

    on_node(body)


def test_pieces_of_a_byte_are_segments_as_well(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers()
        assert node.pieces(ENEMY, 30) == node.pieces(ENEMY6, 30) == 1

    on_node(body)


def test_requests_over_a_stream_and_over_udp_do_not_come_at_once(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers()
        for stranger in (ENEMY, ENEMY6):
            assert node.pieces(stranger, 1) == 1
            assert node.heard(stranger, packets=50) == 0
            until(lambda source=stranger: node.heard(source, packets=FAILURES) == FAILURES)  # type: ignore[misc]
            assert node.pieces(stranger, 1) == 0
            until(lambda source=stranger: node.pieces(source, 1) == 1)  # type: ignore[misc]

    on_node(body)


def test_a_stranger_s_connection_carries_no_more_than_a_phone_needs_until_it_is_known(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers()
        # The limits by the second are another rule; of a whole connection it takes a minute to reach this one.
        unlimited = replace(RULES, strangers=Strangers(FAILURES), sip_tcp=())
        node.kernel.apply(unlimited)
        assert node.read(ENEMY, 40_000) == 40_000
        with node.stream(ENEMY) as (caller, accepted):
            caller.send(b"x" * CONNECTION_BYTES)
            assert received(accepted) == CONNECTION_BYTES
            node.limit_strangers()
            caller.send(b"x")
            assert received(accepted) == 0
            node.kernel.put(SourceSet.KNOWN, {ENEMY: 60.0})
            accepted.settimeout(10)
            assert accepted.recv(1) == b"x"

    on_node(body)


@pytest.mark.parametrize("on_node", ["nftables"], indirect=True)
def test_a_stranger_s_segments_come_in_their_order_so_none_waits_for_its_beginning(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers()
        node.kernel.put(SourceSet.NARROW, {ENEMY: 60.0})
        with segments(node, ENEMY) as (sender, accepted):

            def comes(place: int, data: bytes) -> int:
                sender.send(place, data)
                return received(accepted)

            assert comes(40, b"b" * 40) == 0
            until(lambda: comes(0, b"a" * 40) == 40)
            until(lambda: comes(40, b"b" * 40) == 40)
            assert comes(90, b"d" * 40) == 0
            until(lambda: comes(40, b"b" * 40 + b"c" * 10) == 10)

    on_node(body)
