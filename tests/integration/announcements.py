"""Which announcement a caller heard, by the samples received."""

from __future__ import annotations

from pathlib import Path

from asterisk_ext.lab import g711

SHIPPED = Path(__file__).resolve().parents[2] / "dialplan/audio/default"
PACKET = 160
"""Samples in 20 ms."""


def heard_whole(samples: bytes) -> list[str]:
    """The shipped announcements (``pt_BR/partial_block``) of which every packet stands in ``samples``, in order.

    Asterisk passes alaw on as it is, so packets are compared to the letter; of the last one it sends nothing when it
    is not full. A pause between two packets, as a busy machine makes, does not make it another announcement.
    """
    return [
        path.relative_to(SHIPPED).with_suffix("").as_posix()
        for path in sorted(SHIPPED.rglob("*.alaw"))
        if _all_in_order(path.read_bytes(), samples)
    ]


def _all_in_order(alaw: bytes, samples: bytes) -> bool:
    at = 0
    for start in range(0, len(alaw) // PACKET * PACKET, PACKET):
        packet = g711.decode(g711.ALAW, alaw[start : start + PACKET]).tobytes()
        at = samples.find(packet, at)
        if at < 0:
            return False
        at += len(packet)
    return True
