"""ARI's JSON events, decoded to the domain's. Pure.

Only the fields that the live calls table needs are read (Asterisk's ``rest-api/api-docs/events.json`` has them all);
events that say nothing about a channel's state, and types that a later Asterisk may add, come out as None. A text that
is no event at all raises ``msgspec.DecodeError``.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import field

from asterisk_ext.domain.call_events import Bridge, Changed, Created, Dialled, Ended, Event, Held, Snapshot

CHANNEL_VARIABLES = ("CHANNEL(linkedid)", "CHANNEL(audionativeformat)", "CALLERID(dnid)")
"""What ari.conf's ``channelvars`` must list; every channel object then bears them."""


class _Party(msgspec.Struct, frozen=True):
    name: str = ""
    number: str = ""


class _Place(msgspec.Struct, frozen=True):
    exten: str = ""
    app_name: str = ""


class _Variables(msgspec.Struct, frozen=True):
    linkedid: str = field(default="", name="CHANNEL(linkedid)")
    formats: str = field(default="", name="CHANNEL(audionativeformat)")
    dnid: str = field(default="", name="CALLERID(dnid)")


class _Channel(msgspec.Struct, frozen=True):
    id: str
    name: str
    state: str
    creationtime: str
    caller: _Party = _Party()
    dialplan: _Place = _Place()
    channelvars: _Variables = _Variables()
    accountcode: str = ""
    tenantid: str = ""

    def snapshot(self) -> Snapshot:
        variables, place, caller = self.channelvars, self.dialplan, self.caller
        return tuple.__new__(  # half the cost of Snapshot(…), twice an event
            Snapshot,
            (
                self.id,
                self.name,
                self.state,
                caller.number,
                caller.name,
                variables.linkedid,
                variables.formats,
                variables.dnid,
                place.exten,
                place.app_name,
                self.tenantid,
                self.accountcode,
                self.creationtime,
            ),
        )


class _Bridge(msgspec.Struct, frozen=True):
    channels: tuple[str, ...] = ()
    creationtime: str = ""


class _Message(msgspec.Struct, frozen=True, tag_field="type"):
    def event(self) -> Event | None:
        return None


class _OfChannel(_Message, frozen=True, kw_only=True):
    channel: _Channel
    timestamp: str = ""

    def event(self) -> Event | None:
        return Changed(self.channel.snapshot(), self.timestamp)


class _Created(_OfChannel, frozen=True, tag="ChannelCreated"):
    def event(self) -> Event:
        return Created(self.channel.snapshot(), self.timestamp)


class _Gone(msgspec.Struct, frozen=True):
    id: str


class _Destroyed(_Message, frozen=True, tag="ChannelDestroyed", kw_only=True):
    channel: _Gone
    cause: int = 0
    timestamp: str = ""

    def event(self) -> Event:
        return Ended(self.channel.id, self.cause, self.timestamp)


class _Dial(_Message, frozen=True, tag="Dial", kw_only=True):
    peer: _Channel
    caller: _Channel | None = None
    dialstring: str = ""
    dialstatus: str = ""
    timestamp: str = ""

    def event(self) -> Event:
        caller = self.caller.snapshot() if self.caller else None
        return Dialled(caller, self.peer.snapshot(), self.dialstring, self.dialstatus, self.timestamp)


class _StateChange(_OfChannel, frozen=True, tag="ChannelStateChange"): ...


class _ConnectedLine(_OfChannel, frozen=True, tag="ChannelConnectedLine"): ...


class _CallerId(_OfChannel, frozen=True, tag="ChannelCallerId"): ...


class _Dialplan(_OfChannel, frozen=True, tag="ChannelDialplan"): ...


class _EnteredBridge(_OfChannel, frozen=True, tag="ChannelEnteredBridge"): ...


class _Hold(_OfChannel, frozen=True, tag="ChannelHold"):
    def event(self) -> Event:
        return Held(self.channel.snapshot(), True, self.timestamp)


class _Unhold(_OfChannel, frozen=True, tag="ChannelUnhold"):
    def event(self) -> Event:
        return Held(self.channel.snapshot(), False, self.timestamp)


class _Varset(_Message, frozen=True, tag="ChannelVarset"): ...


class _DeviceState(_Message, frozen=True, tag="DeviceStateChanged"): ...


class _HangupRequest(_Message, frozen=True, tag="ChannelHangupRequest"): ...


class _LeftBridge(_Message, frozen=True, tag="ChannelLeftBridge"): ...


class _BridgeCreated(_Message, frozen=True, tag="BridgeCreated"): ...


class _BridgeDestroyed(_Message, frozen=True, tag="BridgeDestroyed"): ...


_Known = (
    _Created
    | _Destroyed
    | _EnteredBridge
    | _Dial
    | _StateChange
    | _ConnectedLine
    | _CallerId
    | _Dialplan
    | _LeftBridge
    | _Hold
    | _Unhold
    | _Varset
    | _DeviceState
    | _HangupRequest
    | _BridgeCreated
    | _BridgeDestroyed
)

_TAGS = frozenset(str(kind.__struct_config__.tag) for kind in _Known.__args__)
WANTED = (
    "ChannelCreated",
    "ChannelDestroyed",
    "ChannelStateChange",
    "ChannelEnteredBridge",
    "ChannelConnectedLine",
    "ChannelCallerId",
    "ChannelHold",
    "ChannelUnhold",
    "Dial",
)
"""The event types to let through the filter. ChannelDialplan would tell little more, at a message a dialplan step."""


class Recorded(msgspec.Struct, frozen=True):
    """A line of a recorded stream: ``{"t": epoch seconds of receipt, "e": the event}``."""

    t: float
    e: _Known


class _Typed(msgspec.Struct, frozen=True):
    type: str


class _RecordedTyped(msgspec.Struct, frozen=True):
    t: float
    e: _Typed


_decode: Callable[[bytes | str], _Message] = msgspec.json.Decoder(_Known).decode
_decode_recorded = msgspec.json.Decoder(Recorded).decode
_decode_channel = msgspec.json.Decoder(_Channel).decode
_decode_channels = msgspec.json.Decoder(list[_Channel]).decode
_decode_bridges = msgspec.json.Decoder(list[_Bridge]).decode


def decode(message: bytes | str) -> Event | None:
    """One message of the websocket."""
    try:
        return _decode(message).event()
    except msgspec.ValidationError:
        if msgspec.json.decode(message, type=_Typed).type in _TAGS:
            raise
        return None


def decode_recorded(line: bytes) -> tuple[float, Event | None]:
    """One line of a recorded stream: when it was received, and the event."""
    try:
        recorded = _decode_recorded(line)
    except msgspec.ValidationError:
        other = msgspec.json.decode(line, type=_RecordedTyped)
        if other.e.type in _TAGS:
            raise
        return other.t, None
    return recorded.t, recorded.e.event()


def decode_channel(body: bytes) -> Snapshot:
    """The answer to ``GET /channels/{id}``."""
    return _decode_channel(body).snapshot()


def decode_channels(body: bytes) -> list[Snapshot]:
    """The answer to ``GET /channels``."""
    return [channel.snapshot() for channel in _decode_channels(body)]


def decode_bridges(body: bytes) -> list[Bridge]:
    """The answer to ``GET /bridges``."""
    return [Bridge(bridge.channels, bridge.creationtime) for bridge in _decode_bridges(body)]
