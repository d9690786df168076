"""A hoster's firewall → the rules of both drivers, whole, as text."""

from __future__ import annotations

from dataclasses import replace

from asterisk_ext.domain.firewall import Firewall, Needs
from asterisk_ext.domain.firewall_default import default_rules
from asterisk_ext.domain.firewall_rule import Direction, Rule, Verdict
from asterisk_ext.domain.firewall_types import Protocol
from firewall.kernel.filter import Filter, filter_of
from firewall.kernel.iptables.filter import LET_IN, RULES_IN, RULES_OUT, TRIAL_IN, iptables_chains
from firewall.kernel.iptables.ruleset import INBOUND, to_iptables
from firewall.kernel.nft.filter import nft_chains, nft_sets, nft_trial
from firewall.kernel.ruleset import Ruleset, to_nft

FIREWALL = Firewall(
    rules=(
        Rule(id="1", type="any", verdict=Verdict.DENY, origins=("198.51.100.0/24",)),
        Rule(id="2", type="sip", origins=("country:BR",)),
        Rule(id="3", type="wss", origins=("203.0.113.5-203.0.113.6", "192.0.2.1", "2001:db8::/32")),
        Rule(id="4", type="ssh", origins=("list:offices",), ports="2222"),
        Rule(id="5", type="icmp"),
        Rule(id="6", type="any_tcp", enabled=False),
        Rule(id="7", type="any_udp", origins=("192.0.2.9",)),
        Rule(id="8", type="dns", direction=Direction.OUT, verdict=Verdict.DENY, origins=("192.0.2.53",)),
    ),
    lists={"offices": ("192.0.2.77",)},
    needs=Needs(nodes=("198.18.1.2", "fd00::2")),
)

DERIVED = """\
ip saddr 198.18.1.2/32 accept
ip6 saddr fd00::2/128 accept
ip saddr 198.51.100.0/24 drop
"""
UDP = """\
meta l4proto udp ip saddr 192.0.2.9/32 accept
udp dport 5060 ip saddr @country_br4 accept
udp dport 5060 ip6 saddr @country_br6 accept
"""
TCP = """\
tcp dport 8089 ip saddr { 192.0.2.1/32, 203.0.113.5/32, 203.0.113.6/32 } accept
tcp dport 8089 ip6 saddr 2001:db8::/32 accept
tcp dport 5060 ip saddr @country_br4 accept
tcp dport 5060 ip6 saddr @country_br6 accept
tcp dport 2222 ip saddr @OFFICES4 accept
tcp dport 2222 ip6 saddr @OFFICES6 accept
"""
REST = "meta l4proto { icmp, ipv6-icmp } accept\n"
TO_PARTS = "meta l4proto udp goto rules_in_udp\nmeta l4proto tcp goto rules_in_tcp\n"
DENIED = 'counter name "denied"'


def test_the_whole_text_of_nftables_rules() -> None:
    made = filter_of(FIREWALL)
    offices = next(name for name in made.lists if name.startswith("list_"))
    chains = nft_chains(made, None)
    assert "\n".join(chains["rules_in_udp"]) == (DERIVED + UDP).replace("accept", "goto let_in") + DENIED
    assert chains["let_in"] == [
        "add @passed4 { ip saddr . udp dport }",
        "add @passed6 { ip6 saddr . udp dport }",
        "accept",
    ]
    assert "\n".join(chains["rules_in_tcp"]) == (DERIVED + TCP + DENIED).replace("OFFICES", offices)
    assert "\n".join(chains["rules_in"]) == TO_PARTS + DERIVED + REST + DENIED
    assert chains["rules_out"] == [
        "udp dport 53 ip daddr 192.0.2.53/32 drop",
        "tcp dport 53 ip daddr 192.0.2.53/32 drop",
    ]
    assert chains["trial_in"] == chains["trial_out"] == []
    assert [line.split()[0] for line in nft_sets([made])] == [
        "trial",
        "country_br4",
        "country_br6",
        f"{offices}4",
        f"{offices}6",
    ]


def test_the_same_rules_for_iptables_one_family_each() -> None:
    four, six = (iptables_chains(filter_of(FIREWALL), None, ipv6=ipv6) for ipv6 in (False, True))
    brazil = {"set": {"match-set": ["axt_country_br6", "src"]}}
    assert six["filter", f"{RULES_IN}_TCP"] == [
        {"src": "fd00::2/128", "target": "ACCEPT"},
        {"protocol": "tcp", "tcp": {"dport": "8089"}, "src": "2001:db8::/32", "target": "ACCEPT"},
        {"protocol": "tcp", "tcp": {"dport": "5060"}, **brazil, "target": "ACCEPT"},
        {
            "protocol": "tcp",
            "tcp": {"dport": "2222"},
            "set": {"match-set": [_offices(6), "src"]},
            "target": "ACCEPT",
        },
        {"target": "DROP"},
    ]
    assert six["filter", RULES_IN] == [
        {"protocol": "udp", "target": {"goto": f"{RULES_IN}_UDP"}},
        {"protocol": "tcp", "target": {"goto": f"{RULES_IN}_TCP"}},
        {"src": "fd00::2/128", "target": "ACCEPT"},
        {"protocol": "icmpv6", "target": "ACCEPT"},
        {"target": "DROP"},
    ]
    assert four["filter", f"{RULES_IN}_UDP"][:2] == [
        {"src": "198.18.1.2/32", "target": {"goto": LET_IN}},
        {"src": "198.51.100.0/24", "target": "DROP"},
    ]
    assert four["filter", LET_IN] == [
        {
            "protocol": "udp",
            "target": {"SET": {"add-set": ["asterisk_ext_passed4", "src,dst"], "exist": "", "timeout": "60"}},
        },
        {"target": "ACCEPT"},
    ]
    assert four["filter", RULES_OUT][0] == {
        "protocol": "udp",
        "udp": {"dport": "53"},
        "dst": "192.0.2.53/32",
        "target": "DROP",
    }
    assert four["filter", f"{TRIAL_IN}_TCP"] == four["filter", f"{RULES_IN}_TCP"]


def _offices(version: int) -> str:
    return f"axt_{next(name for name in filter_of(FIREWALL).lists if name.startswith('list_'))}{version}"


def test_a_candidate_stands_beside_the_confirmed_rules_and_its_time_is_the_kernels() -> None:
    confirmed, candidate = filter_of(FIREWALL), Filter()
    assert nft_chains(confirmed, candidate)["trial_in_udp"] == [DENIED]
    assert nft_trial("t", 59.5) == [
        "flush set inet t trial",
        "add element inet t trial { ipv4 timeout 59500ms, ipv6 timeout 59500ms }",
    ]
    assert nft_trial("t", 0) == ["flush set inet t trial"]


def test_a_list_and_what_a_candidate_makes_of_it_have_two_names() -> None:
    other = Firewall(rules=FIREWALL.rules, lists={"offices": ("192.0.2.78",)})
    assert len(filter_of(FIREWALL).lists | filter_of(other).lists) == 3


def test_what_is_open_to_everybody_is_known_so_that_it_need_not_be_tracked() -> None:
    usual = filter_of(Firewall(rules=default_rules()))
    assert usual.open_to_all(Protocol.UDP, (5060, 5060))
    assert usual.open_to_all(Protocol.UDP, (12_000, 13_000))
    assert not usual.open_to_all(Protocol.UDP, (9000, 12_000))
    assert not filter_of(FIREWALL).open_to_all(Protocol.UDP, (5060, 5060))


def test_neighbours_of_one_verdict_are_one_lookup_and_a_denial_between_them_keeps_its_place() -> None:
    friend, enemy, rest = ("198.51.100.7",), ("198.51.100.0/24",), ("198.51.0.0/16",)
    rules = (
        Rule(id="1", type="sip_udp", origins=("country:BR",)),
        Rule(id="2", type="sip_udp", origins=friend),
        Rule(id="3", type="sip_udp", origins=("198.51.100.6", "192.0.2.1")),
        Rule(id="4", type="sip_udp", verdict=Verdict.DENY, origins=enemy),
        Rule(id="5", type="sip_udp", origins=rest),
    )
    assert nft_chains(filter_of(Firewall(rules=rules)), None)["rules_in_udp"] == [
        "udp dport 5060 ip saddr { 192.0.2.1/32, 198.51.100.6/31 } goto let_in",
        "udp dport 5060 ip saddr @country_br4 goto let_in",
        "udp dport 5060 ip6 saddr @country_br6 goto let_in",
        "udp dport 5060 ip saddr 198.51.100.0/24 drop",
        "udp dport 5060 ip saddr 198.51.0.0/16 goto let_in",
        DENIED,
    ]


def test_ports_are_open_whatever_the_other_rules_only_where_no_earlier_one_denies_them() -> None:
    deny = Rule(id="1", type="sip_udp", verdict=Verdict.DENY, origins=("203.0.113.0/24",))
    everybody = Rule(id="2", type="any")
    assert filter_of(Firewall(rules=(everybody,))).denies_none(Protocol.UDP, (5060, 5060))
    assert not filter_of(Firewall(rules=(deny, everybody))).denies_none(Protocol.UDP, (5060, 5060))
    assert filter_of(Firewall(rules=(deny, everybody))).denies_none(Protocol.UDP, (10_000, 20_000))
    assert filter_of(Firewall(rules=(everybody, deny))).denies_none(Protocol.UDP, (5060, 5060))
    assert not filter_of(Firewall()).denies_none(Protocol.UDP, (5060, 5060))


def test_whom_long_rules_let_in_meets_one_look_up_while_nothing_is_on_trial() -> None:
    made = Ruleset(confirmed=filter_of(FIREWALL))
    short_cut = "add rule inet asterisk_ext inbound ip saddr . udp dport @passed4 accept"
    assert short_cut in to_nft(made)
    assert short_cut not in to_nft(replace(made, trial=Filter(), trial_seconds=60.0))
    assert short_cut not in to_nft(Ruleset())
    for ruleset, there in (
        (made, True),
        (replace(made, trial=Filter(), trial_seconds=60.0), False),
        (Ruleset(), False),
    ):
        rules = to_iptables(ruleset, ipv6=True)["filter", INBOUND]
        passed = {"protocol": "udp", "set": {"match-set": ["asterisk_ext_passed6", "src,dst"]}, "target": "ACCEPT"}
        assert (passed in rules) is there
