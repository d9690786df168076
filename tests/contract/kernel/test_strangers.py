"""The limit for strangers over UDP, in the kernel."""

from __future__ import annotations

from ipaddress import ip_network

from firewall.kernel.source_sets import SourceSet
from tests.contract.kernel.node import (
    ENEMY,
    ENEMY6,
    ENEMY6_NEIGHBOUR,
    ENEMY6_SOURCE,
    FAILURES,
    FRIEND,
    FRIEND6,
    Node,
    OnNode,
    until,
)


def test_a_stranger_gets_as_many_requests_through_at_once_as_make_a_ban_and_then_one_a_second(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers()
        for stranger in (ENEMY, ENEMY6):
            assert node.heard(stranger, packets=300) == FAILURES
            assert node.heard(stranger, packets=300, port=12_000) == 300, "media are not signalling"
            until(lambda source=stranger: node.heard(source, packets=1) == 1)  # type: ignore[misc]
        assert node.heard(ENEMY6_NEIGHBOUR, packets=100) <= 1, "a /64 is one stranger"
        assert node.heard(ENEMY, packets=50, size=20) == 50, "what keeps a way open is no request"

    on_node(body)


def test_a_stranger_that_has_failed_gets_one_request_through_at_a_time(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers()
        node.kernel.put(SourceSet.SUSPECT, {ENEMY: 60.0, ENEMY6_SOURCE: 60.0})
        assert (node.heard(ENEMY, packets=300), node.heard(ENEMY6, packets=300)) == (1, 1)
        node.kernel.lift([ENEMY, ENEMY6_SOURCE])
        assert node.kernel.listed(SourceSet.SUSPECT) == {}

    on_node(body)


def test_who_is_known_befriended_or_asked_by_asterisk_is_no_stranger(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers()
        node.kernel.put(SourceSet.KNOWN, {FRIEND: 60.0, "2001:db8:1::/64": 60.0})
        node.kernel.befriend([ip_network("198.19.1.0/24"), ip_network("198.19.0.0/16"), ip_network("2001:db8:7::/48")])
        node.kernel.befriend([ip_network("198.19.1.0/24"), ip_network("2001:db8:7::/48"), ip_network("10.0.0.0/8")])
        node.sends("198.19.0.30", b"OPTIONS sip:198.19.0.30 SIP/2.0\r\n")
        node.sends("2001:db8:3::30", b"OPTIONS sip:198.19.0.30 SIP/2.0\r\n")
        node.sends("198.19.0.31", b"SIP/2.0 401 Unauthorized\r\n")
        friends = (FRIEND, FRIEND6, "198.19.1.9", "2001:db8:7:1::1", "198.19.0.30", "2001:db8:3::31")
        assert [node.heard(source, packets=50) for source in friends] == [50] * len(friends)
        assert node.heard("198.19.0.31", packets=50) == FAILURES, "whoever asks is answered"
        node.kernel.befriend([])
        assert node.heard("198.19.1.9", packets=50) == FAILURES
        node.kernel.befriend([ip_network("0.0.0.0/0"), ip_network("::/0")])
        assert (node.heard(ENEMY, packets=50), node.heard(ENEMY6, packets=50)) == (50, 50)

    on_node(body)


def test_when_nobody_watches_any_more_strangers_are_not_limited(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers(seconds=2.0)
        assert (node.heard(ENEMY, packets=50), node.heard(ENEMY6, packets=50)) == (FAILURES, FAILURES)
        until(lambda: node.heard(ENEMY, packets=50) == node.heard(ENEMY6, packets=50) == 50)
        node.kernel.watch(60.0)
        node.kernel.watch(60.0)
        assert node.heard(FRIEND, packets=50) == FAILURES

    on_node(body)


def test_all_strangers_together_leave_asterisk_time_for_the_phones_it_knows(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers(total=100)
        node.kernel.put(SourceSet.KNOWN, {FRIEND: 60.0})
        assert 100 <= node.heard_from_many(3000) < 1000
        assert node.heard(FRIEND, packets=200) == 200

    on_node(body)
