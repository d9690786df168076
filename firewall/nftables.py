"""The kernel through nftables: rules by ``nft -f -``, sets by netlink. Default driver."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from firewall.kernel import KERNEL_REFUSED
from firewall.nft_fingerprint import Fingerprints
from firewall.nft_intervals import NftLists
from firewall.nft_netlink import ChangeSocket, ElementSocket
from firewall.ruleset import BAN4, BAN6, SLOW4, SLOW6, TABLE, Ruleset, to_nft

NFT = "/usr/sbin/nft"


class NftablesKernel:
    """Owns ``table inet asterisk_ext`` and touches nothing else. Needs CAP_NET_ADMIN."""

    def __init__(self, nft: str = NFT) -> None:
        self._nft = nft
        self.lists = NftLists(TABLE, nft)
        self._elements = ElementSocket(TABLE)
        self._rules = Fingerprints(TABLE)
        self._changes: ChangeSocket | None = None
        self._applied = b""
        self._put_before: set[str] = set()

    def apply(self, ruleset: Ruleset) -> None:
        self._run(["-f", "-"], to_nft(ruleset))
        self._applied = self._rules.fingerprint()

    def ban(self, bans: Mapping[str, float]) -> None:
        self._put(bans, BAN4, BAN6)

    def slow(self, sources: Mapping[str, float]) -> None:
        self._put(sources, SLOW4, SLOW6)

    def lift(self, sources: Iterable[str]) -> None:
        for source in sources:
            self._put_before.discard(source)
            key = key_of(source)
            for name in (BAN4, SLOW4) if len(key) == 4 else (BAN6, SLOW6):
                try:
                    self._elements.remove(name, [key])
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise KERNEL_REFUSED.refuse(reason=error) from error

    def restore(self, bans: Mapping[str, float]) -> None:
        try:
            self._elements.add(_by_set(bans, BAN4, BAN6), flush=True)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error
        self._put_before = set(bans)

    def bans(self) -> dict[str, float]:
        try:
            listed = {**self._elements.elements(BAN4), **self._elements.elements(BAN6)}
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error
        return {source_of_key(key): left for key, left in listed.items()}

    def count(self) -> int:
        return len(self.bans())

    def is_intact(self) -> bool:
        return self._applied != b"" and self._rules.fingerprint() == self._applied

    def changes(self) -> int:
        # Not before somebody asks: the kernel writes a message for each element while anybody listens, which makes
        # restoring 50,000 bans four times as slow.
        if self._changes is None:
            self._changes = ChangeSocket(deaf_to=self.lists.port)
        return self._changes.fileno()

    def drain_changes(self) -> bool:
        return self._changes is not None and self._changes.drain(self._elements.port)

    def close(self) -> None:
        for each in (self._elements, self._rules, self.lists):
            each.close()
        if self._changes is not None:
            self._changes.close()

    def _put(self, sources: Mapping[str, float], name4: str, name6: str) -> None:
        wanted = _by_set(sources, name4, name6)
        try:
            try:
                # Kernels before 6.12 keep an element's old time when it is added again: it is taken out first. Asking
                # for what is not there would cost a whole aborted transaction, some 8 ms.
                self._elements.add(wanted, renew=not self._put_before.isdisjoint(sources))
            except FileNotFoundError:
                self._elements.add(wanted)
        except OSError as error:
            raise KERNEL_REFUSED.refuse(reason=error) from error
        self._put_before.update(sources)

    def _run(self, arguments: list[str], text: str) -> None:
        try:
            done = subprocess.run([self._nft, *arguments], input=text, capture_output=True, text=True, check=False)
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


def _by_set(sources: Mapping[str, float], name4: str, name6: str) -> dict[str, dict[bytes, float]]:
    wanted: dict[str, dict[bytes, float]] = {name4: {}, name6: {}}
    for source, seconds in sources.items():
        key = key_of(source)
        wanted[name4 if len(key) == 4 else name6][key] = seconds
    return wanted
