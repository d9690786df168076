"""What happens to channels, in the product's words; decoded from ARI's events by ``ari_apps.events``.

Times are Asterisk's own timestamps as they came (``2026-11-22T19:12:57.898+0000``); an empty text means that the
source had none to give. A ``Snapshot`` is a channel at one moment: it may be older than what was seen before.
"""

from __future__ import annotations

from typing import NamedTuple


class Snapshot(NamedTuple):
    """A channel as Asterisk described it at one moment."""

    id: str
    """Unique id: ``[systemname-]epoch.sequence`` unless whoever originated it chose another."""
    name: str
    """``PJSIP/1_200-00000005``; ``;1`` or ``;2`` at the end of a Local channel's halves."""
    state: str
    number: str
    caller_name: str
    linkedid: str
    formats: str
    """``CHANNEL(audionativeformat)``: ``(alaw|ulaw)``, ``(none)`` before there are any."""
    dnid: str
    """``CALLERID(dnid)``, the number that was dialled; set a little after the channel's creation."""
    exten: str
    application: str
    """The dialplan application that runs; AppDial or AppQueue on a leg that was called by one."""
    tenant: str
    """``CHANNEL(tenantid)``, a field of ARI's channel objects since Asterisk 22 when it is set."""
    account: str
    created: str


class Bridge(NamedTuple):
    """A bridge and the ids of the channels in it."""

    members: tuple[str, ...]
    created: str


class Created(NamedTuple):
    channel: Snapshot
    at: str


class Changed(NamedTuple):
    """Something about a channel changed: state, caller, codec, place in the dialplan."""

    channel: Snapshot
    at: str


class Held(NamedTuple):
    """The party of a channel has put the other one on hold, or taken it back."""

    channel: Snapshot
    holds: bool
    at: str


class Dialled(NamedTuple):
    """Progress of one dial attempt; ``caller`` is None where Asterisk itself dials (originate).

    ``dialstring`` is what was dialled, without the technology: ``1_200``, ``48999990000@1_trunk14``; ``status`` is
    empty at the start, then RINGING, ANSWER, BUSY, CANCEL, NOANSWER …
    """

    caller: Snapshot | None
    peer: Snapshot
    dialstring: str
    status: str
    at: str


class Ended(NamedTuple):
    """A channel is gone; ``cause`` is the Q.850 cause of the hang-up."""

    id: str
    cause: int
    at: str


Event = Created | Changed | Held | Dialled | Ended
