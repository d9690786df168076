"""A filter as nftables' rules (pure).

``rules_in`` and ``rules_out`` are the confirmed rules. While a candidate is on trial the set ``trial`` has two elements
that time out by themselves: as long as they live packets go through ``trial_in`` and ``trial_out`` instead. So the
kernel goes back alone, whatever has become of the guard.
"""

from __future__ import annotations

from collections.abc import Iterable

from asterisk_ext.domain.firewall_types import Protocol, written
from firewall.kernel import passed
from firewall.kernel.filter import Filter, Match, simplified
from firewall.lists.address_lists import nft_set, set_name

TRIAL = "trial"
RULES_IN, RULES_OUT, TRIAL_IN, TRIAL_OUT = "rules_in", "rules_out", "trial_in", "trial_out"
DENIED = 'counter name "denied"'
UDP, TCP, REST = (None, Protocol.UDP), (None, Protocol.TCP), (None, Protocol.ICMP)
ALL = (None, *Protocol)
ICMP = {4: "icmp", 6: "ipv6-icmp", 0: "{ icmp, ipv6-icmp }"}
TO_RULES = {
    "in": [f"meta nfproto @{TRIAL} goto {TRIAL_IN}", f"goto {RULES_IN}"],
    "out": [f"meta nfproto @{TRIAL} goto {TRIAL_OUT}", f"goto {RULES_OUT}"],
}
"""The end of the two base chains."""


def nft_sets(filters: Iterable[Filter]) -> list[str]:
    """Declarations without ``add set inet TABLE``."""
    names = sorted({name for each in filters for name in each.lists})
    return [
        f"{TRIAL} {{ type nf_proto; flags timeout; }}",
        *(nft_set(name, version) for name in names for version in (4, 6)),
    ]


def nft_chains(confirmed: Filter, trial: Filter | None) -> dict[str, list[str]]:
    """The rules of our chains; inbound ones lead to one for each protocol: no packet meets the others' rules."""
    return {
        passed.LET_IN: passed.nft_let_in(),
        **_inbound(RULES_IN, confirmed),
        RULES_OUT: _rules(simplified(confirmed.outbound, ALL), "daddr"),
        **_inbound(TRIAL_IN, trial),
        TRIAL_OUT: _rules(simplified(trial.outbound, ALL), "daddr") if trial else [],
    }


def _inbound(name: str, filter: Filter | None) -> dict[str, list[str]]:
    if filter is None:
        return {f"{name}_udp": [], f"{name}_tcp": [], name: []}
    remembered = f"goto {passed.LET_IN}" if passed.is_worth_it(filter) else "accept"
    told = {
        each: [*_rules(simplified(filter.inbound, which), "saddr", accept), DENIED]
        for each, which, accept in (
            (f"{name}_udp", UDP, remembered),
            (f"{name}_tcp", TCP, "accept"),
            (name, REST, "accept"),
        )
    }
    told[name][:0] = [f"meta l4proto udp goto {name}_udp", f"meta l4proto tcp goto {name}_tcp"]
    return told


def nft_trial(table: str, seconds: float) -> list[str]:
    """The commands that begin a trial of so long, or end one at 0."""
    milliseconds = round(seconds * 1000)
    both = f"{{ ipv4 timeout {milliseconds}ms, ipv6 timeout {milliseconds}ms }}"
    begin = [f"add element inet {table} {TRIAL} {both}"] if milliseconds > 0 else []
    return [f"flush set inet {table} {TRIAL}", *begin]


def _rules(matches: Iterable[Match], side: str, accept: str = "accept") -> list[str]:
    return [" ".join([*_parts(match, side), accept if match.accept else "drop"]) for match in matches]


def _parts(match: Match, side: str) -> list[str]:
    parts: list[str] = []
    if match.protocol is Protocol.ICMP:
        parts.append(f"meta l4proto {ICMP[match.version]}")
    elif match.protocol is not None:
        parts.append(
            f"{match.protocol} dport {written(match.ports)}" if match.ports else f"meta l4proto {match.protocol}"
        )
    address = f"{'ip6' if match.version == 6 else 'ip'} {side}"
    if match.list:
        parts.append(f"{address} @{set_name(match.list, match.version)}")
    elif len(match.networks) == 1:
        parts.append(f"{address} {match.networks[0]}")
    elif match.networks:
        parts.append(f"{address} {{ {', '.join(match.networks)} }}")
    return parts
