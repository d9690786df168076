"""What every driver does with address lists, shown by counted packets in a network of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from ipaddress import ip_address, ip_network

import pytest

from firewall.countries.lists import CountryLists
from firewall.kernel.iptables.driver import IptablesKernel
from firewall.kernel.iptables.ipset_swap import IpsetLists
from firewall.kernel.nft.driver import NFT, NftablesKernel
from firewall.kernel.nft.intervals import NftLists
from firewall.kernel.nft.netlink import SO_RCVBUFFORCE
from firewall.kernel.nft.turns import Turns
from firewall.kernel.port import Kernel
from firewall.kernel.ruleset import Ruleset
from firewall.lists.address_lists import AddressLists, country_list, own_list
from firewall.lists.ranges import Range, merged
from tests.own_network import Outside, bodies_on, end_with_parent, in_own_network

TABLE = "lists"
INSIDE, OUTSIDE = "198.19.0.20", "198.19.0.66"
INSIDE6, OUTSIDE6 = "2001:db8:1::20", "2001:db8:2::66"
HOME, HOME6 = [ip_network("198.19.0.0/26")], [ip_network("2001:db8:1::/48")]
DRIVERS: dict[str, Callable[[], AddressLists]] = {
    "nftables": lambda: NftLists(TABLE, NFT, Turns()),
    "ipset": IpsetLists,
}
NFT_RULES = """
table inet lists {
  counter wrong { }
  chain input {
    type filter hook input priority 0; policy accept;
    udp dport 5060 ip saddr @country_br4 accept
    udp dport 5060 ip6 saddr @country_br6 accept
    udp dport 5060 counter drop
  }
}
"""


class Node:
    """A node whose rules let in to SIP's port whom the list of Brazil holds."""

    def __init__(self, driver: str) -> None:
        self.outside = Outside()
        self.lists = DRIVERS[driver]()
        self.driver = driver

    def apply_rules(self) -> None:
        if self.driver == "nftables":
            subprocess.run([NFT, "-f", "-"], input=NFT_RULES, text=True, check=True)
            return
        for command, name in (("iptables-legacy", "axt_country_br4"), ("ip6tables-legacy", "axt_country_br6")):
            to_sip = [command, "-A", "INPUT", "-p", "udp", "--dport", "5060"]
            subprocess.run([*to_sip, "-m", "set", "--match-set", name, "src", "-j", "ACCEPT"], check=True)
            subprocess.run([*to_sip, "-j", "DROP"], check=True)

    def hears(self, source: str) -> bool:
        node = Outside.NODE6 if ":" in source else Outside.NODE4
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as phone, self.outside.socket(source) as sender:
            phone.bind((node, 5060))
            sender.sendto(b"x", (node, 5060))
            phone.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                return phone.recv(10) == b"x"
        return False

    def close(self) -> None:
        self.lists.close()
        self.outside.close()


@pytest.fixture(params=list(DRIVERS))
def on_node(request: pytest.FixtureRequest) -> Callable[[Callable[[Node], None]], None]:
    return bodies_on(lambda: Node(request.param))


OnNode = Callable[[Callable[[Node], None]], None]


def number(address: str) -> int:
    return int(ip_address(address))


def brazil(*more: Range) -> dict[str, dict[int, list[Range]]]:
    four = [(int(net.network_address), int(net.broadcast_address) + 1) for net in HOME]
    six = [(int(net.network_address), int(net.broadcast_address) + 1) for net in HOME6]
    return {country_list("BR"): {4: merged([*four, *more]), 6: six}}


def test_who_is_on_a_list_is_heard_and_others_are_not_in_both_families(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.lists.load(brazil())
        node.apply_rules()
        assert [node.hears(source) for source in (INSIDE, OUTSIDE, INSIDE6, OUTSIDE6)] == [True, False, True, False]

    on_node(body)


def test_a_list_loaded_again_holds_only_the_new_addresses(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.lists.load(brazil())
        node.apply_rules()
        node.lists.load(
            {country_list("BR"): {4: [(int(ip_network(OUTSIDE).network_address), (198 << 24) + (20 << 16))]}}
        )
        assert [node.hears(source) for source in (INSIDE, OUTSIDE, INSIDE6)] == [False, True, False]

    on_node(body)


def test_the_edges_of_ranges_are_exact_up_to_the_last_address_of_all(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        first = int(ip_network(INSIDE).network_address)
        node.lists.load(
            {country_list("BR"): {4: [(0, 1), (first, first + 1), (0xE0000000, 1 << 32)], 6: [(0, 1 << 128)]}}
        )
        node.apply_rules()
        heard = [node.hears(source) for source in ("198.19.0.19", INSIDE, "198.19.0.21", INSIDE6, OUTSIDE6)]
        assert heard == [False, True, False, True, True]

    on_node(body)


def test_real_countries_are_loaded_whole(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        countries = CountryLists.open()
        node.lists.load(
            {country_list(code): {4: countries.ranges(code, 4), 6: countries.ranges(code, 6)} for code in ("BR", "AR")}
        )
        node.lists.load(brazil(*countries.ranges("BR", 4)))
        node.apply_rules()
        assert [node.hears(source) for source in (INSIDE, OUTSIDE)] == [True, False]

    on_node(body)


def test_lists_that_nobody_wants_go_and_those_that_rules_name_stay(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.lists.load({**brazil(), own_list("offices"): {4: [(1, 2)]}})
        node.apply_rules()
        node.lists.keep_only([])
        assert node.hears(INSIDE)
        listing = ["nft", "list", "sets"] if node.driver == "nftables" else ["ipset", "list", "-n"]
        shown = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
        assert "country_br4" in shown
        assert "list_offices" not in shown

    on_node(body)


def test_no_packet_is_judged_wrongly_while_lists_are_swapped(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        one, other = (
            brazil(*[(0x0A000000 + i * 512 + k, 0x0A000000 + i * 512 + 256) for i in range(5000)]) for k in (0, 8)
        )
        node.lists.load(one)
        node.apply_rules()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 28)
            phone.bind((Outside.NODE4, 5060))
            flood = Flood(node.outside)
            for lists in (other, one, other, one):
                node.lists.load(lists)
            sent = flood.end()
            heard = {INSIDE: 0, OUTSIDE: 0}
            phone.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                while True:
                    heard[phone.recvfrom(10)[1][0]] += 1
        assert sent > 1000
        assert heard == {INSIDE: sent, OUTSIDE: 0}

    on_node(body)


KERNELS: dict[str, Callable[[], Kernel]] = {"nftables": NftablesKernel, "iptables": IptablesKernel}


@pytest.mark.parametrize("driver", KERNELS)
def test_a_lists_load_is_no_foreign_change_and_leaves_the_rules_intact(driver: str) -> None:
    def body() -> None:
        kernel = KERNELS[driver]()
        kernel.apply(Ruleset())
        kernel.lists.load(brazil())
        kernel.apply(Ruleset())
        kernel.changes()
        kernel.drain_changes()
        kernel.lists.load(brazil((1, 2)))
        assert not kernel.drain_changes()
        assert kernel.is_intact()
        kernel.close()

    in_own_network(body)


class Flood:
    """Another process that sends from inside the list and from outside it, in turn."""

    def __init__(self, outside: Outside) -> None:
        senders = [outside.socket(source) for source in (INSIDE, OUTSIDE)]
        self._reader, writer = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            end_with_parent()
            going = True

            def end(number: int, frame: object) -> None:
                nonlocal going
                going = False

            signal.signal(signal.SIGTERM, end)
            rounds = 0
            while going:
                for sender in senders:
                    sender.sendto(b"x", (Outside.NODE4, 5060))
                rounds += 1
            os.write(writer, str(rounds).encode())
            os._exit(0)
        os.close(writer)
        for sender in senders:
            sender.close()

    def end(self) -> int:
        """How many packets each source has sent."""
        os.kill(self._process, signal.SIGTERM)
        with os.fdopen(self._reader) as pipe:
            rounds = int(pipe.read())
        os.waitpid(self._process, 0)
        return rounds
