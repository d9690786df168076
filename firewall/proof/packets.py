"""Questions as packets: "would this address reach that port?" (pure; no packet leaves the namespace it is made for).

Scapy crafts one packet of each kind; the others differ in a few bytes, which are put in here: crafting thousands would
take it seconds. A packet carries its question's number, so that what comes through tells which question was answered.
"""

from __future__ import annotations

import socket
import struct
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from asterisk_ext.domain.firewall_trial import Question
from asterisk_ext.domain.firewall_types import Protocol

NODE_MAC, OTHER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
NODE = {4: "169.254.77.1", 6: "fd77:7777::1"}
PACKED = {version: ip_address(text).packed for version, text in NODE.items()}
SENTINEL = "169.254.77.2"
"""Always let in: when its packet has come through, so have all that were sent before it."""
ETHERNET = 14
HEADER = {4: 20, 6: 40}
SOURCE_AT = {4: 12, 6: 8}
SOURCE_PORT = 40_000
PROTOCOLS = (Protocol.UDP, Protocol.TCP, Protocol.ICMP)
NUMBERS = {
    4: {Protocol.UDP: 17, Protocol.TCP: 6, Protocol.ICMP: 1},
    6: {Protocol.UDP: 17, Protocol.TCP: 6, Protocol.ICMP: 58},
}
CHECKSUM_AT = {Protocol.UDP: 6, Protocol.TCP: 16, Protocol.ICMP: 2}
NUMBER_AT = {Protocol.UDP: 8, Protocol.TCP: 4, Protocol.ICMP: 4}
"""Payload, sequence number, identifier and sequence number."""


@dataclass(slots=True)
class Crafter:
    """Makes the Ethernet frames of questions."""

    _templates: dict[tuple[int, Protocol], bytes] = field(default_factory=dict)

    def frame(self, number: int, question: Question) -> bytes:
        address = ip_address(question.address)
        version, protocol = address.version, question.protocol
        known = (version, protocol)
        if known not in self._templates:
            self._templates[known] = template(version, protocol)
        packet = bytearray(self._templates[known])
        ip, above = ETHERNET, ETHERNET + HEADER[version]
        source = address.packed
        packet[ip + SOURCE_AT[version] : ip + SOURCE_AT[version] + len(source)] = source
        if protocol is not Protocol.ICMP:
            struct.pack_into(">H", packet, above + 2, question.port)
        struct.pack_into(">I", packet, above + NUMBER_AT[protocol], number)
        if version == 4:
            struct.pack_into(">H", packet, ip + 10, 0)
            struct.pack_into(">H", packet, ip + 10, checksum(packet[ip:above]))
        place = above + CHECKSUM_AT[protocol]
        struct.pack_into(">H", packet, place, 0)
        pseudo = (
            b""
            if known == (4, Protocol.ICMP)
            else _pseudo_header(address, len(packet) - above, NUMBERS[version][protocol])
        )
        struct.pack_into(">H", packet, place, checksum(pseudo + packet[above:]) or 0xFFFF)
        return bytes(packet)


def template(version: int, protocol: Protocol) -> bytes:
    """A whole frame by scapy: a SIP client's datagram, the opening of a connection, or a ping."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scapy's own cipher suites use what its libraries call outdated
        from scapy.layers.inet import ICMP, IP, TCP, UDP
        from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
        from scapy.layers.l2 import Ether
        from scapy.packet import Raw
    network = IP(src="192.0.2.1", dst=NODE[4]) if version == 4 else IPv6(src="2001:db8::1", dst=NODE[6])
    above = {
        Protocol.UDP: lambda: UDP(sport=SOURCE_PORT, dport=1) / Raw(bytes(4)),
        Protocol.TCP: lambda: TCP(sport=SOURCE_PORT, dport=1, flags="S"),
        Protocol.ICMP: lambda: ICMP() if version == 4 else ICMPv6EchoRequest(),
    }[protocol]()
    return bytes(Ether(src=OTHER_MAC, dst=NODE_MAC) / network / above)


def listeners() -> list[tuple[int, Protocol, socket.socket]]:
    """Raw sockets that hear what comes through the firewall (raw(7)), by IP version and protocol."""
    made = []
    for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
        for protocol in PROTOCOLS:
            heard = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NUMBERS[version][protocol])
            heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            made.append((version, protocol, heard))
    return made


def numbers_heard(version: int, protocol: Protocol, heard: socket.socket) -> Iterator[int]:
    """The questions whose packets have come through to this socket until now."""
    place = NUMBER_AT[protocol]
    while True:
        try:
            packet = heard.recv(2048)
        except BlockingIOError:
            return
        start = (packet[0] & 15) * 4 if version == 4 else 0
        if len(packet) >= start + place + 4 and _is_ours(packet, start, version, protocol):
            yield int(struct.unpack_from(">I", packet, start + place)[0])


def checksum(data: Iterable[int] | bytes | bytearray) -> int:
    """RFC 1071."""
    padded = bytes(data)
    padded += b"\0" * (len(padded) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _is_ours(packet: bytes, start: int, version: int, protocol: Protocol) -> bool:
    """Not one of the node's own answers or of IPv6's own messages."""
    if protocol is Protocol.ICMP:
        return packet[start] == (8 if version == 4 else 128)
    return int(struct.unpack_from(">H", packet, start)[0]) == SOURCE_PORT


def _pseudo_header(source: IPv4Address | IPv6Address, length: int, number: int) -> bytes:
    target = PACKED[source.version]
    if source.version == 4:
        return source.packed + target + struct.pack(">BBH", 0, number, length)
    return source.packed + target + struct.pack(">IHBB", length, 0, 0, number)
