"""The limit for strangers, as data and as nftables' rules (pure).

A ban needs the guard: until it has read the fourth failure, whatever the attacker has sent meanwhile is answered too.
The kernel therefore counts a stranger's packets by itself. Strangers are those who have not authenticated within a
day, to whom Asterisk has not sent a request of its own, and who are on no never-ban list.

* Over UDP, where a packet is a request: as many at once as make a ban (``failures``), then one a second. Once one has
  failed the guard lists its source as *suspect*: one at a time, one a second. So whoever sends n failures at once, or
  waits after each, gets ``failures`` through, as long as Asterisk and the guard together need less than a second for
  the ban (measured: 0.5 ms, 25 ms at worst).
* Over streams a packet is any piece of any number of requests, and TLS hides which. The shortest request that fails
  has 64 bytes, the shortest guess 230. So the node offers strangers short segments (RFC 9293 section 3.7.1) and takes
  no longer ones: one at a time, four a second. One completes what came before it and three requests at most. Whoever
  has just failed, or is two failures from a ban, gets *narrow* ones, in which no two requests end, two a second.
  Each packet with data is a segment, were it a byte. Connections: two at once, then one in three seconds,
  or an office that comes at once would share the segments among so many that none gets anywhere.
* UDP and streams take turns: after a packet of one, the other waits a second.
* What is completed late would escape this. Segments whose first comes last: with nftables a stranger's has to begin
  where the node has acknowledged up to (``due``), so nothing waits in the kernel; ipsets cannot hold a sequence number.
  A TLS record is held back in Asterisk until it is whole. So a stranger's connection carries
  ``CONNECTION_BYTES`` in all, and nothing more is sent over a stream to whoever is banned, which ends the answers to
  what came at once (``docs/benchmarks.md``).

A phone needs two packets, and its success makes its whole address known: an office of 50 phones that come at once from
a new address has the first of them in after some two seconds, and with it all. What is dropped is sent again (SIP over
UDP after 0.5, 1, 2 and 4 s; TCP by itself): it is a delay, no refusal.

Memory: the two shared limits come before and after the ones by source. ``FLOOD`` bounds how many sources a second can
get an entry, which lives ``ENTRY_SECONDS``: 100,000 at most, in sets of 131,072, which thus are never full. ``total``
is what all strangers together may send to Asterisk, so that a forged flood leaves it time for the phones it knows.

``watched``: the guard marks every ten minutes that it reads the log. An hour after it has stopped the limit is off, or
the phones of a large office, known to nobody any more a day later, would be strangers for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firewall.kernel.source_sets import ADDRESS_TYPES, SUBSCRIBER_MASK, SourceSet

FLOOD = 20_000
ENTRY_SECONDS = 5
ENTRIES = 1 << 17
SEGMENT_BYTES = 216
"""No usual TCP insists on more (FreeBSD's and Apple's least, ``net.inet.tcp.minmss``)."""
NARROW_BYTES = 60
"""Less than any request; Linux goes down to 48 and twelve of options."""
HEADERS = {False: 40, True: 60}
"""In IPv4 and in IPv6, where the offer is kept as well; TCP's options count as data."""
SEGMENTS_A_SECOND, NARROW_A_SECOND = 4, 2
CONNECTION_BYTES = 12_000
"""With headers and acknowledgements. A phone sends some 3 kB over TCP until it is known, 4 to 7 kB over TLS, and a
browser 9 kB over WebSocket (reckoned)."""
TURN_SECONDS = 1
TURNS = ("turn_udp", "turn_tcp")
TCP_WORDS = range(5, 16)
"""How long its header may be. A packet that is no longer has no data: an acknowledgement, which connections need."""
CONNECTIONS_AT_ONCE, CONNECTIONS_A_MINUTE = 2, 20
KEEPALIVE_BYTES = 32
"""What keeps a phone's way through its router open (CRLF, STUN) is shorter; the shortest SIP request is longer."""
RESPONSE = b"SIP/2.0 "
MET_SECONDS = 86_400
SUCCESS = b"SIP/2.0 200 "
"""Asterisk answers so, over UDP, only where a request is from whom it says."""
CONTACT_SECONDS = 3600
MOST_CONTACTS = 1 << 17
MOST_MET = 1 << 16
MOST_DUE = 1 << 18
DUE_SECONDS = 30
"""Longer than any usual TCP waits before it tells a segment again to somebody who still answers."""
COUNTER = "strangers"
STRANGERS_CHAINS = (
    "strangers_out",
    "strangers_due",
    "strangers_data",
    "strangers_short",
    "strangers_tcp",
    "strangers_long",
    "strangers",
)
SPARED = (SourceSet.KNOWN, SourceSet.SLOW)
"""Who has authenticated; what comes from them does not get into the chain ``strangers``."""
PER_SOURCE = ("stranger", "suspect_rate", "connect", "segment", "narrow_rate", *TURNS)


@dataclass(frozen=True, slots=True)
class Strangers:
    """``failures``: how many make a ban; ``total``: packets a second of all strangers over UDP."""

    failures: int = 4
    total: int = 1000


def nft_sets() -> list[str]:
    """Declarations without ``add set inet TABLE``."""
    timed = f"size {ENTRIES}; flags dynamic,timeout; timeout {ENTRY_SECONDS}s; }}"
    both = list(ADDRESS_TYPES.items())
    return [
        *(f"{name}{6 if v6 else 4} {{ type {kind}; {timed}" for name in PER_SOURCE for v6, kind in both),
        *(
            f"met{6 if v6 else 4} {{ type {kind}; size {MOST_MET}; flags dynamic,timeout; timeout {MET_SECONDS}s; }}"
            for v6, kind in both
        ),
        *(
            f"contact{6 if v6 else 4} {{ type {kind} . inet_service; size {MOST_CONTACTS}; flags dynamic,timeout; "
            f"timeout {CONTACT_SECONDS}s; }}"
            for v6, kind in both
        ),
        *(
            f"contact{6 if v6 else 4}_rate {{ type {kind} . inet_service; size 65535; flags dynamic,timeout; "
            "timeout 1m; }"
            for v6, kind in both
        ),
        *(f"friend{6 if v6 else 4} {{ type {kind}; flags interval; }}" for v6, kind in both),
        *(
            f"due{6 if v6 else 4} {{ typeof ip{6 if v6 else ''} saddr . tcp sport . tcp sequence; size {MOST_DUE}; "
            f"flags dynamic,timeout; timeout {DUE_SECONDS}s; }}"
            for v6 in ADDRESS_TYPES
        ),
        "watched { type nf_proto; flags timeout; }",
    ]


def nft_rules(strangers: Strangers) -> dict[str, list[str]]:
    """The rules of the chains ``strangers`` (for packets to SIP's ports), ``strangers_tcp``, and ``strangers_out`` (for
    what accepts a connection)."""
    drop = f'counter name "{COUNTER}" drop'
    flood = f"limit rate over {FLOOD}/second burst {FLOOD} packets {drop}"
    opening = "tcp flags & (syn | ack) == syn "
    suspects = [
        f"{saddr} @{SourceSet.SUSPECT.of(ipv6=v6)} {rule}"
        for (v6, saddr), rule in zip(SADDR.items(), _limited("suspect_rate", SINGLY, drop), strict=True)
    ]
    rate = f"{CONNECTIONS_A_MINUTE}/minute burst {CONNECTIONS_AT_ONCE} packets"
    connections = _limited("connect", rate, drop)
    lengths = by_family("{nfproto} meta length > {length} {drop}", "", drop=drop, data=SEGMENT_BYTES)
    narrow = by_family("{saddr} @{name} meta length > {length} {drop}", "narrow", drop=drop, data=NARROW_BYTES)
    slower = [
        f"{saddr} @{SourceSet.NARROW.of(ipv6=v6)} {rule}"
        for (v6, saddr), rule in zip(
            SADDR.items(), _limited("narrow_rate", f"{NARROW_A_SECOND}/second burst 1 packets", drop), strict=True
        )
    ]
    waits = {turn: by_family("{saddr} @{name} {drop}", turn, drop=drop) for turn in TURNS}
    takes = {turn: by_family("update @{name} {{ {saddr} timeout 1s }}", turn) for turn in TURNS}
    unlimited = [
        "iif lo return",
        *by_family("{saddr} @{name} return", "met"),
        "ip saddr @friend4 return",
        "ip6 saddr @friend6 return",
        "meta nfproto != @watched return",
    ]
    known = [
        "oif lo return",
        *(rule for spared in SPARED for rule in by_family("{daddr} @{name} return", spared)),
        *by_family("{daddr} @{name} return", "met"),
        "ip daddr @friend4 return",
        "ip6 daddr @friend6 return",
    ]
    return {
        "strangers_due": [
            *known,
            "update @due4 { ip daddr . tcp dport . tcp ackseq }",
            "update @due6 { ip6 daddr . tcp dport . tcp ackseq }",
        ],
        "strangers_out": [
            *known,
            *by_family(f"{{daddr}} @{{name}} tcp option maxseg size set {NARROW_BYTES} return", SourceSet.NARROW),
            f"tcp option maxseg size set {SEGMENT_BYTES}",
        ],
        "strangers_tcp": [
            flood,
            *(opening + rule for rule in connections),
            f"{opening}return",
            f"meta length <= {HEADERS[True] - 20 + 4 * TCP_WORDS[-1]} goto strangers_short",
            "goto strangers_data",
        ],
        # A rule each: nft itself fails where a set holds what is no whole byte.
        "strangers_short": [
            *(f"ip length {20 + 4 * words} tcp doff {words} return" for words in TCP_WORDS),
            *(f"ip6 length {4 * words} tcp doff {words} return" for words in TCP_WORDS),
            "goto strangers_data",
        ],
        "strangers_data": [
            *lengths,
            *narrow,
            f"ip saddr . tcp sport . tcp sequence != @due4 {drop}",
            f"ip6 saddr . tcp sport . tcp sequence != @due6 {drop}",
            *waits["turn_udp"],
            *slower,
            *_limited("segment", f"{SEGMENTS_A_SECOND}/second burst 1 packets", drop),
            *takes["turn_tcp"],
        ],
        "strangers_long": [
            *(rule for spared in SPARED for rule in by_family("{saddr} @{name} return", spared)),
            *unlimited,
            drop,
        ],
        "strangers": [
            *unlimited,
            "meta l4proto tcp goto strangers_tcp",
            f"udp length <= {8 + KEEPALIVE_BYTES} return",
            flood,
            *waits["turn_tcp"],
            # The narrower limit first: what it drops takes nothing from the other.
            *suspects,
            *_limited("stranger", f"1/second burst {strangers.failures} packets", drop),
            f"limit rate over {strangers.total}/second burst {strangers.total} packets {drop}",
            *takes["turn_udp"],
        ],
    }


def nft_long(sip_tcp: Sequence[str]) -> list[str]:
    """For what comes in over a connection: a stranger's that has carried too much."""
    if not sip_tcp:
        return []
    return [f"tcp dport {{ {', '.join(sip_tcp)} }} ct original bytes > {CONNECTION_BYTES} jump strangers_long"]


def nft_contacts(sip_udp: Sequence[str]) -> list[str]:
    """For packets that go out: the ports of phones that have just succeeded."""
    if not sip_udp:
        return []
    told = f"udp sport {{ {', '.join(sip_udp)} }} @th,64,96 {int.from_bytes(SUCCESS, 'big'):#x} "
    return [
        told + "update @contact4 { ip daddr . udp dport }",
        told + "update @contact6 { ip6 daddr . udp dport }",
    ]


def nft_due(sip_tcp: Sequence[str]) -> list[str]:
    """For packets that go out: where a stranger's next segment has to begin."""
    return [f"tcp sport {{ {', '.join(sip_tcp)} }} jump strangers_due"] if sip_tcp else []


def nft_meetings(sip_udp: Sequence[str], sip_tcp: Sequence[str]) -> list[str]:
    """For packets that go out: whom Asterisk itself sends a request to, or calls, is no stranger; to those who are, it
    offers short segments."""
    response = int.from_bytes(RESPONSE, "big")
    asked = [f"udp sport {{ {', '.join(sip_udp)} }} @th,64,64 != {response:#x} "] if sip_udp else []
    accepted = [f"tcp sport {{ {', '.join(sip_tcp)} }} tcp flags & (syn | ack) == (syn | ack) "] if sip_tcp else []
    called = [f"tcp dport {{ {', '.join(sip_tcp)} }} tcp flags & (syn | ack) == syn "] if sip_tcp else []
    return [
        *(which + "update @met4 { ip daddr }" for which in asked + called),
        *(which + f"update @met6 {{ ip6 daddr & {SUBSCRIBER_MASK} }}" for which in asked + called),
        *(which + "jump strangers_out" for which in accepted),
    ]


SADDR = {False: "ip saddr", True: f"ip6 saddr & {SUBSCRIBER_MASK}"}
SINGLY = "1/second burst 1 packets"


def by_family(rule: str, name: str, *, drop: str = "", data: int = 0) -> list[str]:
    """A rule for each family, with ``{saddr}``, ``{daddr}``, ``{name}`` and the others as that has them."""
    return [
        rule.format(
            saddr=saddr,
            daddr=saddr.replace("saddr", "daddr"),
            name=f"{name}{6 if v6 else 4}",
            nfproto=f"meta nfproto ipv{6 if v6 else 4}",
            length=HEADERS[v6] + data,
            drop=drop,
        )
        for v6, saddr in SADDR.items()
    ]


def _limited(name: str, limit: str, drop: str) -> list[str]:
    return [
        f"update @{name}{6 if v6 else 4} {{ {saddr} limit rate over {limit} }} {drop}" for v6, saddr in SADDR.items()
    ]
