"""What the guard needs of the kernel. Drivers: ``nft/driver.py``, ``iptables/driver.py``; ``fake.py`` for tests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from asterisk_ext.domain.address_list import Network
from asterisk_ext.domain.errors import Problem
from firewall.kernel.ruleset import Ruleset
from firewall.kernel.source_sets import SourceSet
from firewall.lists.address_lists import AddressLists

KERNEL_REFUSED = Problem(
    "kernel.refused",
    500,
    "The kernel refused the firewall's change: {reason}.",
    "Check that the guard has CAP_NET_ADMIN and that the kernel has the modules the driver needs.",
)
UNKNOWN_DRIVER = Problem(
    "kernel.unknown_driver",
    500,
    "There is no firewall driver {driver!r}.",
    'Set driver to "nftables" or "iptables".',
)


class Kernel(Protocol):
    """Sources are IPv4 addresses or IPv6 /64 networks in text; times are seconds from now.

    All methods raise ``kernel.refused`` and leave what was before when the kernel says no.
    """

    @property
    def lists(self) -> AddressLists:
        """The address lists that rules may name."""

    def apply(self, ruleset: Ruleset) -> None:
        """Make these the rules. Applying the same twice changes nothing; elements of the sets stay."""

    def put(self, which: SourceSet, sources: Mapping[str, float]) -> None:
        """Put these sources into a set, each for so long; a source that is there gets the new time.

        Whom it knows it lets in before it looks further: so who is banned or slowed is taken out of the known ones, and
        must not be put among them meanwhile.
        """

    def lift(self, sources: Iterable[str]) -> None:
        """Take these out of all sets but the known ones: let in again, at full speed; others are passed over."""

    def restore(self, sources: Mapping[SourceSet, Mapping[str, float]]) -> None:
        """Make exactly these the contents of the sets named, each in one transaction."""

    def listed(self, which: SourceSet) -> dict[str, float]:
        """Who is in a set, and for how much longer."""

    def count(self) -> int:
        """How many are banned; cheap, and a few too many while some bans have just ended."""

    def befriend(self, networks: Iterable[Network]) -> None:
        """Make exactly these the networks that are never taken for strangers'."""

    def watch(self, seconds: float) -> None:
        """For so long somebody watches what strangers do; unless said again, they are not limited afterwards."""

    def is_intact(self) -> bool:
        """The rules are those last applied; false when something else has changed them."""

    def changes(self) -> int:
        """Begin to listen: a descriptor that becomes readable when the rules have been changed; −1 if there is none."""

    def changed_lists(self) -> Collection[str] | None:
        """The address lists whose content somebody else has changed since this was last asked; None: any of them."""

    def drain_changes(self) -> bool:
        """Take what is readable there; true when a change was not this driver's own."""

    def close(self) -> None: ...
