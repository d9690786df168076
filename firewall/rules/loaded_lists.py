"""Which address lists the kernel has by now, and those that a firewall still lacks there."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from asterisk_ext.domain.firewall import Firewall
from firewall.kernel.filter import filter_of
from firewall.lists.address_lists import AddressLists
from firewall.rules.candidate import Countries
from firewall.rules.list_content import Contents, contents


class LoadedLists:
    def __init__(self, lists: AddressLists, keeper: Countries) -> None:
        self._lists = lists
        self._keeper = keeper
        self._loaded: frozenset[str] = frozenset()

    def fill(self, firewalls: Sequence[Firewall]) -> None:
        """Load the lists that are not in the kernel yet."""
        self._keeper.in_use = {code for each in firewalls for code in each.countries()}
        wanted = {name: whole for each in firewalls for name, whole in self._missing(each).items()}
        if wanted:
            self._lists.load(wanted)
            self._loaded = self._loaded.union(wanted)

    def drop_unused(self, firewalls: Sequence[Firewall]) -> bool:
        """Away with those that no rule names; whether there were any."""
        names = frozenset(name for each in firewalls for name in filter_of(each).lists)
        if not self._loaded - names:
            return False
        self._lists.keep_only(names)
        self._loaded &= names
        return True

    def forget(self, lists: Collection[str] | None = None) -> frozenset[str]:
        """Believe no longer that these are in the kernel (None: any); says which of them were thought to be."""
        lost = self._loaded if lists is None else self._loaded.intersection(lists)
        self._loaded -= lost
        return lost

    def _missing(self, firewall: Firewall) -> Contents:
        missing = filter_of(firewall).lists - self._loaded
        if not missing:
            return {}
        return {name: whole for name, whole in contents(firewall, self._keeper.lists).items() if name in missing}
