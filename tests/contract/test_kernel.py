"""What every driver of the kernel does, shown by counted packets in a network of its own."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from firewall import nftables
from firewall.iptables import IptablesKernel
from firewall.kernel import Kernel
from firewall.nftables import NftablesKernel
from firewall.ruleset import Ruleset, usual
from firewall.ruleset_strangers import CONNECTION_BYTES, CONNECTIONS_AT_ONCE, NARROW_BYTES, SEGMENT_BYTES, Strangers
from firewall.source_sets import SourceSet
from tests.own_network import Outside, in_own_network

DRIVERS: dict[str, Callable[[], Kernel]] = {"nftables": NftablesKernel, "iptables": IptablesKernel}
FLUSH = {
    "nftables": ["nft", "flush", "ruleset"],
    "iptables": ["iptables-legacy", "-t", "raw", "-F"],
}
FRIEND, ENEMY, NODE2 = "198.19.0.20", "198.19.0.66", "198.19.0.2"
FRIEND6, ENEMY6, ENEMY6_NEIGHBOUR = "2001:db8:1::20", "2001:db8:2::66", "2001:db8:2::abcd"
ENEMY6_SOURCE = "2001:db8:2::/64"
RULES = Ruleset(confirmed=usual((NODE2,)))
FAILURES = 4


class Node:
    """A driver that has applied the rules, and counted packets from outside."""

    def __init__(self, driver: str) -> None:
        self.outside = Outside()
        self.kernel = DRIVERS[driver]()
        self.driver = driver
        self.kernel.apply(RULES)

    def heard(
        self, source: str, port: int = 5060, packets: int = 3, size: int = 100, own: socket.socket | None = None
    ) -> int:
        """How many of so many datagrams from a source, from ``own`` if given, reach a UDP port of the node."""
        node = Outside.NODE6 if ":" in source else Outside.NODE4
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as phone, self.outside.socket(source) as new:
            sender = own or new
            phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            phone.bind((node, port))
            for _ in range(packets):
                sender.sendto(b"x" * size, (node, port))
            phone.settimeout(0.1)
            count = 0
            with contextlib.suppress(TimeoutError):
                while phone.recv(65_536):
                    count += 1
            return count

    def limit_strangers(self, *, total: int = 1000, seconds: float = 60.0) -> None:
        self.kernel.apply(replace(RULES, strangers=Strangers(FAILURES, total)))
        self.kernel.watch(seconds)

    def sends(self, to: str, text: bytes, port: int = 5060) -> None:
        """A datagram from SIP's port of the node."""
        family = socket.AF_INET6 if ":" in to else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as asterisk:
            asterisk.bind((Outside.NODE6 if ":" in to else Outside.NODE4, 5060))
            asterisk.sendto(text, (to, port))

    def heard_from_many(self, sources: int) -> int:
        """How many of one datagram each from so many sources reach SIP's port, sent as fast as can be."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone, self.outside.forger() as forger:
            phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            phone.bind((Outside.NODE4, 5060))
            phone.settimeout(0.1)
            for number in range(sources):
                udp = struct.pack(">HHHH", 5060, 5060, 108, 0) + b"x" * 100
                source = socket.inet_aton(f"198.19.{number >> 8}.{number & 255}")
                head = struct.pack(">BBHHHBBH", 0x45, 0, 128, 0, 0, 64, socket.IPPROTO_UDP, 0)
                forger.sendto(head + source + socket.inet_aton(Outside.NODE4) + udp, (Outside.NODE4, 0))
            count = 0
            with contextlib.suppress(TimeoutError):
                while phone.recv(65_536):
                    count += 1
            return count

    @contextlib.contextmanager
    def stream(self, source: str) -> Iterator[tuple[socket.socket, socket.socket]]:
        """A connection to SIP's port, seen from outside and from the node."""
        family, node = (socket.AF_INET6, Outside.NODE6) if ":" in source else (socket.AF_INET, Outside.NODE4)
        with (
            socket.create_server((node, 5060), family=family) as server,
            self.outside.socket(source, socket.SOCK_STREAM) as caller,
        ):
            caller.settimeout(10)
            caller.connect((node, 5060))
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            accepted, _ = server.accept()
            with accepted:
                yield caller, accepted

    def read(self, source: str, size: int, pause: float = 0.1) -> int:
        """How much of what a source sends over one connection arrives before the first such pause."""
        with self.stream(source) as (caller, accepted):
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.send(b"x" * size)
            return received(accepted, size, pause)

    def portions(self, source: str, size: int) -> list[int]:
        """How much arrives at a time of what a source sends over one connection."""
        portions: list[int] = []
        with self.stream(source) as (caller, accepted):
            caller.send(b"x" * size)
            accepted.settimeout(20)
            while sum(portions) < size:
                portions.append(len(accepted.recv(65_536)))
        return portions

    def pieces(self, source: str, count: int) -> int:
        """How many of so many segments of a byte arrive at once."""
        with self.stream(source) as (caller, accepted):
            for _ in range(count):
                caller.send(b"x")
            return received(accepted)

    def connections(self, source: str, tries: int) -> int:
        """How many of so many connections tried at once come about at once."""
        with socket.create_server((Outside.NODE4, 5060), backlog=tries) as server, contextlib.ExitStack() as callers:
            for _ in range(tries):
                caller = callers.enter_context(self.outside.socket(source, socket.SOCK_STREAM))
                caller.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    caller.connect((Outside.NODE4, 5060))
            server.settimeout(0.2)
            count = 0
            with contextlib.suppress(TimeoutError):
                while True:
                    server.accept()[0].close()
                    count += 1
            return count

    def close(self) -> None:
        self.kernel.close()
        self.outside.close()


@pytest.fixture(params=list(DRIVERS))
def on_node(request: pytest.FixtureRequest) -> Callable[[Callable[[Node], None]], None]:
    def run(body: Callable[[Node], None]) -> None:
        def inside() -> None:
            node = Node(request.param)
            try:
                body(node)
            finally:
                node.close()

        in_own_network(inside)

    return run


OnNode = Callable[[Callable[[Node], None]], None]


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
        assert len(node.kernel.listed(SourceSet.BAN)) == 5002
        node.kernel.restore({SourceSet.BAN: {}})
        assert (node.heard(ENEMY), node.kernel.listed(SourceSet.BAN)) == (3, {})

    on_node(body)


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


def test_a_slowed_source_is_limited_in_signalling_and_not_in_media(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.kernel.put(SourceSet.SLOW, {ENEMY: 60.0, ENEMY6_SOURCE: 60.0})
        assert 30 <= node.heard(ENEMY, packets=400) < 300
        assert 30 <= node.heard(ENEMY6, packets=400) < 300
        assert node.heard(ENEMY, packets=400, port=12_000) == 400
        assert node.heard(FRIEND, packets=400) == 400
        node.kernel.lift([ENEMY])
        assert node.heard(ENEMY, packets=400) == 400

    on_node(body)


@pytest.mark.parametrize(("source", "slowed"), [(ENEMY, ENEMY), (ENEMY6, ENEMY6_SOURCE)])
def test_whoever_forges_the_address_of_a_slowed_phone_takes_nothing_of_its_share(
    on_node: OnNode, source: str, slowed: str
) -> None:
    def body(node: Node) -> None:
        with node.outside.socket(source) as phone, node.outside.socket(source) as refused:
            node.sends(source, b"SIP/2.0 200 OK\r\n", phone.getsockname()[1])
            node.sends(source, b"SIP/2.0 401 Unauthorized\r\n", refused.getsockname()[1])
            node.kernel.put(SourceSet.SLOW, {slowed: 60.0})
            assert node.heard(source, packets=400) < 300
            assert node.heard(source, packets=40, own=refused) < 40
            assert node.heard(source, packets=40, own=phone) == 40
            assert node.heard(source, packets=400, own=phone) < 300, "and it is limited by itself"

    on_node(body)


def test_who_is_banned_or_slowed_down_is_no_longer_let_in_as_known(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers()
        node.kernel.put(SourceSet.KNOWN, {FRIEND: 60.0, ENEMY: 60.0, ENEMY6_SOURCE: 60.0})
        assert [node.heard(source, packets=400) for source in (FRIEND, ENEMY, ENEMY6)] == [400, 400, 400]
        node.kernel.put(SourceSet.SLOW, {ENEMY: 60.0, ENEMY6_SOURCE: 60.0})
        assert all(30 <= node.heard(source, packets=400) < 300 for source in (ENEMY, ENEMY6))
        assert node.read(ENEMY, 40_000) == 40_000, "and is no stranger over a stream"
        node.kernel.put(SourceSet.BAN, {ENEMY: 60.0, ENEMY6_SOURCE: 60.0})
        assert [node.heard(source) for source in (FRIEND, ENEMY, ENEMY6)] == [3, 0, 0]
        assert list(node.kernel.listed(SourceSet.KNOWN)) == [FRIEND]

    on_node(body)


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


def test_the_administrator_s_own_tools_can_list_the_rules(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.limit_strangers()
        tool = {"nftables": ["nft", "list", "ruleset"], "iptables": ["iptables-legacy", "-t", "raw", "-S"]}[node.driver]
        told = subprocess.run(tool, check=True, capture_output=True, text=True).stdout
        assert "strangers" in told or "ASTERISK_EXT_STR" in told

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


def received(reader: socket.socket, most: int = 1 << 20, pause: float = 0.1) -> int:
    """How many bytes come until there are so many or none for a while."""
    reader.settimeout(pause)
    count = 0
    with contextlib.suppress(TimeoutError):
        while count < most and (data := reader.recv(65_536)):
            count += len(data)
    return count


def until(happens: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline


def tracked() -> int:
    return int(Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text())
