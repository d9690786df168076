"""Patterns of outbound routes: a part of Asterisk's own, turned into regular expressions over digits. Pure.

Asterisk page: "Pattern Matching". ``X`` is any digit, ``Z`` 1 to 9, ``N`` 2 to 9, ``[13-5]`` one of these; a final
``.`` is one digit or more, a final ``!`` any number of them. Letters, spaces, ``+`` and ``-`` outside a set are none.
"""

from __future__ import annotations

import re

from asterisk_ext.domain.pbx import Pbx, Route

PATTERN = re.compile(r"(?=.{1,40}\Z)(?:[0-9XNZ]|\[(?:[0-9](?:-[0-9])?){1,10}\])*[.!]?", re.ASCII)
RULE = "digits, X, Z, N and sets such as [2-5], at the end . or !, at most 40 characters"

_MEANS = {"X": ".", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}


def expression(pattern: str) -> str:
    """A POSIX extended regular expression for the digits that fit, without anchors; ``pattern`` fits ``PATTERN``.

    It holds digits, dots, sets, ``+`` and ``*`` only: nothing in it means anything to the dialplan.
    """
    parts = re.findall(r"\[[^\]]*\]|.", pattern)
    return "".join(part if part.startswith("[") else _MEANS.get(part, part) for part in parts)


def taken(pbx: Pbx, number: str) -> Route | None:
    """The route that a call to ``number`` (digits, without the outside-line prefix) takes; None where none fits."""
    return next((route for route in pbx.routes if re.fullmatch(expression(route.pattern), number)), None)


def is_backwards(pattern: str) -> bool:
    """Whether a set runs from a higher digit to a lower one, which fits nothing."""
    return any(first > last for first, last in re.findall(r"([0-9])-([0-9])", pattern))
