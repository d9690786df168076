"""What the services need of the world for names: the DNS server by which phones find their server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.names import Name

NAMES_SILENT = Problem(
    "dns.silent",
    503,
    "The DNS server {server} does not answer; names lead where they led.",
    "See to that server; it is asked again and again until the names are right.",
)
NAMES_REFUSED = Problem(
    "dns.refused",
    502,
    "The DNS server {server} did not take the update: {reason}.",
    "Look whether the key at `dns` of this server's settings may change the registration names there.",
)
NAMES_WRONG = Problem(
    "dns.wrong",
    502,
    "The DNS server took the update, and {name} still does not lead to {address}.",
    "Look what stands at that name; an alias (CNAME) takes no address beside it.",
)


class NameServer(Protocol):
    """The DNS server that holds the names phones register to. Refuses ``dns.silent`` and ``dns.refused``."""

    async def look(self, names: Iterable[str]) -> dict[str, Name]:
        """What it says of each of ``names`` now."""
        ...

    async def point(self, to: Mapping[str, str], ttl: int) -> None:
        """Have each name lead to that one address, for ``ttl`` seconds in resolvers' memory; one message for all."""
        ...
