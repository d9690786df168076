"""The country lists: which there are, since when, from whom; fetching newer ones."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from aiohttp import web

from admin_http.country_names import FLAGS, name_of
from admin_http.i18n import N_
from admin_http.keys import SERVICES, WORDS
from admin_http.pages.frame import done, page, said, visitor
from admin_http.sessions import Strip
from asterisk_ext.domain.access import Actor
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.ports.countries import Country, CountryTable
from asterisk_ext.services.countries import SCHEDULE, Phase

MOST_SHOWN = 500
"""Prefixes of one country and family on its page; the API and the command line give all."""


@dataclass(frozen=True, slots=True)
class Row:
    country: Country
    name: str
    in_use: bool


async def show(request: web.Request) -> web.Response:
    return await _page(request, visitor(request)[0])


async def _page(request: web.Request, actor: Actor, refusal: Refusal | None = None) -> web.Response:
    services, words = request.app[SERVICES], request[WORDS]
    update, text = services.countries.status(actor), request.query.get("text", "").strip()
    told: CountryTable | None = None
    try:
        told = await services.countries.table(actor)
    except Refusal as silence:
        if silence.problem.status == 403:
            raise
        refusal = refusal or silence
    rows = _rows(told, words.language) if told else []
    found = [row for row in rows if _folded(text) in _folded(row.name) or text.upper() == row.country.code]
    return page(
        request,
        "countries.html",
        refusal=refusal,
        rows=found,
        table=told,
        text=text,
        flags=FLAGS,
        update=update,
        by_schedule=update.by == SCHEDULE,
        failed=said(update.refusal, words),
        Phase=Phase,
    )


def _rows(table: CountryTable, language: str) -> list[Row]:
    """Those that rules name first, then by name."""
    rows = [Row(one, name_of(one.code, language), one.code in table.in_use) for one in table.countries]
    return sorted(rows, key=lambda row: (not row.in_use, _folded(row.name)))


async def one(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    prefixes = await request.app[SERVICES].countries.prefixes(actor, request.match_info["code"])
    name = name_of(prefixes.country.code, request[WORDS].language)
    return page(request, "country.html", prefixes=prefixes, name=name, flags=FLAGS, most=MOST_SHOWN)


async def update(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services = request.app[SERVICES]
    try:
        await services.countries.update(actor)
    except Refusal as refusal:
        return await _page(request, actor, refusal)
    strip = Strip(said=N_("**Update of the country lists begun** at {time}"), params={}, at=services.clock())
    raise done(session, strip, "/firewall/countries")


def _folded(text: str) -> str:
    """Without accents and capitals, so that "mexico" finds México."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()
