"""Legs and calls: what is kept of each channel, and which of them is the origin.

A call is all channels with one linkedid. Its origin is the leg that nobody called, or where all were called (a
click-to-call through a Local channel, a call whose caller transferred himself away) the oldest that is left; the other
legs are its destinations, oldest first. Local halves, Snoop channels and what a masquerade leaves behind are never
shown: they carry no party of their own.
"""

from __future__ import annotations

import re

from asterisk_ext.domain.call_events import Snapshot
from asterisk_ext.domain.call_rows import Row

UP = 3
_RANKS = {
    "Down": 0,
    "Rsrvd": 1,
    "OffHook": 1,
    "Pre-ring": 1,
    "Dialing": 2,
    "Ring": 2,
    "Ringing": 2,
    "Up": UP,
    "Busy": UP,
}
_HIDDEN = ("Local/", "Snoop/", "Message/", "Surrogate/")
_CALLED_BY = frozenset({"AppDial", "AppQueue"})
_NO_NUMBER = frozenset({"", "s", "h", "i", "t", "T", "e", "a", "o"})
_TENANT = re.compile(r"^\d+_")
_OF_CONTACT = re.compile(r"(?:.*/)?(?P<endpoint>[^/]*)/sips?:(?P<user>[^@]*)@?.*")
_ENDPOINT = re.compile(r"[^/]+/(?:(?P<pbx>\d+)_)?(?P<rest>.+?)(?:-[0-9a-f]{8,})?")


class Leg:
    """One channel that lives, or that was busy and is still shown."""

    __slots__ = (
        "account", "answered", "called", "caller_name", "codecs", "created", "dialled", "ended", "formats", "hidden",
        "holds", "id", "linkedid", "name", "number", "order", "rank", "seen", "settled", "state", "tenant",
    )  # fmt: skip

    def __init__(self, channel: Snapshot, now: float) -> None:
        self.id = channel.id
        self.created = channel.created
        self.order = (channel.created, _sequence(channel.id))
        self.linkedid = channel.linkedid
        self.name = channel.name
        self.hidden = is_hidden(channel.name)
        self.state = channel.state
        self.rank = rank(channel.state)
        self.number = channel.number
        self.caller_name = channel.caller_name
        self.formats = channel.formats
        self.codecs = codecs(channel.formats)
        self.dialled = channel.dnid or dialled(channel.exten)
        self.tenant = channel.tenant
        self.account = channel.account
        self.called = channel.application in _CALLED_BY
        self.answered = False
        self.ended = False
        self.settled = False
        self.holds = False
        """Its party has put the other one on hold."""
        self.seen = now

    def take_formats(self, formats: str) -> bool:
        """Whether there are other codecs now; a channel that is being set up or torn down may show none."""
        self.formats = formats
        found = codecs(formats)
        changed = bool(found) and found != self.codecs
        self.codecs = found or self.codecs
        return changed

    def is_of(self, channel: Snapshot) -> bool:
        """Whether party and tenant are still the same."""
        return (
            self.number == channel.number
            and self.caller_name == channel.caller_name
            and self.tenant == channel.tenant
            and self.account == channel.account
        )

    def take_parties(self, channel: Snapshot) -> None:
        self.number, self.caller_name = channel.number, channel.caller_name
        self.tenant, self.account = channel.tenant, channel.account

    def take_dialled(self, channel: Snapshot) -> bool:
        """Whether the number dialled is known better now: the first extension until ``dnid`` says it."""
        return self.take_number(channel.dnid or self.dialled or dialled(channel.exten))

    def take_number(self, number: str) -> bool:
        changed = number != self.dialled
        self.dialled = number
        return changed

    @property
    def unsettled(self) -> bool:
        """Up, and no event has told the codec (an application answered) or the number (Asterisk called the caller)."""
        unknown = len(self.codecs) > 1 or not (self.dialled or self.called)
        return unknown and self.state == "Up" and not self.settled

    @property
    def pbx(self) -> str | None:
        """The tenant: ``tenantid``, else the account code, else the number before the endpoint's first underscore."""
        if self.tenant or self.account:
            return self.tenant or self.account
        endpoint = _ENDPOINT.fullmatch(self.name)
        return endpoint["pbx"] if endpoint else None

    def answerer(self, wanted: str) -> str | None:
        """Who picked up: the leg's own number, but the extension in its endpoint's name where the leg was only lent
        the number of the ring group (Dial does so for an endpoint without a caller id), and ``wanted``, the number
        that the call is for, where a trunk was lent the dialplan's own ``s``."""
        if not self.answered:
            return None
        endpoint = _ENDPOINT.fullmatch(self.name)
        rest = endpoint["rest"] if endpoint else self.name
        number = dialled(self.number)
        if number and (number in rest or not rest.isdigit()):
            return number
        return rest if rest.isdigit() else wanted or rest


class Call:
    """The legs of one linkedid."""

    __slots__ = ("answered", "legs", "linkedid", "row", "started")

    def __init__(self, linkedid: str) -> None:
        self.linkedid = linkedid
        self.legs: dict[str, Leg] = {}
        self.started = ""
        self.answered: str | None = None
        self.row: Row | None = None
        """The row as last built; None when something has changed since."""

    def add(self, leg: Leg) -> None:
        self.legs[leg.id] = leg
        if not leg.hidden and (not self.started or leg.created < self.started):
            self.started = leg.created

    def shown(self) -> list[Leg]:
        """The legs of the row: the origin, then the destinations; none when nothing of this call is to be shown."""
        return sorted((leg for leg in self.legs.values() if not leg.hidden), key=_origin_first)

    def held(self) -> Leg | None:
        """The leg whose party waits on hold; of more than two nobody does, for the others talk on."""
        talking = [leg for leg in self.shown() if leg.rank == UP and not leg.ended]
        if len(talking) != 2 or talking[0].holds == talking[1].holds:
            return None
        return talking[1] if talking[0].holds else talking[0]


def _origin_first(leg: Leg) -> tuple[bool, tuple[str, int]]:
    return leg.called, leg.order


def _sequence(id: str) -> int:
    """What orders two channels of one millisecond: the running number at the end of Asterisk's unique ids."""
    last = id.rpartition(".")[2]
    return int(last) if last.isdecimal() else 0


def rank(state: str) -> int:
    """How far a channel has come; it never goes back. Busy is an end like Up."""
    return _RANKS.get(state, 1)


def is_hidden(name: str) -> bool:
    return name.startswith(_HIDDEN) or name.endswith("<ZOMBIE>")


def is_local_caller(name: str) -> bool:
    """The half of a Local channel that runs the dialplan, and so dials for the one who called the other half."""
    return name.startswith("Local/") and name.endswith(";2")


def codecs(formats: str) -> tuple[str, ...]:
    """``(alaw|ulaw)`` → its codecs; none for ``(none)`` and ``(nothing)``."""
    inner = formats.strip("()")
    return () if inner in ("", "none", "nothing") else tuple(inner.split("|"))


def dialled(exten: str) -> str:
    """The extension as a dialled number, empty for the dialplan's own ones."""
    return "" if exten in _NO_NUMBER else exten


def dialled_by(dialstring: str) -> str:
    """The number in a dial string, for a caller that Asterisk called up itself: 200 of ``1_200``, 4899990000 of
    ``4899990000@1_trunk14`` and of ``1_trunk14/sip:4899990000@192.0.2.1``, 200 of ``1_200/sip:any@192.0.2.9``, one of a
    phone's contacts."""
    found = _OF_CONTACT.fullmatch(dialstring)
    if found is None:
        return _TENANT.sub("", dialstring.partition("@")[0].rpartition("/")[2])
    return found["user"] if found["user"].isdecimal() else _TENANT.sub("", found["endpoint"])
