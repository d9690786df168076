"""Which announcement a caller heard, by the samples received."""

from __future__ import annotations

from pathlib import Path

from asterisk_ext.lab import g711

SHIPPED = Path(__file__).resolve().parents[2] / "dialplan/audio/default"
PACKET = 160
"""Samples in 20 ms."""
WINDOW = 2 * 3 * g711.RATE
"""Bytes within which the next packet is looked for: three seconds."""
SHARE = 0.7


def heard_to_the_end(samples: bytes) -> list[str]:
    """The shipped announcements (``pt_BR/partial_block``) heard from their beginning to their end.

    Asterisk passes alaw on as it is, so packets are compared to the letter, in order. On a busy machine it sends some
    late and gives them time stamps that overlap, so that a listener loses them: seven in ten must be there, and the
    last second among them.
    """
    return [
        path.relative_to(SHIPPED).with_suffix("").as_posix()
        for path in sorted(SHIPPED.rglob("*.alaw"))
        if _is_heard(path.read_bytes(), samples)
    ]


def mostly_heard(spoken: bytes, samples: bytes) -> bool:
    """Whether seven in ten packets of these 16-bit samples were heard, in order."""
    packets = [spoken[start : start + 2 * PACKET] for start in range(0, len(spoken), 2 * PACKET)]
    return len(_found(packets, samples)) >= SHARE * len(packets)


def _is_heard(alaw: bytes, samples: bytes) -> bool:
    starts = range(0, len(alaw) // PACKET * PACKET, PACKET)
    packets = [g711.decode(g711.ALAW, alaw[start : start + PACKET]).tobytes() for start in starts]
    found = _found(packets, samples)
    return len(found) >= SHARE * len(packets) and max(found, default=0) >= len(packets) - g711.RATE // PACKET


def _found(packets: list[bytes], samples: bytes) -> list[int]:
    """Which of the packets are among the samples, in order."""
    found, at = [], 0
    for number, packet in enumerate(packets):
        place = samples.find(packet, at, at + WINDOW)
        if place >= 0:
            found.append(number)
            at = place + len(packet)
    return found
