"""Which announcement a caller heard, by the samples received."""

from __future__ import annotations

from pathlib import Path

from asterisk_ext.lab import g711

SHIPPED = Path(__file__).resolve().parents[2] / "dialplan/audio/default"
PACKET = 160
"""Samples in 20 ms."""


def heard_whole(samples: bytes) -> list[str]:
    """The shipped announcements (``pt_BR/partial_block``) that stand in ``samples`` from their beginning to their end.

    Asterisk passes alaw on as it is, so every sample must be there, in order; of the last packet's worth it sends
    nothing when it is not full.
    """
    return [
        path.relative_to(SHIPPED).with_suffix("").as_posix()
        for path in sorted(SHIPPED.rglob("*.alaw"))
        if _whole_packets(path.read_bytes()) in samples
    ]


def _whole_packets(alaw: bytes) -> bytes:
    return g711.decode(g711.ALAW, alaw[: len(alaw) // PACKET * PACKET]).tobytes()
