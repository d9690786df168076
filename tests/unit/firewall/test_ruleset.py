"""Rules as data → the whole text that nft loads."""

from __future__ import annotations

from firewall.ruleset import Ruleset, to_nft

SETS = """\
add table inet asterisk_ext
add set inet asterisk_ext ban4 { type ipv4_addr; size 1048576; flags timeout; }
add set inet asterisk_ext ban6 { type ipv6_addr; size 1048576; flags timeout; }
add set inet asterisk_ext slow4 { type ipv4_addr; size 1048576; flags timeout; }
add set inet asterisk_ext slow6 { type ipv6_addr; size 1048576; flags timeout; }
add set inet asterisk_ext slow4_rate { type ipv4_addr; size 65535; flags dynamic,timeout; timeout 1m; }
add set inet asterisk_ext slow6_rate { type ipv6_addr; size 65535; flags dynamic,timeout; timeout 1m; }
add counter inet asterisk_ext banned
add counter inet asterisk_ext slowed
add counter inet asterisk_ext denied
add chain inet asterisk_ext sip
add chain inet asterisk_ext early { type filter hook prerouting priority -300; policy accept; }
add chain inet asterisk_ext early_out { type filter hook output priority -300; policy accept; }
add chain inet asterisk_ext inbound { type filter hook input priority 0; policy drop; }
flush chain inet asterisk_ext sip
flush chain inet asterisk_ext early
flush chain inet asterisk_ext early_out
flush chain inet asterisk_ext inbound
"""
SIP = """\
add rule inet asterisk_ext sip ip saddr @slow4 update @slow4_rate { ip saddr \
limit rate over 30/second burst 60 packets } counter name "slowed" drop
add rule inet asterisk_ext sip ip6 saddr & ffff:ffff:ffff:ffff:: @slow6 update @slow6_rate \
{ ip6 saddr & ffff:ffff:ffff:ffff:: limit rate over 30/second burst 60 packets } counter name "slowed" drop
add rule inet asterisk_ext sip udp length > 7000 counter name "denied" drop
"""
SIP_NOTRACK = "add rule inet asterisk_ext sip notrack\n"
EARLY = """\
add rule inet asterisk_ext early ip saddr @ban4 counter name "banned" drop
add rule inet asterisk_ext early ip6 saddr & ffff:ffff:ffff:ffff:: @ban6 counter name "banned" drop
add rule inet asterisk_ext early udp dport { 5060 } jump sip
"""
NOTRACK = """\
add rule inet asterisk_ext early udp dport 10000-20000 notrack
add rule inet asterisk_ext early_out udp sport 5060 notrack
add rule inet asterisk_ext early_out udp sport 10000-20000 notrack
"""
INBOUND = """\
add rule inet asterisk_ext inbound udp dport 5060 accept
add rule inet asterisk_ext inbound udp dport 10000-20000 accept
add rule inet asterisk_ext inbound iif lo accept
add rule inet asterisk_ext inbound ct state established,related accept
add rule inet asterisk_ext inbound ct state invalid drop
add rule inet asterisk_ext inbound icmp type { echo-request, destination-unreachable, time-exceeded, \
parameter-problem } accept
add rule inet asterisk_ext inbound icmpv6 type { echo-request, destination-unreachable, packet-too-big, \
time-exceeded, parameter-problem, nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, \
mld-listener-query } accept
"""
OPEN = """\
add rule inet asterisk_ext inbound tcp dport { 5060, 5061 } accept
add rule inet asterisk_ext inbound tcp dport { 22 } accept
add rule inet asterisk_ext inbound tcp dport { 8480 } accept
add rule inet asterisk_ext inbound counter name "denied"
"""


def test_the_first_rules_deny_by_default_and_open_what_a_node_needs() -> None:
    assert to_nft(Ruleset()) == SETS + SIP + SIP_NOTRACK + EARLY + NOTRACK + INBOUND + OPEN


def test_everything_is_open_between_the_nodes_of_the_fleet() -> None:
    fleet = (
        "add rule inet asterisk_ext inbound ip saddr { 198.18.0.2, 198.18.0.3 } accept\n"
        "add rule inet asterisk_ext inbound ip6 saddr { fd77::2 } accept\n"
    )
    rules = Ruleset(fleet=("198.18.0.3", "fd77::2", "198.18.0.2", "198.18.0.3"))
    assert to_nft(rules) == SETS + SIP + SIP_NOTRACK + EARLY + NOTRACK + INBOUND + fleet + OPEN


def test_where_addresses_are_translated_sip_and_media_are_tracked() -> None:
    assert to_nft(Ruleset(untracked=False)) == SETS + SIP + EARLY + INBOUND + OPEN
