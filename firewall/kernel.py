"""What the guard needs of the kernel. Drivers: ``nftables.py``, ``iptables.py``; ``kernel_fake.py`` for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from asterisk_ext.domain.errors import Problem
from firewall.address_lists import AddressLists
from firewall.ruleset import Ruleset

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

    def ban(self, bans: Mapping[str, float]) -> None:
        """Shut these sources out, each for so long; a source already out gets the new time."""

    def slow(self, sources: Mapping[str, float]) -> None:
        """Limit these sources' signalling, each for so long."""

    def lift(self, sources: Iterable[str]) -> None:
        """Let these in again, and at full speed; a source that is not out is passed over."""

    def restore(self, bans: Mapping[str, float]) -> None:
        """Make exactly these the banned sources, in one transaction."""

    def bans(self) -> dict[str, float]:
        """Who is out, and for how much longer."""

    def count(self) -> int:
        """How many are out."""

    def is_intact(self) -> bool:
        """The rules are those last applied; false when something else has changed them."""

    def changes(self) -> int:
        """Begin to listen: a descriptor that becomes readable when the rules have been changed; −1 if there is none."""

    def drain_changes(self) -> bool:
        """Take what is readable there; true when a change was not this driver's own."""

    def close(self) -> None: ...
