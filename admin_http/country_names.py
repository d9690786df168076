"""What countries are called, in the languages of the console, and which have a drawn flag."""

from __future__ import annotations

from babel import Locale

from admin_http.i18n import LANGUAGES
from admin_http.templates import STATIC

FLAGS = frozenset(path.stem for path in (STATIC / "flags").glob("*.svg"))
_TERRITORIES = {language: Locale.parse(language).territories for language in LANGUAGES}


def name_of(code: str, language: str) -> str:
    """By Unicode's common locale data; the code itself where that has no name for it."""
    return str(_TERRITORIES[language].get(code, code))
