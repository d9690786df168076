"""A-law samples as a file that browsers play (RFC 2361: WAVE format 6). Pure."""

from __future__ import annotations

import struct

RATE = 8000
ALAW = 6


def alaw_as_wave(samples: bytes) -> bytes:
    """A WAV file of one channel around ``samples``, which stay as they are."""
    form = struct.pack("<HHIIHHH", ALAW, 1, RATE, RATE, 1, 8, 0)
    fact = struct.pack("<4sII", b"fact", 4, len(samples))
    padding = b"\xd5" * (len(samples) % 2)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + fact
    chunks += b"data" + struct.pack("<I", len(samples)) + samples + padding
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
