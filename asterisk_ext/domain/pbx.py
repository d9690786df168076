"""A virtual PBX (PABX Virtual): one tenant, as the registry keeps it.

Accounts are named ``{pbx}_{extension}`` and trunks ``{pbx}_trunk{n}``, so that a channel tells its tenant by its
name. Of a phone's password a record holds the digest alone; a trunk's is kept as it is, since a carrier chooses the
realm and asks for it anew. ``pbx_rules.check`` says what a record may be.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

from asterisk_ext.domain.emergency import DEFAULT_NUMBERS

ANNOUNCEMENT = "announcement"
"""The target of a DID that leads to no phone."""
REALM = "asterisk-ext"
"""The digest realm of every phone: a stored digest is bound to it (RFC 7616, section 3.4.2)."""


class Status(StrEnum):
    ACTIVE = "active"
    PARTIAL_BLOCK = "partial_block"
    TOTAL_BLOCK = "total_block"


class Mode(StrEnum):
    MANAGED = "managed"
    """Extensions, trunks and numbers are projected to Asterisk by this product."""
    GATE_ONLY = "gate_only"
    """The hoster's own dialplan serves the tenant and asks only the gate."""


class Strategy(StrEnum):
    ALL = "all"
    """All phones at once."""
    IN_ORDER = "in_order"
    """One after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    number: str
    name: str = ""
    secret: str = field(default="", repr=False)
    """The password as it is handed in; a record that is kept has ``digest`` in its place."""
    digest: str = field(default="", repr=False)
    """MD5 of ``account:realm:password`` in lower-case hexadecimal."""
    webrtc: bool = False
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    contacts: int = 1
    """How many phones may be registered at once."""
    caller_id: str = ""
    """The number it shows outside; one of the virtual PBX's own. Empty: the trunk's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    name: str
    """``trunk`` and a number: ``trunk14``."""
    host: str
    port: int = 5060
    transport: str = "udp"
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    caller_id: str = ""
    username: str = ""
    """Empty: the carrier knows us by our address."""
    secret: str = field(default="", repr=False)
    """The password that goes with it."""
    register: bool = False
    """We register there; the carrier then sends calls to where we registered from."""
    srtp: bool = False
    """Audio is encrypted, by keys that come with the call (RFC 4568); the call itself goes over TLS then."""
    addresses: tuple[str, ...] = ()
    """From where the carrier calls, besides ``host``."""

    @property
    def has_secret(self) -> bool:
        return bool(self.secret)

    @property
    def known_by(self) -> tuple[str, ...]:
        """Every address that its calls come from; of a host with a DNS name that is for the node to find out."""
        return tuple(dict.fromkeys((*((self.host,) if is_address(self.host) else ()), *self.addresses)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RingGroup:
    number: str
    name: str = ""
    members: tuple[str, ...]
    strategy: Strategy = Strategy.ALL
    timeout: int = 30
    """Seconds that the phones ring: all together, or each in its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    number: str
    target: str
    """The number of an extension or a ring group of the same virtual PBX, or ``announcement``: the caller hears that
    the number is not available, unbilled, and the call ends.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where calls to the outside leave; of a virtual PBX's routes the first that the number fits is taken.

    Without any route every number leaves by all trunks in order.
    """

    pattern: str
    """Asterisk's, without the underscore, of digits after the outside-line prefix (``route.expression``)."""
    name: str = ""
    trunks: tuple[str, ...]
    """In order: where one fails, the next carries the call."""
    strip: int = 0
    """Digits taken off the front."""
    prepend: str = ""
    """Digits put before what is left."""
    caller_id: str = ""
    """Shown in place of the extension's and the trunk's; one of the virtual PBX's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pbx:
    id: int
    name: str
    domain: str
    home: str
    """Name of the server it lives on when nothing is in maintenance."""
    former: str = ""
    """The home it was moved from by itself: phones that have not followed yet keep their emergency calls there."""
    mode: Mode = Mode.MANAGED
    status: Status = Status.ACTIVE
    reason: str = ""
    """Why it is blocked; only the hoster's staff sees it."""
    since: str = ""
    """When the status was set, ISO 8601 UTC."""
    language: str = "pt_BR"
    max_calls: int = 0
    """Simultaneous calls; 0 for no limit."""
    extensions: tuple[Extension, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    ring_groups: tuple[RingGroup, ...] = ()
    dids: tuple[Did, ...] = ()
    routes: tuple[Route, ...] = ()
    emergency_trunks: tuple[str, ...] = ()
    outside_prefixes: tuple[str, ...] = ("0",)
    emergency_numbers: tuple[str, ...] = DEFAULT_NUMBERS
    music_class: str = "default"

    def account(self, extension: str) -> str:
        """The SIP account, which is also the endpoint's name: ``1_200``."""
        return f"{self.id}_{extension}"

    def after(self, before: Pbx | None) -> Pbx:
        """This record in the place of ``before``: where the home is another one, that one is the former home."""
        if before is None:
            return replace(self, former="")
        return replace(self, former=before.former if before.home == self.home else before.home)

    def blocked(self, status: Status, reason: str, since: str) -> Pbx:
        """This virtual PBX with another status."""
        return replace(self, status=status, reason=reason if status is not Status.ACTIVE else "", since=since)


def digest(account: str, password: str) -> str:
    """The HA1 of RFC 7616 for ``password`` (MD5, the algorithm that every phone speaks)."""
    return hashlib.md5(f"{account}:{REALM}:{password}".encode(), usedforsecurity=False).hexdigest()


@lru_cache(65_536)
def is_address(host: str) -> bool:
    """Whether this is an IP address and no name; one with a zone (``fe80::1%eth0``) is none that a carrier can have."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host
