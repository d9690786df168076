"""Which announcement a caller heard, by the samples received."""

from __future__ import annotations

from pathlib import Path

from asterisk_ext.lab import g711

SHIPPED = Path(__file__).resolve().parents[2] / "dialplan/audio/default"


def heard_whole(samples: bytes) -> list[str]:
    """The shipped announcements (``pt_BR/partial_block``) that stand in ``samples`` from their beginning to their end.

    Asterisk passes alaw on as it is, so every sample must be there, in order.
    """
    return [
        path.relative_to(SHIPPED).with_suffix("").as_posix()
        for path in sorted(SHIPPED.rglob("*.alaw"))
        if g711.decode(g711.ALAW, path.read_bytes()).tobytes() in samples
    ]
