"""The kernel through iptables: static rules by ``iptables-legacy-restore``, ipsets by netlink.

Newer kernels may lack the legacy tables: then the driver refuses to start. There is no message when others change
them; the guard looks twice a second instead.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from asterisk_ext.domain.address_list import Network
from asterisk_ext.domain.errors import Problem
from firewall.kernel import passed
from firewall.kernel.iptables.filter import PASSED, TRIAL
from firewall.kernel.iptables.glance import glance
from firewall.kernel.iptables.ipset_netlink import IpsetSocket
from firewall.kernel.iptables.ipset_swap import MOST_PREFIXES, IpsetLists, ipset
from firewall.kernel.iptables.matches import ipset_of
from firewall.kernel.iptables.ruleset import CONTACT, HOOKS, OWN_CHAINS, to_iptables
from firewall.kernel.iptables.strangers import FRIEND, MET, TURN, WATCHED
from firewall.kernel.iptables.text import Rule, hook_first, own_lines, restore_text
from firewall.kernel.nft.driver import LIFTED, UNKNOWN_THEN, key_of, source_of_key
from firewall.kernel.port import KERNEL_REFUSED
from firewall.kernel.ruleset import Ruleset
from firewall.kernel.source_sets import SIZES, SourceSet
from firewall.kernel.strangers import ENTRIES, MOST_CONTACTS, MOST_MET

MOST_FRIENDS = 1 << 18
EVERYTHING = {
    False: [ip_network("0.0.0.0/1"), ip_network("128.0.0.0/1")],
    True: [ip_network("::/1"), ip_network("8000::/1")],
}
"""A set of networks takes no /0."""
PROGRAMS = {False: "/usr/sbin/iptables-legacy", True: "/usr/sbin/ip6tables-legacy"}
LOCK = Path("/run/xtables.lock")
"""What all who change these tables hold meanwhile."""
OWN_LOCK = Path("/run/asterisk-ext/xtables.lock")

NO_LEGACY_TABLES = Problem(
    "kernel.no_legacy_tables",
    500,
    "This machine has no legacy iptables tables ({reason}).",
    'Set guard.driver to "nftables".',
)


class IptablesKernel:
    """Owns the chains and ipsets that bear its name, and hooks three chains in first. Needs CAP_NET_ADMIN and
    CAP_NET_RAW."""

    def __init__(self) -> None:
        for ipv6 in (False, True):
            try:
                self._saved("raw", ipv6=ipv6)
            except OSError as error:
                raise NO_LEGACY_TABLES.refuse(reason=error) from error
        self.lists = IpsetLists()
        self._sets = IpsetSocket()
        self._rules_sets = IpsetSocket()
        """For what ``apply`` does: it may run in a thread beside the event loop's bans."""
        self._applied: object = None
        self._seen = b""

    def apply(self, ruleset: Ruleset) -> None:
        try:
            for ipv6 in (False, True):
                self._create_sets(ipv6=ipv6)
                for name in sorted(ruleset.lists):
                    self._rules_sets.create_networks(ipset(name, 6 if ipv6 else 4), ipv6=ipv6, size=MOST_PREFIXES)
                wanted = to_iptables(ruleset, ipv6=ipv6)
                for table in ("raw", "filter"):
                    self._put(table, {chain: rules for (of, chain), rules in wanted.items() if of == table}, ipv6=ipv6)
                self._try(ruleset.trial_seconds if ruleset.trial else 0, ipv6=ipv6)
            self._applied = self._listing()
            if ruleset.remembers:
                self.lists.judge_again()
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error

    def put(self, which: SourceSet, sources: Mapping[str, float]) -> None:
        try:
            if which in UNKNOWN_THEN:
                self._forget(SourceSet.KNOWN, sources)
            for ipv6, wanted in _by_family(sources).items():
                self._sets.add(ipset_of(which, ipv6=ipv6), wanted)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error

    def lift(self, sources: Iterable[str]) -> None:
        listed = list(sources)
        try:
            for which in LIFTED:
                self._forget(which, listed)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error

    def restore(self, sources: Mapping[SourceSet, Mapping[str, float]]) -> None:
        try:
            for which, timed in sources.items():
                for ipv6, wanted in _by_family(timed).items():
                    name = ipset_of(which, ipv6=ipv6)
                    fresh = f"{name}_new"
                    self._sets.create(fresh, ipv6=ipv6, size=SIZES[which], expected=len(wanted))
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
        except OSError:
            return False
        self._seen = seen if intact else b""
        return intact

    def changed_lists(self) -> Collection[str] | None:
        return self.lists.changed()

    def changes(self) -> int:
        return -1

    def drain_changes(self) -> bool:
        return False

    def close(self) -> None:
        self._sets.close()
        self._rules_sets.close()
        self.lists.close()

    def _forget(self, which: SourceSet, sources: Iterable[str]) -> None:
        for key in map(key_of, sources):
            with suppress(FileNotFoundError):
                self._sets.remove(ipset_of(which, ipv6=len(key) != 4), [key])

    def _try(self, seconds: float, *, ipv6: bool) -> None:
        """Begin or end a trial: its chains are filled by now."""
        self._rules_sets.flush(TRIAL[ipv6])
        if seconds > 0:
            self._rules_sets.add_networks(TRIAL[ipv6], EVERYTHING[ipv6], seconds)

    def _create_sets(self, *, ipv6: bool) -> None:
        self._rules_sets.create_networks(TRIAL[ipv6], ipv6=ipv6, size=8)
        for which in SourceSet:
            self._rules_sets.create(ipset_of(which, ipv6=ipv6), ipv6=ipv6, size=SIZES[which])
        self._rules_sets.create_met(MET[ipv6], ipv6=ipv6, size=MOST_MET)
        for turn in TURN.values():
            self._rules_sets.create_met(turn[ipv6], ipv6=ipv6, size=ENTRIES)
        self._rules_sets.create_contacts(PASSED[ipv6], ipv6=ipv6, size=passed.MOST)
        self._rules_sets.create_contacts(CONTACT[ipv6], ipv6=ipv6, size=MOST_CONTACTS)
        self._rules_sets.create_networks(FRIEND[ipv6], ipv6=ipv6, size=MOST_FRIENDS)
        self._rules_sets.create_networks(WATCHED[ipv6], ipv6=ipv6, size=8)

    def _put(self, name: str, chains: Mapping[str, list[Rule]], *, ipv6: bool) -> None:
        """Fill our chains of a table and hook them in first."""
        saved = self._saved(name, ipv6=ipv6)
        hooked = [(HOOKS[name, chain], chain) for chain in chains if (name, chain) in HOOKS]
        hooks = [line for hook, chain in hooked for line in hook_first(saved, hook, chain)]
        self._run("restore", "--noflush", "--wait", "5", given=restore_text(name, chains, hooks), ipv6=ipv6)

    def _saved(self, name: str, *, ipv6: bool) -> list[str]:
        return self._run("save", "--table", name, ipv6=ipv6).splitlines()

    def _listing(self) -> list[list[str]]:
        """Our chains and the first rule of each hook, as the kernel has them."""
        listed = []
        for ipv6 in (False, True):
            for table in ("raw", "filter"):
                chains = [chain for of, chain in OWN_CHAINS if of == table]
                hooks = [hook for (of, _), hook in HOOKS.items() if of == table]
                listed.append(own_lines(self._saved(table, ipv6=ipv6), chains, hooks))
        return listed

    def _run(self, act: str, *options: str, ipv6: bool, given: str = "") -> str:
        """Raises OSError with what the program said."""
        # The root of a user namespace may not write there either.
        may_make = os.geteuid() == 0 and not LOCK.exists()
        lock = LOCK if may_make or os.access(LOCK, os.R_OK | os.W_OK) else OWN_LOCK
        done = subprocess.run(
            [f"{PROGRAMS[ipv6]}-{act}", *options],
            input=given,
            capture_output=True,
            text=True,
            env={"XTABLES_LOCKFILE": str(lock), "PATH": "/usr/sbin:/sbin"},
            check=False,
        )
        if done.returncode != 0:
            raise OSError(done.stderr.strip() or f"{PROGRAMS[ipv6]}-{act} ended with {done.returncode}")
        return done.stdout


def _by_family(sources: Mapping[str, float]) -> dict[bool, dict[bytes, float]]:
    wanted: dict[bool, dict[bytes, float]] = {False: {}, True: {}}
    for source, seconds in sources.items():
        key = key_of(source)
        wanted[len(key) != 4][key] = seconds
    return wanted
