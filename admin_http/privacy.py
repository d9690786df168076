"""Caller numbers are personal data (LGPD): masked for those whose role does not see them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from asterisk_ext.domain.access import Actor
from asterisk_ext.domain.call_media import Detail, Media
from asterisk_ext.domain.call_news import Changed, Difference, Snapshot
from asterisk_ext.domain.call_rows import Row as Call
from asterisk_ext.domain.gate import BlockedCall

_NUMBER = re.compile(r"\+?\d{6,}")
"""Shorter ones are extensions and service numbers, which name nobody outside."""


def masked(text: str) -> str:
    """All but the last two digits of every number hidden."""
    return _NUMBER.sub(lambda match: "•" * (len(match[0]) - 2) + match[0][-2:], text)


def calls_for(actor: Actor, calls: Sequence[Call]) -> list[Call]:
    return [call_for(actor, call) for call in calls]


def snapshot_for(actor: Actor, snapshot: Snapshot) -> Snapshot:
    silent = [replace(server, calls=calls_for(actor, server.calls)) for server in snapshot.silent]
    return replace(snapshot, calls=calls_for(actor, snapshot.calls), silent=silent)


def difference_for(actor: Actor, difference: Difference) -> Difference:
    match difference:
        case Snapshot():
            return snapshot_for(actor, difference)
        case Changed(call):
            return Changed(call_for(actor, call))
    return difference


def call_for(actor: Actor, call: Call) -> Call:
    """The call as ``actor`` may see it; the name of a hidden number is hidden with it."""
    if actor.sees_numbers:
        return call
    origin = call["origin"]
    return {
        **call,
        "origin": {
            **origin,
            "channel": _channel(origin["channel"]),
            "caller": masked(origin["caller"]),
            "name": _name(origin["name"], origin["caller"]),
            "dialled": masked(origin["dialled"]),
        },
        "destinations": [
            {
                **leg,
                "channel": _channel(leg["channel"]),
                "answerer": None if leg["answerer"] is None else masked(leg["answerer"]),
                "name": _name(leg["name"], leg["answerer"] or leg["channel"]),
            }
            for leg in call["destinations"]
        ],
    }


def detail_for(actor: Actor, detail: Detail) -> Detail:
    """The call and its audio as ``actor`` may see them."""
    if actor.sees_numbers:
        return detail
    media: list[Media] = [{**leg, "channel": _channel(leg["channel"])} for leg in detail["media"]]
    return {"call": call_for(actor, detail["call"]), "media": media}


def blocked_call_for(actor: Actor, call: BlockedCall) -> BlockedCall:
    """The blocked call as ``actor`` may see it."""
    if actor.sees_numbers:
        return call
    return replace(call, channel=_channel(call.channel), caller=masked(call.caller), number=masked(call.number))


def _name(name: str, number: str) -> str:
    return "" if _NUMBER.search(number) else masked(name)


def _channel(name: str) -> str:
    """Asterisk's own serial after the last hyphen is nobody's number."""
    base, hyphen, serial = name.rpartition("-")
    return masked(base) + hyphen + serial if hyphen else masked(name)
