"""The rules as data, and as the text ``nft`` loads (pure).

Few hooks only. ``early`` (prerouting, priority −300) comes before connection tracking: the ban set is looked up there,
so a ban ends established flows too, and a flood from banned or forged addresses costs no tracking entry. SIP and RTP
are not tracked at all: they are open to whoever is not banned, so their state decides nothing, and a forged flood of
60,000 sources would fill the table and cut off everybody else's TCP. ``inbound`` (input) denies by default; what
is let in there and what ``outbound`` denies are the hoster's rules (``nft/filter.py``).

Every step and look-up costs a known phone's packets some time, so they meet few: media one look-up, in the bans, and
signalling one, in the known, who are never banned or slowed at the same time (``kernel.Kernel.put``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from asterisk_ext.domain.firewall import Firewall, Needs
from asterisk_ext.domain.firewall_default import default_rules
from asterisk_ext.domain.firewall_rule import ports_of
from asterisk_ext.domain.firewall_types import Protocol
from firewall.kernel import passed
from firewall.kernel.filter import Filter, filter_of
from firewall.kernel.nft.filter import TO_RULES, nft_chains, nft_trial
from firewall.kernel.nft.filter import nft_sets as filter_sets
from firewall.kernel.source_sets import ADDRESS_TYPES, SIZES, SUBSCRIBER_MASK, SourceSet
from firewall.kernel.strangers import (
    SPARED,
    STRANGERS_CHAINS,
    Strangers,
    by_family,
    nft_contacts,
    nft_due,
    nft_long,
    nft_meetings,
    nft_rules,
    nft_sets,
)

TABLE = "asterisk_ext"
BAN4, BAN6 = SourceSet.BAN.of(ipv6=False), SourceSet.BAN.of(ipv6=True)
SLOW4, SLOW6 = SourceSet.SLOW.of(ipv6=False), SourceSet.SLOW.of(ipv6=True)
LONGEST_SIP_DATAGRAM = 7000
"""Above this Asterisk's log line (8,191 bytes) may be cut before the sender's address; no SIP over UDP needs it."""
MAY_BE_TOO_LONG = "@th,32,16 & 0xf000 != 0"
"""UDP's length is 4096 at least: a mask is quicker to test than a bound, and few datagrams are as long."""
BANNED = (f"ip saddr @{BAN4}", f"ip6 saddr & {SUBSCRIBER_MASK} @{BAN6}")
NOT_BANNED = (f"ip saddr != @{BAN4}", f"ip6 saddr & {SUBSCRIBER_MASK} != @{BAN6}")
HOOKS = {
    "early": "prerouting priority -300; policy accept;",
    "early_out": "output priority -300; policy accept;",
    "inbound": "input priority 0; policy drop;",
    "outbound": "output priority 0; policy accept;",
}
COUNTERS = ("banned", "slowed", "strangers", "denied")
SLOW_RATE = "30/second burst 60 packets"
"""What an office of some fifty phones needs for registrations and calls."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What is open on this node. Ports are numbers or ranges (``"10000-20000"``); networks are addresses or CIDR."""

    sip_udp: tuple[str, ...] = ("5060",)
    sip_tcp: tuple[str, ...] = ("5060", "5061")
    rtp: tuple[str, ...] = ("10000-20000",)
    confirmed: Filter = field(default_factory=lambda: usual())
    """The rules that hold unless a candidate is on trial."""
    trial: Filter | None = None
    trial_seconds: float = 0.0
    """How much longer the candidate holds; then the kernel goes back to the confirmed rules by itself."""
    untracked: bool = True
    """False where the same machine translates addresses (NAT) for SIP or RTP, which needs tracking."""
    strangers: Strangers | None = None
    """How addresses are limited that nobody knows; ``None``: not at all."""

    @property
    def lists(self) -> frozenset[str]:
        """The address lists that its rules name."""
        return self.confirmed.lists | (self.trial.lists if self.trial else frozenset())

    @property
    def remembers(self) -> bool:
        """Whether whom the rules have let in is looked for before them."""
        return self.trial is None and passed.is_worth_it(self.confirmed)

    def is_untracked(self, port: str) -> bool:
        """Whether packets to these UDP ports need no tracking: they are open to everybody, with and without a trial."""
        filters = (self.confirmed, self.trial) if self.trial else (self.confirmed,)
        return self.untracked and all(each.open_to_all(Protocol.UDP, ports_of(port)) for each in filters)

    def is_for_all(self, port: str) -> bool:
        """Whether these UDP ports are untracked and no rule denies them to anybody, with and without a trial."""
        filters = (self.confirmed, self.trial) if self.trial else (self.confirmed,)
        return self.untracked and all(each.denies_none(Protocol.UDP, ports_of(port)) for each in filters)


def usual(fleet: tuple[str, ...] = ()) -> Filter:
    """The default template's rules, and everything open between nodes."""
    return filter_of(Firewall(rules=default_rules(), needs=Needs(nodes=fleet)))


def to_nft(rules: Ruleset) -> str:
    """The whole ruleset for ``nft -f -``: one transaction, repeatable, elements of the sets untouched."""
    chains = _chains(rules)
    return "\n".join(
        [
            f"add table inet {TABLE}",
            *(f"add set inet {TABLE} {declared}" for declared in _sets(rules)),
            *(f"add counter inet {TABLE} {name}" for name in COUNTERS),
            *(f"add chain inet {TABLE} {name}{_hooked(name)}" for name in chains),
            *(f"flush chain inet {TABLE} {name}" for name in chains),
            *(f"add rule inet {TABLE} {name} {rule}" for name, listed in chains.items() for rule in listed),
            *nft_trial(TABLE, rules.trial_seconds if rules.trial else 0),
            "",
        ]
    )


def _chains(rules: Ruleset) -> dict[str, list[str]]:
    """All chains and their rules, those that are jumped to first."""
    strangers = nft_rules(rules.strangers) if rules.strangers else {name: [] for name in STRANGERS_CHAINS}
    return {
        **strangers,
        **nft_chains(rules.confirmed, rules.trial),
        **_sip(rules),
        "early": _early(rules),
        "early_out": _early_out(rules),
        "inbound": _inbound(rules),
        "outbound": ["oif lo accept", "ct state established,related accept", *TO_RULES["out"]],
    }


def _hooked(chain: str) -> str:
    return f" {{ type filter hook {HOOKS[chain]} }}" if chain in HOOKS else ""


def _sets(rules: Ruleset) -> list[str]:
    return [
        *filter_sets([rules.confirmed, *([rules.trial] if rules.trial else [])]),
        *(
            f"{each.of(ipv6=v6)} {{ type {kind}; size {SIZES[each]}; flags timeout; }}"
            for each in SourceSet
            for v6, kind in ADDRESS_TYPES.items()
        ),
        *(
            f"{SourceSet.SLOW.of(ipv6=v6)}_rate {{ type {kind}; size 65535; flags dynamic,timeout; timeout 1m; }}"
            for v6, kind in ADDRESS_TYPES.items()
        ),
        *nft_sets(),
        *passed.nft_sets(),
    ]


def _early(rules: Ruleset) -> list[str]:
    return [
        # Media first: they are most of the traffic, and nothing but the bans concerns them.
        *(
            f"udp dport {port} {source} {'notrack ' if rules.is_untracked(port) else ''}accept"
            for source in NOT_BANNED
            for port in rules.rtp
        ),
        *(f"udp dport {port} goto sip" for port in rules.sip_udp),
        *_drop_banned(),
        *([f"tcp dport {_ports(rules.sip_tcp)} goto sip_tcp"] if rules.strangers and rules.sip_tcp else []),
    ]


def _sip(rules: Ruleset) -> dict[str, list[str]]:
    """The chains for what goes to SIP's ports."""
    notrack = ["notrack"] if all(map(rules.is_untracked, rules.sip_udp)) else []
    over = f'limit rate over {SLOW_RATE} }} counter name "slowed" drop'
    return {
        "sip_contact": [
            f"update @contact4_rate {{ ip saddr . udp sport {over}",
            f"update @contact6_rate {{ ip6 saddr . udp sport {over}",
            *notrack,
        ],
        "sip_long": [f'udp length > {LONGEST_SIP_DATAGRAM} counter name "denied" drop'],
        "sip_slowed": [
            # A phone that has succeeded has a share of its own: who forges its address does not know its port.
            "ip saddr . udp sport @contact4 goto sip_contact",
            "ip6 saddr . udp sport @contact6 goto sip_contact",
            f"update @{SLOW4}_rate {{ ip saddr {over}",
            f"update @{SLOW6}_rate {{ ip6 saddr & {SUBSCRIBER_MASK} {over}",
            *notrack,
        ],
        "sip": [
            f"{MAY_BE_TOO_LONG} jump sip_long",
            *by_family(" ".join(["{saddr} @{name}", *notrack, "accept"]), SourceSet.KNOWN),
            *_drop_banned(),
            *by_family("{saddr} @{name} goto sip_slowed", SourceSet.SLOW),
            *(["jump strangers"] if rules.strangers else []),
            *notrack,
        ],
        "sip_tcp": [
            *(rule for spared in SPARED for rule in by_family("{saddr} @{name} return", spared)),
            *(["goto strangers"] if rules.strangers else []),
        ],
    }


def _drop_banned() -> list[str]:
    return [f'{source} counter name "banned" drop' for source in BANNED]


def _early_out(rules: Ruleset) -> list[str]:
    return [
        *(f"udp sport {port} notrack accept" for port in rules.rtp if rules.is_untracked(port)),
        *nft_contacts(rules.sip_udp),
        *_no_answers_to_the_banned(rules),
        *([*nft_meetings(rules.sip_udp, rules.sip_tcp), *nft_due(rules.sip_tcp)] if rules.strangers else []),
        *(f"udp sport {port} notrack" for port in rules.sip_udp if rules.is_untracked(port)),
    ]


def _no_answers_to_the_banned(rules: Ruleset) -> list[str]:
    """Over streams, where many requests may have come at once with the last that was let in."""
    if not rules.sip_tcp:
        return []
    return [f"tcp sport {_ports(rules.sip_tcp)} {rule}" for rule in by_family("{daddr} @{name} drop", SourceSet.BAN)]


def _inbound(rules: Ruleset) -> list[str]:
    return [
        # What is most of the traffic and open to everybody comes first, and a port a rule: ranges in a set are slow.
        *(f"udp dport {port} accept" for port in rules.rtp + rules.sip_udp if rules.is_for_all(port)),
        *(passed.nft_short_cut() if rules.remembers else []),
        "iif lo accept",
        *(nft_long(rules.sip_tcp) if rules.strangers else []),
        "ct state established,related accept",
        "ct state invalid drop",
        "icmp type { destination-unreachable, time-exceeded, parameter-problem } accept",
        "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, "
        "nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query } accept",
        *TO_RULES["in"],
    ]


def _ports(ports: Iterable[str]) -> str:
    return f"{{ {', '.join(ports)} }}"
