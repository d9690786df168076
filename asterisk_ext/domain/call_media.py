"""How the audio of a leg fares, from Asterisk's RTP statistics. Pure.

Source: ``RTPstat`` in Asterisk's ``rest-api/api-docs/channels.json``; jitter and round trip are in seconds there.
Against its names ``txjitter`` and ``txmes`` are of the packets that Asterisk *receives* (it transmits them in its
reports), ``rxjitter`` and ``rxmes`` what the far side reports; found on 22.10 with a party whose packets are late by a
known time. None stands for what Asterisk has no figure of: the far side's part before its first RTCP report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from asterisk_ext.domain.call_rows import Row
from asterisk_ext.domain.errors import Problem

NO_STATISTICS = Problem(
    "call.no_statistics",
    503,
    "Asterisk did not tell the call's RTP statistics ({reason}).",
    "Ask again; the table of calls says whether the server is in touch with Asterisk.",
)


class Media(TypedDict):
    """One leg. ``received`` and ``lost`` are packets from the party, ``sent`` those to it; ``mes`` is Asterisk's
    media experience score of 0 to 100, not a MOS."""

    channel: str
    received: int | None
    sent: int | None
    lost: int | None
    loss_percent: float | None
    jitter_ms: float | None
    round_trip_ms: float | None
    mes: float | None


class Detail(TypedDict):
    """A call and the audio of each living leg, the origin's first."""

    call: Row
    media: list[Media]


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpStatistics:
    """As ARI tells them."""

    rxcount: int = 0
    txcount: int = 0
    rxploss: int = 0
    txjitter: float = 0.0
    rtt: float = 0.0
    txmes: float = 0.0


def media_of(channel: str, told: RtpStatistics | None) -> Media:
    """``told`` is None for a leg without RTP of its own."""
    if told is None:
        told = RtpStatistics()
    heard = told.rxcount > 0
    expected = told.rxcount + told.rxploss
    return {
        "channel": channel,
        "received": told.rxcount if heard else None,
        "sent": told.txcount or None,
        "lost": told.rxploss if heard else None,
        "loss_percent": round(100 * told.rxploss / expected, 2) if heard else None,
        "jitter_ms": round(1000 * told.txjitter, 2) if heard else None,
        "round_trip_ms": round(1000 * told.rtt, 1) if told.rtt > 0 else None,
        "mes": round(told.txmes, 1) if heard and told.txmes > 0 else None,
    }
