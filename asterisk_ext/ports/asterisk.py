"""What the services need of this node's Asterisk."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from asterisk_ext.domain.audio import Stems
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.ways import Way


@dataclass(frozen=True, slots=True)
class Contact:
    """Where a registered phone is: its account, its address as Asterisk reaches it, and by what transport."""

    account: str
    address: str
    transport: str = "udp"


class PhoneBook(Protocol):
    """What Asterisk knows of registered phones."""

    async def contacts(self) -> list[Contact]:
        """Every contact with an address."""
        ...

    async def registered(self) -> Mapping[int, int]:
        """How many accounts have a contact at this node, by virtual PBX; as it was some seconds ago."""
        ...

    def recount(self) -> None:
        """Count anew when asked next."""
        ...


class Projector(Protocol):
    """Gives Asterisk the virtual PBXs of this node."""

    def apply(
        self,
        tenants: Sequence[Pbx],
        *,
        elsewhere: Collection[int] = (),
        audios: Mapping[int, Stems] | None = None,
        ways: Mapping[str, Way] = ...,
        hurried: Collection[int] = (),
    ) -> object:
        """Make Asterisk's tenants exactly these, and ``ways`` lead to other servers. Blocks: call it in a thread.

        Refuses to remove many that are not ``elsewhere`` in the fleet: it would rather be an error of ours.
        """
        ...

    def replaced(self) -> bool:
        """Whether something else has taken the place of what was applied last, so that it must be applied again."""
        ...


class Registrar(Protocol):
    """Has Asterisk register trunks with their carriers. Blocks: call it outside the event loop."""

    def present(self) -> set[str]:
        """The trunks that are registered now: ``1_trunk14``."""
        ...

    def renew(self) -> None:
        """Register all that are registered once more, now."""
        ...

    def apply(self, tenants: Sequence[Pbx]) -> bool:
        """Register exactly the trunks of ``tenants`` that are to register; False where that was so already."""
        ...
