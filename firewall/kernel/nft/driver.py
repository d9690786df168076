"""The kernel through nftables: rules by ``nft -f -``, sets by netlink. Default driver."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from os import uname
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from asterisk_ext.domain.address_list import Network
from firewall.kernel.nft.changes import ChangeSocket
from firewall.kernel.nft.fingerprint import Fingerprints
from firewall.kernel.nft.intervals import NftLists
from firewall.kernel.nft.netlink import ElementSocket
from firewall.kernel.nft.turns import Turns
from firewall.kernel.port import KERNEL_REFUSED
from firewall.kernel.ruleset import TABLE, Ruleset, to_nft
from firewall.kernel.source_sets import SourceSet
from firewall.lists.address_lists import PREFIXES, list_of

NFT = "/usr/sbin/nft"
WATCHED = "watched"
UNKNOWN_THEN = (SourceSet.BAN, SourceSet.SLOW)
"""Who gets into these is no longer among the known."""
LIFTED = (SourceSet.BAN, SourceSet.SLOW, SourceSet.SUSPECT, SourceSet.NARROW)
MOST_RENEWED = 1 << 15
ADDING_RENEWS = tuple(int(part) for part in re.findall(r"\d+", uname().release)[:2]) >= (6, 12)
"""Older kernels keep an element's old time when it is added again."""


class NftablesKernel:
    """Owns ``table inet asterisk_ext`` and touches nothing else. Needs CAP_NET_ADMIN."""

    def __init__(self, nft: str = NFT) -> None:
        self._nft = nft
        self._turns = Turns()
        self.lists = NftLists(TABLE, nft, self._turns)
        self._elements = ElementSocket(TABLE)
        self._listing = ElementSocket(TABLE)
        """The event loop may look while a thread changes something."""
        self._rules = Fingerprints(TABLE)
        self._changes: ChangeSocket | None = None
        self._applied = b""
        self._put_before: defaultdict[SourceSet, set[str]] = defaultdict(set)

    def apply(self, ruleset: Ruleset) -> None:
        with self._turns.inside():
            self._run(to_nft(ruleset))
        self._applied = self._rules.fingerprint()
        if ruleset.remembers:
            self.lists.judge_again()

    def put(self, which: SourceSet, sources: Mapping[str, float]) -> None:
        self._turns.soon(lambda: self._put(which, sources))

    def _put(self, which: SourceSet, sources: Mapping[str, float]) -> None:
        wanted = _by_set({which: sources})
        try:
            if which in UNKNOWN_THEN:
                self._forget(SourceSet.KNOWN, self._put_before[SourceSet.KNOWN].intersection(sources))
            try:
                # Where it must be taken out first, asking for what is not there costs a whole aborted transaction,
                # some 8 ms.
                before = self._put_before[which]
                self._elements.add(wanted, renew=not (ADDING_RENEWS or before.isdisjoint(sources)))
            except FileNotFoundError:
                self._elements.add(wanted)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error
        if which is not SourceSet.SUSPECT:
            # A flood makes a million of these; that they keep their first time is right.
            if which is SourceSet.NARROW and len(before) > MOST_RENEWED:
                before.clear()
            before.update(sources)

    def lift(self, sources: Iterable[str]) -> None:
        listed = list(sources)
        self._turns.soon(lambda: self._lift(listed))

    def _lift(self, sources: Iterable[str]) -> None:
        try:
            for which in LIFTED:
                self._forget(which, sources)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error

    def restore(self, sources: Mapping[SourceSet, Mapping[str, float]]) -> None:
        self._turns.soon(lambda: self._restore(sources))

    def _restore(self, sources: Mapping[SourceSet, Mapping[str, float]]) -> None:
        try:
            self._elements.add(_by_set(sources), flush=True)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error
        self._put_before.update({which: set(wanted) for which, wanted in sources.items()})

    def listed(self, which: SourceSet) -> dict[str, float]:
        try:
            listed = {
                **self._listing.elements(which.of(ipv6=False)),
                **self._listing.elements(which.of(ipv6=True)),
            }
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error
        return {source_of_key(key): left for key, left in listed.items()}

    def count(self) -> int:
        try:
            counts = [self._listing.count(SourceSet.BAN.of(ipv6=ipv6)) for ipv6 in (False, True)]
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error
        told = [count for count in counts if count is not None]
        return sum(told) if len(told) == len(counts) else len(self.listed(SourceSet.BAN))

    def befriend(self, networks: Iterable[Network]) -> None:
        listed = list(networks)
        four = collapse_addresses(network for network in listed if isinstance(network, IPv4Network))
        six = collapse_addresses(network for network in listed if isinstance(network, IPv6Network))
        told = {"friend4": [str(network) for network in four], "friend6": [str(network) for network in six]}
        lines = [f"flush set inet {TABLE} {name}" for name in told]
        lines += [f"add element inet {TABLE} {name} {{ {', '.join(each)} }}" for name, each in told.items() if each]
        self._turns.soon(lambda: self._run("\n".join([*lines, ""])))

    def watch(self, seconds: float) -> None:
        self._turns.soon(lambda: self._watch(seconds))

    def _watch(self, seconds: float) -> None:
        elements = {bytes([AF_INET]): seconds, bytes([AF_INET6]): seconds}
        try:
            self._elements.add({WATCHED: elements})
            self._elements.add({WATCHED: elements}, renew=True)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error

    def is_intact(self) -> bool:
        return self._applied != b"" and self._rules.fingerprint() == self._applied

    def changes(self) -> int:
        # Not before somebody asks: the kernel writes a message for each element while anybody listens, which makes
        # restoring 50,000 bans four times as slow.
        if self._changes is None:
            self._changes = ChangeSocket(TABLE, deaf_to=self.lists.port)
        return self._changes.fileno()

    def changed_lists(self) -> Collection[str] | None:
        if self._changes is None:
            return ()
        touched, self._changes.touched = self._changes.touched, set()
        return None if touched is None else {list_of(name) for name in touched if name.startswith(PREFIXES)}

    def drain_changes(self) -> bool:
        return self._changes is not None and self._changes.drain(self._elements.port)

    def close(self) -> None:
        for each in (self._elements, self._listing, self._rules, self.lists):
            each.close()
        if self._changes is not None:
            self._changes.close()

    def _forget(self, which: SourceSet, sources: Iterable[str]) -> None:
        for source in sources:
            key = key_of(source)
            self._put_before[which].discard(source)
            with suppress(FileNotFoundError):
                self._elements.remove(which.of(ipv6=len(key) != 4), [key])

    def _run(self, text: str) -> None:
        try:
            done = subprocess.run([self._nft, "-f", "-"], input=text, capture_output=True, text=True, check=False)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error
        if done.returncode != 0:
            raise KERNEL_REFUSED.refuse(reason=done.stderr.strip() or f"nft ended with {done.returncode}")


def key_of(source: str) -> bytes:
    """A source as a set holds it: four bytes, or the first address of the /64."""
    if ":" in source:
        return inet_pton(AF_INET6, source.partition("/")[0])
    return inet_pton(AF_INET, source)


def source_of_key(key: bytes) -> str:
    return inet_ntop(AF_INET, key) if len(key) == 4 else f"{inet_ntop(AF_INET6, key)}/64"


def _by_set(sources: Mapping[SourceSet, Mapping[str, float]]) -> dict[str, dict[bytes, float]]:
    wanted: dict[str, dict[bytes, float]] = {}
    for which, timed in sources.items():
        four = wanted[which.of(ipv6=False)] = {}
        six = wanted[which.of(ipv6=True)] = {}
        for source, seconds in timed.items():
            if ":" in source:
                six[key_of(source)] = seconds
            else:
                four[inet_pton(AF_INET, source)] = seconds
    return wanted
