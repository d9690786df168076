"""Every type of rule, default deny and a candidate's trial, for both drivers and both families, by real packets."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import subprocess
import time
from collections.abc import Callable

import pytest

from asterisk_ext.domain.firewall import Firewall, Needs
from asterisk_ext.domain.firewall_rule import Direction, Rule, Verdict
from asterisk_ext.domain.firewall_types import TYPES, Protocol
from firewall.kernel.drivers import kernel_of
from firewall.kernel.filter import Filter, filter_of
from firewall.kernel.flow_end import end_flows
from firewall.kernel.ruleset import Ruleset
from firewall.kernel.source_sets import SourceSet
from firewall.lists.address_lists import country_list
from firewall.rules.list_content import contents
from tests.own_network import Outside, bodies_on

FRIENDS, ENEMIES = ("198.19.0.20", "2001:db8:1::20"), ("198.19.0.66", "2001:db8:2::66")
BRAZILIANS = ("198.19.5.5", "2001:db8:5::5")
NOBODY: Filter = Filter()


class Node:
    def __init__(self, driver: str) -> None:
        self.outside = Outside()
        self.kernel = kernel_of(driver)
        self.lists = self.kernel.lists

    def apply(self, firewall: Firewall, trial: Firewall | None = None, seconds: float = 60.0) -> None:
        tried = filter_of(trial) if trial else None
        self.kernel.apply(Ruleset(confirmed=filter_of(firewall), trial=tried, trial_seconds=seconds))

    def enters(self, source: str, protocol: Protocol, port: int) -> bool:
        """Whether a first packet from a source gets in."""
        return {Protocol.UDP: self._udp, Protocol.TCP: self._tcp}[protocol](source, port)

    def _udp(self, source: str, port: int) -> bool:
        family, node = _of(source)
        with socket.socket(family, socket.SOCK_DGRAM) as phone, self.outside.socket(source) as sender:
            phone.bind((node, port))
            sender.sendto(b"x", (node, port))
            return bool(select.select([phone], [], [], 0.1)[0])

    def _tcp(self, source: str, port: int) -> bool:
        _, node = _of(source)
        with self.outside.socket(source, socket.SOCK_STREAM) as caller:
            caller.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                # Nobody listens: whoever gets in is told so.
                return caller.connect_ex((node, port)) == errno.ECONNREFUSED
        return False

    def pings(self, source: str) -> bool:
        _, node = _of(source)
        with contextlib.suppress(subprocess.CalledProcessError):
            self.outside.run("ping", "-c1", "-W1", "-i0.2", "-q", "-I", source, node)
            return True
        return False

    def close(self) -> None:
        self.kernel.close()
        self.outside.close()


def _of(source: str) -> tuple[socket.AddressFamily, str]:
    return (socket.AF_INET6, Outside.NODE6) if ":" in source else (socket.AF_INET, Outside.NODE4)


@pytest.fixture(params=["nftables", "iptables"])
def on_node(request: pytest.FixtureRequest) -> Callable[[Callable[[Node], None]], None]:
    return bodies_on(lambda: Node(request.param))


OnNode = Callable[[Callable[[Node], None]], None]
WITH_PORTS = [kind for kind in TYPES.values() if kind.ports]


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_type_of_rule_holds_for_its_origin_and_for_nobody_else(on_node: OnNode, verdict: Verdict) -> None:
    def body(node: Node) -> None:
        for kind in WITH_PORTS:
            rule = Rule(id="1", type=kind.id, verdict=verdict, origins=FRIENDS)
            rest = (Rule(id="2", type="any"),) if verdict is Verdict.DENY else ()
            node.apply(Firewall(rules=(rule, *rest)))
            assert kind.ports is not None
            port = 33 if kind.ports == (1, 65535) else kind.ports[1]
            for protocol in kind.protocols:
                for friend, enemy in zip(FRIENDS, ENEMIES, strict=True):
                    heard = (node.enters(friend, protocol, port), node.enters(enemy, protocol, port))
                    wanted = (True, False) if verdict is Verdict.ALLOW else (False, True)
                    assert heard == wanted, (kind.id, protocol, friend)
            if kind.ports != (1, 65535):
                assert node.enters(FRIENDS[0], kind.protocols[0], port + 1) is (verdict is Verdict.DENY), kind.id

    on_node(body)


def test_pings_and_any_traffic_have_their_rules_too(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        for source in (FRIENDS[1], ENEMIES[1]):
            node.outside.run("ip", "-6", "addr", "add", f"{source}/128", "dev", "lo", "nodad")
        for kind in ("icmp", "any"):
            node.apply(Firewall(rules=(Rule(id="1", type=kind, origins=FRIENDS),)))
            assert [node.pings(source) for source in (*FRIENDS, *ENEMIES)] == [True, True, False, False]
            assert node.enters(FRIENDS[1], Protocol.TCP, 99) is (kind == "any")

    on_node(body)


def test_without_rules_nobody_gets_in(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.apply(Firewall())
        for source in FRIENDS:
            assert not any(
                node.enters(source, protocol, port)
                for protocol in (Protocol.UDP, Protocol.TCP)
                for port in (22, 5060, 8480, 12_000)
            )

    on_node(body)


def test_origins_are_networks_ranges_countries_and_lists_and_the_first_rule_decides(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        rules = (
            Rule(id="1", type="ssh", verdict=Verdict.DENY, origins=("198.19.0.21", "2001:db8:1::21")),
            Rule(id="2", type="ssh", origins=("198.19.0.20-198.19.0.22", "2001:db8:1::/64")),
            Rule(id="3", type="https", origins=("list:offices",)),
            Rule(id="4", type="sip_udp", origins=("country:BR",)),
        )
        firewall = Firewall(rules=rules, lists={"offices": ("198.19.0.66", "2001:db8:2::60-2001:db8:2::6f")})
        whole = contents(Firewall(rules=rules[2:3], lists=firewall.lists), countries=None)  # type: ignore[arg-type]
        brazil = {4: [(0xC6130500, 0xC6130600)], 6: [(0x20010DB8_00050000 << 64, 0x20010DB8_00060000 << 64)]}
        node.lists.load({**whole, country_list("BR"): brazil})
        node.apply(firewall)
        ssh = ["198.19.0.19", "198.19.0.20", "198.19.0.21", "198.19.0.22", "2001:db8:1::20", "2001:db8:1::21"]
        assert [node.enters(source, Protocol.TCP, 22) for source in ssh] == [False, True, False, True, True, False]
        https = [*ENEMIES, *FRIENDS, "2001:db8:2::70"]
        assert [node.enters(source, Protocol.TCP, 443) for source in https] == [True, True, False, False, False]
        phones = [*BRAZILIANS, *FRIENDS]
        assert [node.enters(source, Protocol.UDP, 5060) for source in phones] == [True, True, False, False]

    on_node(body)


def test_what_goes_out_goes_unless_a_rule_denies_it(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        out = Rule(id="1", type="any_tcp", direction=Direction.OUT, verdict=Verdict.DENY, origins=ENEMIES, ports="25")
        node.apply(Firewall(rules=(out,)))
        for place, wanted in (*zip(ENEMIES, (False, False), strict=True), *zip(FRIENDS, (True, True), strict=True)):
            family, _ = _of(place)
            with socket.socket(family, socket.SOCK_STREAM) as caller:
                caller.settimeout(0.3)
                with contextlib.suppress(TimeoutError):
                    assert (caller.connect_ex((place, 25)) == errno.ECONNREFUSED) is wanted, place

    on_node(body)


def test_a_candidate_holds_for_its_time_and_the_kernel_goes_back_though_nobody_is_left(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        open_to_friends = Firewall(rules=(Rule(id="1", type="ssh", origins=FRIENDS),))
        open_to_enemies = Firewall(rules=(Rule(id="1", type="ssh", origins=ENEMIES),))
        node.apply(open_to_friends)
        for seconds in (6, 20, 60):
            began = time.monotonic()
            node.apply(open_to_friends, open_to_enemies, seconds=seconds)
            answers = {source: node.enters(source, Protocol.TCP, 22) for source in (*FRIENDS, *ENEMIES)}
            if time.monotonic() - began < seconds:
                break
            # A machine too busy to ask in time has asked nothing; the old rules are back by now.
        assert answers == dict.fromkeys(FRIENDS, False) | dict.fromkeys(ENEMIES, True)
        node.kernel.close()
        while any(node.enters(source, Protocol.TCP, 22) for source in ENEMIES):
            assert time.monotonic() - began < seconds + 60
        for source, wanted in (*((each, True) for each in FRIENDS), *((each, False) for each in ENEMIES)):
            assert node.enters(source, Protocol.TCP, 22) is wanted, source

    on_node(body)


def test_a_confirmed_candidate_stays_and_one_rolled_back_is_gone_at_once(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        before = Firewall(rules=(Rule(id="1", type="ssh", origins=FRIENDS),))
        after = Firewall(rules=(Rule(id="1", type="ssh", origins=ENEMIES),))
        node.apply(before, after)
        node.apply(before)
        assert [node.enters(source, Protocol.TCP, 22) for source in (*FRIENDS, *ENEMIES)] == [True, True, False, False]
        node.apply(before, after)
        node.apply(after)
        assert [node.enters(source, Protocol.TCP, 22) for source in (*FRIENDS, *ENEMIES)] == [False, False, True, True]
        assert node.kernel.is_intact()

    on_node(body)


EMPTIED = {
    "nftables": ["nft", "flush", "set", "inet", "asterisk_ext", "country_br4"],
    "iptables": ["ipset", "flush", "axt_country_br4"],
}

FLUSH = {"nftables": ["nft", "flush", "ruleset"], "iptables": ["iptables-legacy", "-F"]}
LOST_WITH_THE_RULES = {"nftables": None, "iptables": set[str]()}
"""ipsets stay where they are."""


def test_one_list_that_somebody_empties_is_noticed_and_only_that_one(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        driver = "nftables" if node.kernel.changes() >= 0 else "iptables"
        lists = {country_list(code): {4: [(first << 24, (first + 1) << 24)], 6: []} for code, first in COUNTRIES}
        node.lists.load(lists)
        rule = Rule(id="1", type="any_udp", origins=("country:BR", "country:AR"))
        node.apply(Firewall(rules=(rule,)))
        node.kernel.drain_changes()
        node.kernel.changed_lists()
        node.lists.load(lists)
        node.kernel.drain_changes()
        assert not node.kernel.changed_lists()
        subprocess.run(EMPTIED[driver], check=True)
        assert node.kernel.is_intact(), "no rule has changed"
        node.kernel.drain_changes()
        assert node.kernel.changed_lists() == {"country_br"}
        node.lists.load({name: content for name, content in lists.items() if name == "country_br"})
        node.kernel.drain_changes()
        assert not node.kernel.changed_lists()
        subprocess.run(FLUSH[driver], check=True)
        node.kernel.drain_changes()
        assert node.kernel.changed_lists() == LOST_WITH_THE_RULES[driver]

    on_node(body)


COUNTRIES = (("br", 200), ("ar", 190))


def test_whoever_was_let_in_is_judged_anew_when_a_list_or_the_rules_change(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        def brazil(*families: int) -> None:
            ranges = {4: [(0xC6130500, 0xC6130600)], 6: [(0x20010DB80005 << 80, 0x20010DB80006 << 80)]}
            node.lists.load({country_list("br"): {v: ranges[v] if v in families else [] for v in (4, 6)}})

        def enter(wanted: bool) -> None:
            for source in BRAZILIANS:
                for _ in range(2):
                    assert node.enters(source, Protocol.UDP, 5060) is wanted

        rule = Rule(id="1", type="sip_udp", origins=("country:BR",))
        brazil(4, 6)
        node.apply(Firewall(rules=(rule,)))
        enter(True)
        assert not node.enters(BRAZILIANS[0], Protocol.UDP, 5061), "let in to a port is not let in to another"
        assert not node.enters(ENEMIES[0], Protocol.UDP, 5060)
        brazil()
        enter(False)
        brazil(4, 6)
        enter(True)
        node.apply(Firewall(rules=(Rule(id="0", type="sip_udp", verdict=Verdict.DENY), rule)))
        enter(False)
        node.apply(Firewall(rules=(rule,)))
        enter(True)
        node.apply(Firewall(rules=(rule,)), trial=Firewall(rules=(rule, Rule(id="2", type="sip_udp", ports="7000"))))
        assert node.enters(ENEMIES[0], Protocol.UDP, 7000)
        node.apply(Firewall(rules=(rule,)))
        assert not node.enters(ENEMIES[0], Protocol.UDP, 7000)

    on_node(body)


def test_whoever_was_let_in_may_still_be_banned(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        node.lists.load({country_list("br"): {4: [(0xC6130500, 0xC6130600)], 6: []}})
        node.apply(Firewall(rules=(Rule(id="1", type="sip_udp", origins=("country:BR",)),)))
        assert node.enters(BRAZILIANS[0], Protocol.UDP, 5060)
        node.kernel.put(SourceSet.BAN, {BRAZILIANS[0]: 60.0})
        assert not node.enters(BRAZILIANS[0], Protocol.UDP, 5060)

    on_node(body)


def test_a_server_that_leaves_the_fleet_is_not_let_in_any_more_and_the_others_are(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        many = [Rule(id=f"{place}", type="any_udp", origins=(f"203.0.113.{place}",)) for place in range(1, 20)]

        def apply(*nodes: str) -> None:
            node.apply(Firewall(rules=tuple(many), needs=Needs(nodes=nodes)))

        apply(*FRIENDS, *ENEMIES)
        ways = [(source, protocol) for source in (*FRIENDS, *ENEMIES) for protocol in (Protocol.UDP, Protocol.TCP)]
        assert all(node.enters(source, protocol, 8481) for source, protocol in ways)
        apply(*FRIENDS)
        assert [source for source, protocol in ways if node.enters(source, protocol, 8481)] == [
            source for source in FRIENDS for _ in range(2)
        ]

    on_node(body)


def test_what_a_server_that_has_left_the_fleet_had_begun_does_not_go_on_over_udp_either(on_node: OnNode) -> None:
    def body(node: Node) -> None:
        def apply(*nodes: str) -> None:
            node.apply(Firewall(needs=Needs(nodes=nodes)))

        apply(*FRIENDS)
        for left in FRIENDS:
            family, own = _of(left)
            with socket.socket(family, socket.SOCK_DGRAM) as here, node.outside.socket(left) as there:
                here.bind((own, 4569))

                def comes(here: socket.socket = here, there: socket.socket = there, own: str = own) -> bool:
                    there.sendto(b"x", (own, 4569))
                    return bool(select.select([here], [], [], 0.2)[0] and here.recv(10))

                assert comes()
                here.sendto(b"y", there.getsockname()[:2])
                assert there.recv(10) == b"y"
                assert end_flows([own]) == 0, "a server that is itself removed would lose all"
                apply(*(friend for friend in FRIENDS if friend != left))
                assert comes()
                assert end_flows([left]) == 1
                assert not comes()
                assert end_flows([left]) == 0
            apply(*FRIENDS)

    on_node(body)
