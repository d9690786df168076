"""A-law and μ-law (ITU-T G.711), and a tone to send. Pure."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left

RATE = 8000
ALAW, ULAW = 8, 0
"""RTP payload types (RFC 3551, table 4)."""


def _alaw_sample(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = code >> 4 & 0x07, code & 0x0F
    value = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
    return value if code & 0x80 else -value


def _ulaw_sample(code: int) -> int:
    code = ~code & 0xFF
    value = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 0x07)) - 0x84
    return -value if code & 0x80 else value


_DECODE = {ALAW: [_alaw_sample(code) for code in range(256)], ULAW: [_ulaw_sample(code) for code in range(256)]}
_ALAW_ORDER = sorted(range(256), key=_DECODE[ALAW].__getitem__)
_ALAW_VALUES = [_DECODE[ALAW][code] for code in _ALAW_ORDER]


def decode(payload_type: int, payload: bytes) -> array[int]:
    """16-bit samples; KeyError for another payload type."""
    table = _DECODE[payload_type]
    return array("h", (table[code] for code in payload))


def encode_alaw(sample: int) -> int:
    """The code whose value is nearest to a 16-bit sample."""
    above = min(bisect_left(_ALAW_VALUES, sample), 255)
    below = max(above - 1, 0)
    nearest = min(below, above, key=lambda place: abs(_ALAW_VALUES[place] - sample))
    return _ALAW_ORDER[nearest]


def tone(hertz: float, seconds: float, level: int = 8000) -> bytes:
    """A sine in A-law. Of a whole number of periods a second, it can be repeated without a click."""
    period = [encode_alaw(round(level * math.sin(2 * math.pi * hertz * n / RATE))) for n in range(RATE)]
    whole, rest = divmod(round(seconds * RATE), RATE)
    return bytes(period) * whole + bytes(period[:rest])
