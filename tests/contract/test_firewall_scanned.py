"""Default deny and single rules as nmap finds them from outside: all kinds of scan, both drivers, both families."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from asterisk_ext.domain.firewall import Firewall
from asterisk_ext.domain.firewall_rule import Rule
from firewall.drivers import kernel_of
from firewall.filter import filter_of
from firewall.kernel import Kernel
from firewall.ruleset import Ruleset
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
    six = ("-6",) if family == "IPv6" else ()
    wanted = ",".join(map(str, ports))
    told = outside.told("nmap", *six, *QUICK, kind, "-p", wanted, "-oG", "-", "-vv", NODES[family])
    return {int(port): state for port, state in re.findall(r"(\d+)/([a-z|]+)/(?:tcp|udp)", told)}


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


@contextmanager
def listening(family: str, port: int) -> Iterator[None]:
    kind = socket.AF_INET6 if family == "IPv6" else socket.AF_INET
    with socket.create_server((NODES[family], port), family=kind):
        yield
