"""What countries are called, in the languages of the console, and which have a drawn flag."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from babel import Locale

from admin_http.templates import STATIC

FLAGS = frozenset(path.stem for path in (STATIC / "flags").glob("*.svg"))


def name_of(code: str, language: str) -> str:
    """By Unicode's common locale data; the code itself where that has no name for it."""
    return str(_territories(language).get(code, code))


@cache
def _territories(language: str) -> Mapping[str, str]:
    """Read when the first page asks for it: it takes a tenth of a second."""
    territories: Mapping[str, str] = Locale.parse(language).territories
    return territories
