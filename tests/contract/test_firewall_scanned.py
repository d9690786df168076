"""Default deny and single rules as nmap finds them from outside: all kinds of scan, both drivers, both families."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from asterisk_ext.domain.firewall import Firewall
from asterisk_ext.domain.firewall_rule import Rule
from asterisk_ext.domain.firewall_types import ALL_PORTS, TYPES, Protocol
from firewall.kernel.drivers import kernel_of
from firewall.kernel.filter import filter_of
from firewall.kernel.port import Kernel
from firewall.kernel.ruleset import Ruleset
from tests.own_network import Outside, in_own_network

NODES = {"IPv4": Outside.NODE4, "IPv6": Outside.NODE6}
SCANNERS = {"IPv4": "198.18.0.2", "IPv6": "fd77::2"}
SCANS = {"SYN": "-sS", "ACK": "-sA", "FIN": "-sF", "Xmas": "-sX", "NULL": "-sN", "connect": "-sT"}
TCP, UDP = (22, 80, 443, 3306, 5060, 8480), (53, 161, 4569, 5061, 5070)
QUICK = ("-Pn", "-n", "-T5", "--max-retries", "1", "--max-rtt-timeout", "100ms", "--initial-rtt-timeout", "50ms")
DRIVERS = pytest.mark.parametrize("driver", ["nftables", "iptables"])
FAMILIES = pytest.mark.parametrize("family", list(NODES))


@contextmanager
def guarded(driver: str, *rules: Rule) -> Iterator[Outside]:
    outside, kernel = Outside(), kernel_of(driver)
    try:
        apply(kernel, *rules)
        yield outside
    finally:
        kernel.close()
        outside.close()


def apply(kernel: Kernel, *rules: Rule) -> None:
    kernel.apply(Ruleset(sip_udp=(), sip_tcp=(), rtp=(), confirmed=filter_of(Firewall(rules=rules))))


def scan(outside: Outside, family: str, kind: str, *ports: int) -> dict[int, str]:
    """The state that nmap gives each port."""
    found = _scan(outside, family, kind, ports=",".join(map(str, ports)))
    return {port: state for (_, port), state in found.items()}


def scan_both(outside: Outside, family: str, tcp: Iterable[int], udp: Iterable[int]) -> dict[tuple[str, int], str]:
    """The state of TCP and UDP ports, in one scan."""
    ports = f"T:{','.join(map(str, tcp))},U:{','.join(map(str, udp))}"
    return _scan(outside, family, "-sS", "-sU", ports=ports)


def _scan(outside: Outside, family: str, *kinds: str, ports: str) -> dict[tuple[str, int], str]:
    six = ("-6",) if family == "IPv6" else ()
    told = outside.told("nmap", *six, *QUICK, *kinds, "-p", ports, "-oG", "-", "-vv", NODES[family])
    return {(of, int(port)): state for port, state, of in re.findall(r"(\d+)/([a-z|]+)/(tcp|udp)", told)}


@DRIVERS
@FAMILIES
def test_without_a_rule_no_kind_of_scan_finds_a_port_although_somebody_listens(driver: str, family: str) -> None:
    def body() -> None:
        with guarded(driver) as outside, listening(family, 22):
            for name, kind in SCANS.items():
                assert set(scan(outside, family, kind, *TCP).values()) <= {"filtered", "open|filtered"}, name
            assert set(scan(outside, family, "-sU", *UDP).values()) == {"open|filtered"}

    in_own_network(body)


@DRIVERS
@FAMILIES
def test_what_a_rule_lets_in_is_found_and_nothing_beside_it(driver: str, family: str) -> None:
    def body() -> None:
        ssh = Rule(id="1", type="ssh", origins=(SCANNERS[family],))
        dns = Rule(id="2", type="any_udp", origins=(SCANNERS[family],), ports="53")
        with guarded(driver, ssh, dns) as outside, listening(family, 22):
            assert scan(outside, family, "-sS", *TCP) == {port: "open" if port == 22 else "filtered" for port in TCP}
            found = scan(outside, family, "-sU", *UDP)
            assert found == {port: "closed" if port == 53 else "open|filtered" for port in UDP}

    in_own_network(body)


@DRIVERS
@FAMILIES
def test_every_type_of_rule_opens_its_own_ports_to_its_origin_alone(driver: str, family: str) -> None:
    types = [kind for kind in TYPES.values() if kind.ports and kind.ports != ALL_PORTS]
    wide = {name for name, kind in TYPES.items() if kind not in types}
    assert wide == {"any", "any_tcp", "any_udp", "icmp"}, "proved packet by packet in test_firewall_rules"
    tcp, udp = (
        sorted({kind.ports[0] for kind in types if kind.ports and protocol in kind.protocols})
        for protocol in (Protocol.TCP, Protocol.UDP)
    )

    rules = [Rule(id=kind.id, type=kind.id, origins=(SCANNERS[family],)) for kind in types]

    asked = [*(("tcp", port) for port in tcp), *(("udp", port) for port in udp)]

    def origin() -> None:
        with guarded(driver, *rules) as outside:
            for limit in ("ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"):  # else it tells of one closed port a second
                Path("/proc/sys/net", limit).write_text("0")
            found = scan_both(outside, family, [*tcp, 3306], [*udp, 161])
            assert found == {**dict.fromkeys(asked, "closed"), ("tcp", 3306): "filtered", ("udp", 161): "open|filtered"}

    def others() -> None:
        elsewhere = [replace(rule, origins=("192.0.2.1", "2001:db8:77::1")) for rule in rules]
        with guarded(driver, *elsewhere) as outside:
            assert set(scan_both(outside, family, tcp, udp).values()) == {"filtered", "open|filtered"}

    in_own_network(origin)
    in_own_network(others)


@contextmanager
def listening(family: str, port: int) -> Iterator[None]:
    kind = socket.AF_INET6 if family == "IPv6" else socket.AF_INET
    with socket.create_server((NODES[family], port), family=kind):
        yield
