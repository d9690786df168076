"""A call as everybody is shown it: console, API, command line and replay."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, NotRequired, TypedDict


class Origin(TypedDict):
    channel: str
    state: str
    caller: str
    """The caller's number."""
    name: str
    dialled: str
    codecs: list[str]
    held: NotRequired[Literal[True]]


class Destination(TypedDict):
    channel: str
    state: str
    codecs: list[str]
    answerer: str | None
    """The extension or number that picked up, on the leg that did; else None."""
    name: str
    held: NotRequired[Literal[True]]


class Row(TypedDict):
    """One call in progress. Times are ISO 8601 UTC to the millisecond, from Asterisk's own timestamps.

    ``started`` is the creation of the oldest leg seen, ``answered`` the first answer that the caller got; None while
    there is none, and where it came before anybody watched and no bridge tells it. ``codecs``: offered while it rings,
    negotiated once up. ``pbx``: the tenant of the origin, or else of the first destination that has one. ``held``
    stands only at a leg whose party waits because the other of the two has put it on hold.
    """

    linkedid: str
    pbx: str | None
    server: str | None
    started: str
    answered: str | None
    origin: Origin
    destinations: list[Destination]


def epoch_of(stamp: str) -> float:
    """Epoch seconds of Asterisk's timestamp or of ours; 0 of one that cannot be read."""
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return 0.0


def iso_utc(stamp: str) -> str:
    """Asterisk's timestamp, which bears its local offset, as ISO 8601 UTC to the millisecond."""
    if stamp.endswith("+0000"):
        return stamp[:-5] + "Z"
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
