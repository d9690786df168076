"""Rules as data → the whole text that nft loads."""

from __future__ import annotations

from asterisk_ext.domain.firewall import Firewall
from asterisk_ext.domain.firewall_rule import Rule
from firewall.kernel.filter import filter_of
from firewall.kernel.iptables.ruleset import to_iptables
from firewall.kernel.iptables.strangers import STRANGERS as STRANGERS_CHAIN
from firewall.kernel.iptables.strangers import STRANGERS_DATA as STRANGERS_DATA_CHAIN
from firewall.kernel.iptables.strangers import STRANGERS_TCP as STRANGERS_TCP_CHAIN
from firewall.kernel.ruleset import Ruleset, to_nft, usual
from firewall.kernel.strangers import Strangers

SETS = """\
add table inet asterisk_ext
add set inet asterisk_ext trial { type nf_proto; flags timeout; }
add set inet asterisk_ext ban4 { type ipv4_addr; size 1048576; flags timeout; }
add set inet asterisk_ext ban6 { type ipv6_addr; size 1048576; flags timeout; }
add set inet asterisk_ext slow4 { type ipv4_addr; size 1048576; flags timeout; }
add set inet asterisk_ext slow6 { type ipv6_addr; size 1048576; flags timeout; }
add set inet asterisk_ext known4 { type ipv4_addr; size 262144; flags timeout; }
add set inet asterisk_ext known6 { type ipv6_addr; size 262144; flags timeout; }
add set inet asterisk_ext suspect4 { type ipv4_addr; size 262144; flags timeout; }
add set inet asterisk_ext suspect6 { type ipv6_addr; size 262144; flags timeout; }
add set inet asterisk_ext narrow4 { type ipv4_addr; size 262144; flags timeout; }
add set inet asterisk_ext narrow6 { type ipv6_addr; size 262144; flags timeout; }
add set inet asterisk_ext slow4_rate { type ipv4_addr; size 65535; flags dynamic,timeout; timeout 1m; }
add set inet asterisk_ext slow6_rate { type ipv6_addr; size 65535; flags dynamic,timeout; timeout 1m; }
add set inet asterisk_ext stranger4 { type ipv4_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext stranger6 { type ipv6_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext suspect_rate4 { type ipv4_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext suspect_rate6 { type ipv6_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext connect4 { type ipv4_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext connect6 { type ipv6_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext segment4 { type ipv4_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext segment6 { type ipv6_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext narrow_rate4 { type ipv4_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext narrow_rate6 { type ipv6_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext turn_udp4 { type ipv4_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext turn_udp6 { type ipv6_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext turn_tcp4 { type ipv4_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext turn_tcp6 { type ipv6_addr; size 131072; flags dynamic,timeout; timeout 5s; }
add set inet asterisk_ext met4 { type ipv4_addr; size 65536; flags dynamic,timeout; timeout 86400s; }
add set inet asterisk_ext met6 { type ipv6_addr; size 65536; flags dynamic,timeout; timeout 86400s; }
add set inet asterisk_ext contact4 { type ipv4_addr . inet_service; size 131072; \
flags dynamic,timeout; timeout 3600s; }
add set inet asterisk_ext contact6 { type ipv6_addr . inet_service; size 131072; \
flags dynamic,timeout; timeout 3600s; }
add set inet asterisk_ext contact4_rate { type ipv4_addr . inet_service; size 65535; \
flags dynamic,timeout; timeout 1m; }
add set inet asterisk_ext contact6_rate { type ipv6_addr . inet_service; size 65535; \
flags dynamic,timeout; timeout 1m; }
add set inet asterisk_ext friend4 { type ipv4_addr; flags interval; }
add set inet asterisk_ext friend6 { type ipv6_addr; flags interval; }
add set inet asterisk_ext due4 { typeof ip saddr . tcp sport . tcp sequence; size 262144; \
flags dynamic,timeout; timeout 30s; }
add set inet asterisk_ext due6 { typeof ip6 saddr . tcp sport . tcp sequence; size 262144; \
flags dynamic,timeout; timeout 30s; }
add set inet asterisk_ext watched { type nf_proto; flags timeout; }
add set inet asterisk_ext passed4 { type ipv4_addr . inet_service; size 16384; flags dynamic,timeout; timeout 60s; }
add set inet asterisk_ext passed6 { type ipv6_addr . inet_service; size 16384; flags dynamic,timeout; timeout 60s; }
add counter inet asterisk_ext banned
add counter inet asterisk_ext slowed
add counter inet asterisk_ext strangers
add counter inet asterisk_ext denied
add chain inet asterisk_ext strangers_out
add chain inet asterisk_ext strangers_due
add chain inet asterisk_ext strangers_data
add chain inet asterisk_ext strangers_short
add chain inet asterisk_ext strangers_tcp
add chain inet asterisk_ext strangers_long
add chain inet asterisk_ext strangers
add chain inet asterisk_ext let_in
add chain inet asterisk_ext rules_in_udp
add chain inet asterisk_ext rules_in_tcp
add chain inet asterisk_ext rules_in
add chain inet asterisk_ext rules_out
add chain inet asterisk_ext trial_in_udp
add chain inet asterisk_ext trial_in_tcp
add chain inet asterisk_ext trial_in
add chain inet asterisk_ext trial_out
add chain inet asterisk_ext sip_contact
add chain inet asterisk_ext sip_long
add chain inet asterisk_ext sip_slowed
add chain inet asterisk_ext sip
add chain inet asterisk_ext sip_tcp
add chain inet asterisk_ext early { type filter hook prerouting priority -300; policy accept; }
add chain inet asterisk_ext early_out { type filter hook output priority -300; policy accept; }
add chain inet asterisk_ext inbound { type filter hook input priority 0; policy drop; }
add chain inet asterisk_ext outbound { type filter hook output priority 0; policy accept; }
flush chain inet asterisk_ext strangers_out
flush chain inet asterisk_ext strangers_due
flush chain inet asterisk_ext strangers_data
flush chain inet asterisk_ext strangers_short
flush chain inet asterisk_ext strangers_tcp
flush chain inet asterisk_ext strangers_long
flush chain inet asterisk_ext strangers
flush chain inet asterisk_ext let_in
flush chain inet asterisk_ext rules_in_udp
flush chain inet asterisk_ext rules_in_tcp
flush chain inet asterisk_ext rules_in
flush chain inet asterisk_ext rules_out
flush chain inet asterisk_ext trial_in_udp
flush chain inet asterisk_ext trial_in_tcp
flush chain inet asterisk_ext trial_in
flush chain inet asterisk_ext trial_out
flush chain inet asterisk_ext sip_contact
flush chain inet asterisk_ext sip_long
flush chain inet asterisk_ext sip_slowed
flush chain inet asterisk_ext sip
flush chain inet asterisk_ext sip_tcp
flush chain inet asterisk_ext early
flush chain inet asterisk_ext early_out
flush chain inet asterisk_ext inbound
flush chain inet asterisk_ext outbound
"""
SIP = """\
add rule inet asterisk_ext sip_contact update @contact4_rate { ip saddr . udp sport \
limit rate over 30/second burst 60 packets } counter name "slowed" drop
add rule inet asterisk_ext sip_contact update @contact6_rate { ip6 saddr . udp sport \
limit rate over 30/second burst 60 packets } counter name "slowed" drop
{contact}\
add rule inet asterisk_ext sip_long udp length > 7000 counter name "denied" drop
add rule inet asterisk_ext sip_slowed ip saddr . udp sport @contact4 goto sip_contact
add rule inet asterisk_ext sip_slowed ip6 saddr . udp sport @contact6 goto sip_contact
add rule inet asterisk_ext sip_slowed update @slow4_rate { ip saddr \
limit rate over 30/second burst 60 packets } counter name "slowed" drop
add rule inet asterisk_ext sip_slowed update @slow6_rate \
{ ip6 saddr & ffff:ffff:ffff:ffff:: limit rate over 30/second burst 60 packets } counter name "slowed" drop
{slowed}\
add rule inet asterisk_ext sip @th,32,16 & 0xf000 != 0 jump sip_long
add rule inet asterisk_ext sip ip saddr @known4 {notrack}accept
add rule inet asterisk_ext sip ip6 saddr & ffff:ffff:ffff:ffff:: @known6 {notrack}accept
add rule inet asterisk_ext sip ip saddr @ban4 counter name "banned" drop
add rule inet asterisk_ext sip ip6 saddr & ffff:ffff:ffff:ffff:: @ban6 counter name "banned" drop
add rule inet asterisk_ext sip ip saddr @slow4 goto sip_slowed
add rule inet asterisk_ext sip ip6 saddr & ffff:ffff:ffff:ffff:: @slow6 goto sip_slowed
{rest}\
add rule inet asterisk_ext sip_tcp ip saddr @known4 return
add rule inet asterisk_ext sip_tcp ip6 saddr & ffff:ffff:ffff:ffff:: @known6 return
add rule inet asterisk_ext sip_tcp ip saddr @slow4 return
add rule inet asterisk_ext sip_tcp ip6 saddr & ffff:ffff:ffff:ffff:: @slow6 return
add rule inet asterisk_ext early udp dport 10000-20000 ip saddr != @ban4 {notrack}accept
add rule inet asterisk_ext early udp dport 10000-20000 ip6 saddr & ffff:ffff:ffff:ffff:: != @ban6 {notrack}accept
add rule inet asterisk_ext early udp dport 5060 goto sip
add rule inet asterisk_ext early ip saddr @ban4 counter name "banned" drop
add rule inet asterisk_ext early ip6 saddr & ffff:ffff:ffff:ffff:: @ban6 counter name "banned" drop
"""


def early(*, notrack: bool) -> str:
    """What comes before connection tracking."""
    rule = "add rule inet asterisk_ext {} notrack\n" if notrack else ""
    told = {
        "{contact}": rule.format("sip_contact"),
        "{slowed}": rule.format("sip_slowed"),
        "{rest}": rule.format("sip"),
    }
    text = SIP.replace("{notrack}", "notrack " if notrack else "")
    for place, rules in told.items():
        text = text.replace(place, rules)
    return text


CONTACTS = """\
add rule inet asterisk_ext early_out udp sport { 5060 } @th,64,96 0x5349502f322e302032303020 \
update @contact4 { ip daddr . udp dport }
add rule inet asterisk_ext early_out udp sport { 5060 } @th,64,96 0x5349502f322e302032303020 \
update @contact6 { ip6 daddr . udp dport }
"""
MEDIA_OUT = "add rule inet asterisk_ext early_out udp sport 10000-20000 notrack accept\n"
BANNED_OUT = """\
add rule inet asterisk_ext early_out tcp sport { 5060, 5061 } ip daddr @ban4 drop
add rule inet asterisk_ext early_out tcp sport { 5060, 5061 } ip6 daddr & ffff:ffff:ffff:ffff:: @ban6 drop
"""
SIP_OUT = "add rule inet asterisk_ext early_out udp sport 5060 notrack\n"
OPEN_TO_ALL = """\
add rule inet asterisk_ext inbound udp dport 10000-20000 accept
add rule inet asterisk_ext inbound udp dport 5060 accept
"""
INBOUND = """\
add rule inet asterisk_ext inbound iif lo accept
add rule inet asterisk_ext inbound ct state established,related accept
add rule inet asterisk_ext inbound ct state invalid drop
add rule inet asterisk_ext inbound icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
add rule inet asterisk_ext inbound icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, \
parameter-problem, nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, \
mld-listener-query } accept
"""
OPEN = """\
add rule inet asterisk_ext let_in add @passed4 { ip saddr . udp dport }
add rule inet asterisk_ext let_in add @passed6 { ip6 saddr . udp dport }
add rule inet asterisk_ext let_in accept
add rule inet asterisk_ext rules_in_udp udp dport 5060 accept
add rule inet asterisk_ext rules_in_udp udp dport 10000-20000 accept
add rule inet asterisk_ext rules_in_udp counter name "denied"
add rule inet asterisk_ext rules_in_tcp tcp dport 5060 accept
add rule inet asterisk_ext rules_in_tcp tcp dport 5061 accept
add rule inet asterisk_ext rules_in_tcp tcp dport 22 accept
add rule inet asterisk_ext rules_in_tcp tcp dport 8480 accept
add rule inet asterisk_ext rules_in_tcp counter name "denied"
add rule inet asterisk_ext rules_in meta l4proto udp goto rules_in_udp
add rule inet asterisk_ext rules_in meta l4proto tcp goto rules_in_tcp
add rule inet asterisk_ext rules_in meta l4proto { icmp, ipv6-icmp } accept
add rule inet asterisk_ext rules_in counter name "denied"
"""
TO_RULES = """\
add rule inet asterisk_ext inbound meta nfproto @trial goto trial_in
add rule inet asterisk_ext inbound goto rules_in
add rule inet asterisk_ext outbound oif lo accept
add rule inet asterisk_ext outbound ct state established,related accept
add rule inet asterisk_ext outbound meta nfproto @trial goto trial_out
add rule inet asterisk_ext outbound goto rules_out
flush set inet asterisk_ext trial
"""


def test_the_first_rules_deny_by_default_and_open_what_a_node_needs() -> None:
    rules = early(notrack=True) + MEDIA_OUT + CONTACTS + BANNED_OUT + SIP_OUT + OPEN_TO_ALL
    assert to_nft(Ruleset()) == SETS + OPEN + rules + INBOUND + TO_RULES


def test_everything_is_open_between_the_nodes_of_the_fleet() -> None:
    text = to_nft(Ruleset(confirmed=usual(("198.18.0.3", "fd77::2", "198.18.0.2"))))
    for chain in ("rules_in", "rules_in_udp", "rules_in_tcp"):
        told = [rule for rule in text.splitlines() if rule.startswith(f"add rule inet asterisk_ext {chain} ip")]
        assert told == [
            f"add rule inet asterisk_ext {chain} ip saddr 198.18.0.2/31 accept",
            f"add rule inet asterisk_ext {chain} ip6 saddr fd77::2/128 accept",
        ]


def test_where_addresses_are_translated_sip_and_media_are_tracked() -> None:
    assert (
        to_nft(Ruleset(untracked=False))
        == SETS + OPEN + early(notrack=False) + CONTACTS + BANNED_OUT + INBOUND + TO_RULES
    )


def test_what_is_not_open_to_everybody_is_tracked_so_that_answers_come_back() -> None:
    brazil = filter_of(Firewall(rules=(Rule(id="1", type="sip_udp", origins=("country:BR",)),)))
    text = to_nft(Ruleset(trial=brazil, trial_seconds=60))
    assert "notrack" not in text
    assert "add element inet asterisk_ext trial { ipv4 timeout 60000ms, ipv6 timeout 60000ms }" in text


STRANGERS = """\
iif lo return
ip saddr @met4 return
ip6 saddr & ffff:ffff:ffff:ffff:: @met6 return
ip saddr @friend4 return
ip6 saddr @friend6 return
meta nfproto != @watched return
meta l4proto tcp goto strangers_tcp
udp length <= 40 return
limit rate over 20000/second burst 20000 packets counter name "strangers" drop
ip saddr @turn_tcp4 counter name "strangers" drop
ip6 saddr & ffff:ffff:ffff:ffff:: @turn_tcp6 counter name "strangers" drop
ip saddr @suspect4 update @suspect_rate4 { ip saddr limit rate over 1/second burst 1 packets } \
counter name "strangers" drop
ip6 saddr & ffff:ffff:ffff:ffff:: @suspect6 update @suspect_rate6 { ip6 saddr & ffff:ffff:ffff:ffff:: \
limit rate over 1/second burst 1 packets } counter name "strangers" drop
update @stranger4 { ip saddr limit rate over 1/second burst 3 packets } counter name "strangers" drop
update @stranger6 { ip6 saddr & ffff:ffff:ffff:ffff:: limit rate over 1/second burst 3 packets } \
counter name "strangers" drop
limit rate over 500/second burst 500 packets counter name "strangers" drop
update @turn_udp4 { ip saddr timeout 1s }
update @turn_udp6 { ip6 saddr & ffff:ffff:ffff:ffff:: timeout 1s }
"""


def test_strangers_may_send_as_many_requests_at_once_as_make_a_ban_and_once_suspect_only_one() -> None:
    text = to_nft(Ruleset(strangers=Strangers(failures=3, total=500)))
    assert rules_of(text, "strangers") == STRANGERS.splitlines()


TCP_OF_STRANGERS = """\
limit rate over 20000/second burst 20000 packets counter name "strangers" drop
tcp flags & (syn | ack) == syn update @connect4 { ip saddr limit rate over 20/minute burst 2 packets } \
counter name "strangers" drop
tcp flags & (syn | ack) == syn update @connect6 { ip6 saddr & ffff:ffff:ffff:ffff:: \
limit rate over 20/minute burst 2 packets } counter name "strangers" drop
tcp flags & (syn | ack) == syn return
meta length <= 100 goto strangers_short
goto strangers_data
"""
DATA_OF_STRANGERS = """\
meta nfproto ipv4 meta length > 256 counter name "strangers" drop
meta nfproto ipv6 meta length > 276 counter name "strangers" drop
ip saddr @narrow4 meta length > 100 counter name "strangers" drop
ip6 saddr & ffff:ffff:ffff:ffff:: @narrow6 meta length > 120 counter name "strangers" drop
ip saddr . tcp sport . tcp sequence != @due4 counter name "strangers" drop
ip6 saddr . tcp sport . tcp sequence != @due6 counter name "strangers" drop
ip saddr @turn_udp4 counter name "strangers" drop
ip6 saddr & ffff:ffff:ffff:ffff:: @turn_udp6 counter name "strangers" drop
ip saddr @narrow4 update @narrow_rate4 { ip saddr limit rate over 2/second burst 1 packets } \
counter name "strangers" drop
ip6 saddr & ffff:ffff:ffff:ffff:: @narrow6 update @narrow_rate6 { ip6 saddr & ffff:ffff:ffff:ffff:: \
limit rate over 2/second burst 1 packets } counter name "strangers" drop
update @segment4 { ip saddr limit rate over 4/second burst 1 packets } counter name "strangers" drop
update @segment6 { ip6 saddr & ffff:ffff:ffff:ffff:: limit rate over 4/second burst 1 packets } \
counter name "strangers" drop
update @turn_tcp4 { ip saddr timeout 1s }
update @turn_tcp6 { ip6 saddr & ffff:ffff:ffff:ffff:: timeout 1s }
"""


def test_of_a_stream_strangers_get_one_short_segment_through_at_a_time() -> None:
    text = to_nft(Ruleset(strangers=Strangers()))
    assert rules_of(text, "strangers_tcp") == TCP_OF_STRANGERS.splitlines()
    assert rules_of(text, "strangers_data") == DATA_OF_STRANGERS.splitlines()
    empty = rules_of(text, "strangers_short")
    assert empty[0] == "ip length 40 tcp doff 5 return"
    assert empty[-2:] == ["ip6 length 60 tcp doff 15 return", "goto strangers_data"]
    inbound = rules_of(text, "inbound")
    long = "tcp dport { 5060, 5061 } ct original bytes > 12000 jump strangers_long"
    assert inbound.index(long) < inbound.index("ct state established,related accept")


def test_who_is_asked_by_asterisk_is_no_stranger_and_who_is_answered_still_is() -> None:
    text = to_nft(Ruleset(sip_tcp=(), strangers=Strangers()))
    assert rules_of(text, "early_out")[3:5] == [
        "udp sport { 5060 } @th,64,64 != 0x5349502f322e3020 update @met4 { ip daddr }",
        "udp sport { 5060 } @th,64,64 != 0x5349502f322e3020 update @met6 { ip6 daddr & ffff:ffff:ffff:ffff:: }",
    ]


def test_both_drivers_limit_strangers_by_the_same_figures() -> None:
    rules = Ruleset(strangers=Strangers(failures=3, total=500))
    limits = [
        (limit["hashlimit-above"], limit.get("hashlimit-burst"))
        for chain in (STRANGERS_CHAIN, STRANGERS_TCP_CHAIN, STRANGERS_DATA_CHAIN)
        for rule in to_iptables(rules, ipv6=False)["raw", chain]
        if isinstance(limit := rule.get("hashlimit"), dict)
    ]
    assert limits == [
        ("20000/sec", "20000"),
        ("1/sec", "1"),
        ("1/sec", "3"),
        ("500/sec", "500"),
        ("20000/sec", "20000"),
        ("20/min", "2"),
        ("2/sec", "1"),
        ("4/sec", "1"),
    ]


def rules_of(text: str, chain: str) -> list[str]:
    start = f"add rule inet asterisk_ext {chain} "
    return [line.removeprefix(start) for line in text.splitlines() if line.startswith(start)]
