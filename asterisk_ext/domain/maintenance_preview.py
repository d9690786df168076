"""What entering maintenance would do, and what does not follow by itself. Pure; None is unknown, never zero."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from asterisk_ext.domain.maintenance_seen import World
from asterisk_ext.domain.names import is_within
from asterisk_ext.domain.pbx import Mode, Pbx, is_address
from asterisk_ext.domain.server import Server, Technology

EXPIRY = 120
"""Seconds after which a phone registers again at the latest, as the projection asks of it."""
TTL = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ByAddress:
    """A trunk whose carrier knows us by our address: whether it admits the destination's is not known here."""

    pbx: int
    trunk: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    source: str
    destination: str
    tenants: int
    extensions: int
    registered: int | None
    """Phones registered at the source now."""
    calls: int | None
    """Calls in progress there; they go on until they end."""
    technology: Technology
    """The destination's."""
    version: str
    """Of this product on the destination; empty where it has not said."""
    same_version: bool | None
    served_after: int
    """Virtual PBXs that the destination would serve then."""
    calls_there: int | None
    audios_missing: Sequence[str]
    """Audios that could not be brought to the destination until now."""
    registering: int
    """Trunks that will register from the destination, each once the source has let go of it."""
    by_address: Sequence[ByAddress]
    follows: bool | None
    """Whether phones find the destination by the source's registration name: False where that is a bare address, None
    where this fleet does not keep the name at a DNS server."""
    by_bare_address: int | None
    """Phones that cannot follow; None: Asterisk does not tell by what name or address a phone registered."""
    stays_gate_only: Sequence[int]
    """Virtual PBXs with a dialplan of the hoster's own, which this product brings nowhere."""
    remembered_until: float
    """Until when resolvers may lead phones by what they remember from before names were kept short; epoch seconds."""
    seconds: int
    """Until the last phone that follows by name has registered again, once the map is flipped."""


def preview(source: Server, destination: Server, moved: Collection[Pbx], served: int, world: World) -> Preview:
    """``moved`` are the virtual PBXs that would move, ``served`` how many the destination serves now."""
    here, there = world.answers(source.name), world.answers(destination.name)
    follows = _follows(source, world.names.zone if world.names else "")
    registered = here.registered if here else None
    return Preview(
        source=source.name,
        destination=destination.name,
        tenants=len(moved),
        extensions=sum(len(pbx.extensions) for pbx in moved),
        registered=registered,
        calls=here.calls if here and here.calls_known else None,
        technology=destination.technology,
        version=there.version if there else "",
        same_version=here.version == there.version if here and there else None,
        served_after=served + len(moved),
        calls_there=there.calls if there and there.calls_known else None,
        audios_missing=there.audios_missing if there else (),
        registering=sum(trunk.register for pbx in moved for trunk in pbx.trunks),
        by_address=[
            ByAddress(pbx=pbx.id, trunk=trunk.name, host=trunk.host)
            for pbx in moved
            for trunk in pbx.trunks
            if not trunk.register and not trunk.username
        ],
        follows=follows,
        by_bare_address=registered if follows is False else None,
        stays_gate_only=[pbx.id for pbx in moved if pbx.mode is Mode.GATE_ONLY],
        remembered_until=world.names.old_until if world.names else 0.0,
        seconds=TTL + EXPIRY,
    )


def _follows(source: Server, zone: str) -> bool | None:
    if not source.registration or is_address(source.registration):
        return False
    return True if is_within(source.registration, zone) else None


def covers(certified: Iterable[str], domain: str) -> bool:
    """Whether a certificate for these names is good for ``domain`` (RFC 6125: a star stands for one whole label)."""
    _, _, above = domain.lower().partition(".")
    return any(name.lower() in (domain.lower(), f"*.{above}") for name in certified)


def uncovered(
    domains: Iterable[str], source: Collection[str] | None, destination: Collection[str] | None
) -> list[str] | None:
    """The tenants' names that the source's certificate is good for and the destination's is not; None: not known.

    Each is the names of that server's certificate: none at all where it speaks no TLS, None where it did not say.
    """
    if source is None:
        return None
    needed = sorted({domain for domain in domains if covers(source, domain)})
    if destination is None:
        return None if needed else []
    return [domain for domain in needed if not covers(destination, domain)]
