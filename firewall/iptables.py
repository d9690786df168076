"""The kernel through iptables: static rules by python-iptables, ipsets by netlink.

python-iptables speaks to the legacy tables only, which newer kernels may lack: then the driver refuses to start. There
is no message when others change these tables; the guard looks twice a second instead.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from asterisk_ext.domain.address_list import Network
from asterisk_ext.domain.errors import Problem
from firewall.ipset_netlink import IpsetSocket
from firewall.iptables_glance import glance
from firewall.kernel import KERNEL_REFUSED
from firewall.nftables import LIFTED, key_of, source_of_key
from firewall.ruleset import Ruleset
from firewall.ruleset_iptables import FRIEND, HOOKS, MET, OWN_CHAINS, WATCHED, Rule, ipset_of, to_iptables
from firewall.ruleset_strangers import MOST_MET
from firewall.source_sets import SIZES, SourceSet

MOST_FRIENDS = 1 << 18
EVERYTHING = {
    False: [ip_network("0.0.0.0/1"), ip_network("128.0.0.0/1")],
    True: [ip_network("::/1"), ip_network("8000::/1")],
}
"""A set of networks takes no /0."""
BURST_AT = 296
"""``struct xt_hashlimit_mtinfo3`` in a match: its head (32), the table's name (255, aligned), ``avg``."""

NO_LEGACY_TABLES = Problem(
    "kernel.no_legacy_tables",
    500,
    "This kernel has no legacy iptables tables ({reason}), and python-iptables speaks no other.",
    'Set guard.driver to "nftables".',
)


class IptablesKernel:
    """Owns the chains and ipsets that bear its name, and hooks three chains in first. Needs CAP_NET_ADMIN and
    CAP_NET_RAW."""

    def __init__(self) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # its source holds escapes that Python warns of
                import iptc
                from iptc import easy

            iptc.Table("raw").refresh()
            iptc.Table6("raw").refresh()
        except ImportError as error:
            raise NO_LEGACY_TABLES.refuse(reason=f"python-iptables is not installed: {error}") from error
        except Exception as error:
            # python-iptables raises exceptions of many kinds when the kernel or its libraries lack something.
            raise NO_LEGACY_TABLES.refuse(reason=error) from error
        self._iptc: Any = iptc
        self._easy: Any = easy
        self._sets = IpsetSocket()
        self._applied: object = None
        self._seen = b""

    def apply(self, ruleset: Ruleset) -> None:
        try:
            for ipv6 in (False, True):
                self._create_sets(ipv6=ipv6)
                wanted = to_iptables(ruleset, ipv6=ipv6)
                for table in ("raw", "filter"):
                    self._put(table, {chain: rules for (of, chain), rules in wanted.items() if of == table}, ipv6=ipv6)
        except (OSError, ValueError, self._iptc.IPTCError) as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error
        self._applied = self._listing()

    def put(self, which: SourceSet, sources: Mapping[str, float]) -> None:
        try:
            for ipv6, wanted in _by_family(sources).items():
                self._sets.add(ipset_of(which, ipv6=ipv6), wanted)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error

    def lift(self, sources: Iterable[str]) -> None:
        for source in sources:
            key = key_of(source)
            for which in LIFTED:
                try:
                    with suppress(FileNotFoundError):
                        self._sets.remove(ipset_of(which, ipv6=len(key) != 4), [key])
                except OSError as error:
                    raise KERNEL_REFUSED.refuse(reason=error) from error

    def restore(self, sources: Mapping[SourceSet, Mapping[str, float]]) -> None:
        try:
            for which, timed in sources.items():
                for ipv6, wanted in _by_family(timed).items():
                    name = ipset_of(which, ipv6=ipv6)
                    fresh = f"{name}_new"
                    self._sets.create(fresh, ipv6=ipv6, size=SIZES[which])
                    self._sets.add(fresh, wanted)
                    self._sets.swap(fresh, name)
                    self._sets.destroy(fresh)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error

    def listed(self, which: SourceSet) -> dict[str, float]:
        try:
            found = [self._sets.elements(ipset_of(which, ipv6=ipv6)) for ipv6 in (False, True)]
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error
        return {source_of_key(key): left for each in found for key, left in each.items()}

    def count(self) -> int:
        try:
            return sum(self._sets.count(ipset_of(SourceSet.BAN, ipv6=ipv6)) for ipv6 in (False, True))
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error

    def befriend(self, networks: Iterable[Network]) -> None:
        listed = [part for network in networks for part in (network.subnets() if not network.prefixlen else [network])]
        try:
            for ipv6, kind in ((False, IPv4Network), (True, IPv6Network)):
                fresh = f"{FRIEND[ipv6]}_new"
                self._sets.create_networks(fresh, ipv6=ipv6, size=MOST_FRIENDS)
                self._sets.add_networks(fresh, (network for network in listed if isinstance(network, kind)))
                self._sets.swap(fresh, FRIEND[ipv6])
                self._sets.destroy(fresh)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error

    def watch(self, seconds: float) -> None:
        try:
            for ipv6 in (False, True):
                self._sets.add_networks(WATCHED[ipv6], EVERYTHING[ipv6], seconds)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error

    def is_intact(self) -> bool:
        try:
            seen = glance()
            if seen == self._seen:
                return True
            # Others may change their own rules of these tables; only then is it worth ten milliseconds to look closely.
            intact = self._applied is not None and self._listing() == self._applied
        except (OSError, ValueError, self._iptc.IPTCError):
            return False
        self._seen = seen if intact else b""
        return intact

    def changes(self) -> int:
        return -1

    def drain_changes(self) -> bool:
        return False

    def close(self) -> None:
        self._sets.close()

    def _create_sets(self, *, ipv6: bool) -> None:
        for which in SourceSet:
            self._sets.create(ipset_of(which, ipv6=ipv6), ipv6=ipv6, size=SIZES[which])
        self._sets.create_met(MET[ipv6], ipv6=ipv6, size=MOST_MET)
        self._sets.create_networks(FRIEND[ipv6], ipv6=ipv6, size=MOST_FRIENDS)
        self._sets.create_networks(WATCHED[ipv6], ipv6=ipv6, size=8)

    def _put(self, name: str, chains: Mapping[str, list[Rule]], *, ipv6: bool) -> None:
        """Fill our chains of a table and hook them in first; one commit, so that no packet sees half of it."""
        table = self._table(name, ipv6=ipv6)
        table.autocommit = False
        try:
            for chain_name in chains:
                if not table.is_chain(chain_name):
                    table.create_chain(chain_name)
            for chain_name, rules in chains.items():
                own = self._iptc.Chain(table, chain_name)
                own.flush()
                for rule in rules:
                    own.append_rule(self._encode(rule, ipv6=ipv6))
                if (name, chain_name) not in HOOKS:
                    continue
                hook = self._iptc.Chain(table, HOOKS[name, chain_name])
                jump = self._encode({"target": chain_name}, ipv6=ipv6)
                if hook.rules[:1] != [jump]:
                    if jump in hook.rules:
                        hook.delete_rule(jump)
                    hook.insert_rule(jump)
            table.commit()
        finally:
            table.autocommit = True

    def _encode(self, rule: Rule, *, ipv6: bool) -> Any:
        encoded = self._easy.encode_iptc_rule(rule, ipv6)
        if ipv6:
            # python-iptables 1.2.0 compares one bit of each character of an IPv6 rule's interface: "-i lo" would let
            # in whatever comes by "node0".
            entry = encoded.entry.ipv6
            for name, mask in (("in-interface", "iniface_mask"), ("out-interface", "outiface_mask")):
                if name in rule:
                    setattr(entry, mask, b"\xff" * (len(str(rule[name]).removeprefix("!")) + 1))
        limit = rule.get("hashlimit")
        if isinstance(limit, dict) and "hashlimit-burst" not in limit:
            # Of bytes a second's worth is free at once; the default burst would be five seconds' more, and none cannot
            # be written as text.
            encoded.matches[-1].match_buf[BURST_AT : BURST_AT + 8] = bytes(8)
        return encoded

    def _table(self, name: str, *, ipv6: bool) -> Any:
        table = (self._iptc.Table6 if ipv6 else self._iptc.Table)(name)
        table.refresh()
        return table

    def _listing(self) -> list[object]:
        """Our chains and the first rule of each hook, as the kernel has them."""
        listed: list[object] = []
        for ipv6 in (False, True):
            for name, chain in OWN_CHAINS:
                table = self._table(name, ipv6=ipv6)
                if not table.is_chain(chain):
                    return []
                listed.append([self._plain(rule, ipv6=ipv6) for rule in self._iptc.Chain(table, chain).rules])
                hook = HOOKS.get((name, chain))
                if hook is not None:
                    listed.append([self._plain(rule, ipv6=ipv6) for rule in self._iptc.Chain(table, hook).rules[:1]])
        return listed

    def _plain(self, rule: Any, *, ipv6: bool) -> dict[str, object]:
        return {name: value for name, value in self._easy.decode_iptc_rule(rule, ipv6).items() if name != "counters"}


def _by_family(sources: Mapping[str, float]) -> dict[bool, dict[bytes, float]]:
    wanted: dict[bool, dict[bytes, float]] = {False: {}, True: {}}
    for source, seconds in sources.items():
        key = key_of(source)
        wanted[len(key) != 4][key] = seconds
    return wanted
