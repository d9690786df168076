"""What the console shows and plays of an audio: its waveform, and A-law as a file (RFC 2361: WAVE format 6). Pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence

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


def wave_path(peaks: Sequence[int]) -> str:
    """The waveform as SVG path data: one upright stroke a peak, 3 wide, in a box 28 high."""
    return "".join(f"M{3 * place + 1} {14 - _half(peak)}v{2 * _half(peak)}" for place, peak in enumerate(peaks))


def _half(peak: int) -> int:
    return max(1, round(peak * 12 / 100))
