"""Languages: catalogues read from ``locale/*.po`` at start, and the words of one request."""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from pathlib import Path

from aiohttp import web
from babel import Locale
from babel.dates import format_date, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from markupsafe import Markup, escape

from asterisk_ext.domain.errors import Refusal

COOKIE = "language"
DEFAULT = "pt_BR"
LANGUAGES = {"pt_BR": "Português", "en": "English"}
PHRASES = frozenset({"why", "rule", "role", "name"})
"""Parameters of refusals that are words of the product, and so are translated themselves."""

LOCALE = Path(__file__).with_name("locale")

_BOLD = re.compile(r"\*\*(.+?)\*\*")


def N_(msgid: str) -> str:  # noqa: N802 - gettext's own name for a message id that is looked up later
    """Mark a message id where it is declared."""
    return msgid


@cache
def catalogues() -> Catalogues:
    """Those of this process."""
    return Catalogues()


class Catalogues:
    """One gettext catalogue a language; English is its own."""

    def __init__(self, directory: Path = LOCALE) -> None:
        self._of: dict[str, gettext.NullTranslations] = {"en": gettext.NullTranslations()}
        for path in sorted(directory.glob("*/LC_MESSAGES/messages.po")):
            compiled = io.BytesIO()
            with path.open("rb") as file:
                write_mo(compiled, read_po(file))
            compiled.seek(0)
            self._of[path.parent.parent.name] = gettext.GNUTranslations(compiled)

    def words(self, language: str, zone: tzinfo) -> Words:
        return Words(language, self._of[language], zone)

    def choose(self, request: web.Request) -> str:
        """The user's choice, else the browser's first language that we speak, else Portuguese."""
        chosen = request.cookies.get(COOKIE, "")
        if chosen in self._of:
            return chosen
        for tag in _by_weight(request.headers.get("Accept-Language", "")):
            if tag.startswith("pt"):
                return "pt_BR"
            if tag.startswith("en"):
                return "en"
        return DEFAULT


class Words:
    """Texts, numbers and times in one language and time zone."""

    def __init__(self, language: str, catalogue: gettext.NullTranslations, zone: tzinfo) -> None:
        self.language = language
        self._catalogue = catalogue
        self._locale = Locale.parse(language)
        self._zone = zone

    @property
    def tag(self) -> str:
        """As HTML writes it: ``pt-BR``."""
        return self.language.replace("_", "-")

    def text(self, msgid: str, **params: object) -> str:
        """The translation, its places filled; numbers are written as the language writes them."""
        message = self._catalogue.gettext(msgid)
        return message.format_map(self._shown(params)) if params else message

    def plural(self, one: str, many: str, count: int, **params: object) -> str:
        message = self._catalogue.ngettext(one, many, count)
        return message.format_map(self._shown({"count": count, **params}))

    def rich(self, msgid: str, **params: object) -> Markup:
        """Like ``text``, with ``**bold**`` in the message; what fills the places is always escaped."""
        escaped = str(escape(self._catalogue.gettext(msgid)))
        message = Markup(_BOLD.sub(r"<strong>\1</strong>", escaped))  # noqa: S704 - all but the tags is escaped
        return message.format_map(self._shown(params))

    def refusal(self, refusal: Refusal) -> tuple[str, str]:
        """What did not happen and why; what to do."""
        params = {
            name: self._catalogue.gettext(value) if name in PHRASES and isinstance(value, str) and value else value
            for name, value in refusal.params.items()
        }
        what, remedy = (self._catalogue.gettext(text) for text in (refusal.problem.what, refusal.problem.remedy))
        return what.format_map(params), remedy.format_map(params)

    def why(self, refusal: Refusal) -> str:
        """The bare reason, where the refusal has one of its own; else all that it says."""
        why = refusal.params.get("why")
        return self._catalogue.gettext(why) if isinstance(why, str) and why else self.refusal(refusal)[0]

    def number(self, value: float) -> str:
        return str(format_decimal(value, locale=self._locale))

    def clock(self, epoch: float) -> str:
        """``03:14:22``"""
        return str(format_time(self._local(epoch), "HH:mm:ss", locale=self._locale))

    def minute(self, epoch: float) -> str:
        """``03:14``"""
        return str(format_time(self._local(epoch), "HH:mm", locale=self._locale))

    def day(self, epoch: float) -> str:
        """``qui., 13 de ago.``, short and without the year."""
        pattern = "EEE, d MMM" if self.language == "pt_BR" else "EEE, MMM d"
        return str(format_date(self._local(epoch), pattern, locale=self._locale)).replace(".", "")

    def moment(self, epoch: float, now: float) -> str:
        """``hoje 03:09``, ``ontem 17:05``, else the date."""
        days = (self._local(now).date() - self._local(epoch).date()).days
        if days == 0:
            return self.text("today {time}", time=self.minute(epoch))
        if days == 1:
            return self.text("yesterday {time}", time=self.minute(epoch))
        return f"{self.day(epoch)} {self.minute(epoch)}"

    def date(self, epoch: float) -> str:
        return str(format_date(self._local(epoch), "medium", locale=self._locale))

    def day_of(self, iso: str) -> str:
        """A day such as ``2026-02-01`` as the language writes it."""
        return str(format_date(date.fromisoformat(iso), "medium", locale=self._locale))

    def duration(self, seconds: float) -> str:
        """Two units at most, never breaking inside: ``23 h 54 min``, ``6 min``, ``40 s``."""
        whole = max(0, int(seconds))
        days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
        if days:
            parts = [f"{days} d", f"{hours} h"] if hours else [f"{days} d"]
        elif hours:
            parts = [f"{hours} h", f"{minutes} min"] if minutes else [f"{hours} h"]
        elif minutes:
            parts = [f"{minutes} min"]
        else:
            parts = [f"{whole} s"]
        return " ".join(parts).replace(" ", "\u00a0")

    def _local(self, epoch: float) -> datetime:
        return datetime.fromtimestamp(epoch, self._zone)

    def _shown(self, params: Mapping[str, object]) -> dict[str, object]:
        return {
            name: self.number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
            for name, value in params.items()
        }


def epoch(iso: str) -> float:
    """The epoch seconds of a record's ISO 8601 time in UTC; 0 for an empty one."""
    return datetime.strptime(iso, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp() if iso else 0.0


def _by_weight(header: str) -> list[str]:
    """The language tags of an Accept-Language header (RFC 9110, section 12.5.4), the most wanted first."""
    weighed: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        tag, _, rest = part.strip().partition(";")
        weight = re.fullmatch(r"q=([01](?:\.\d{0,3})?)", rest.strip())
        weighed.append((-(float(weight[1]) if weight else 1.0), tag.lower()))
    return [tag for _, tag in sorted(weighed, key=lambda pair: pair[0])]
