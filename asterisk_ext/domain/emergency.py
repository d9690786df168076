"""Emergency numbers: they pass whatever the status, the load or the state of our services (SPEC, section 5).

The defaults are Brazil's public-utility emergency codes (Anatel, resolution 749/2022) and the international 112/911.
"""

from __future__ import annotations

from collections.abc import Iterable

DEFAULT_NUMBERS = (
    "100", "112", "180", "181", "185", "188", "190", "191", "192", "193", "194", "197", "198", "199", "911",
)  # fmt: skip

NEVER_OFF = ("190", "192", "193")
"""Police, ambulance and fire brigade: no virtual PBX may switch these off."""

MARK = "AST_EXT_IN_EMERGENCY"
"""Channel variable that the dialplan sets on every leg of an emergency call, transfers to one included."""


def dialled_forms(numbers: Iterable[str], outside_prefixes: Iterable[str]) -> dict[str, str]:
    """Every way of dialling an emergency number → the bare number: bare, after an outside-line prefix, after 55."""
    forms: dict[str, str] = {}
    prefixes = ("", "55", *outside_prefixes)
    for number in numbers:
        for prefix in prefixes:
            forms.setdefault(prefix + number, number)
    return forms
