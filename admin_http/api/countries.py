"""The firewall's country lists over the API."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from aiohttp import web

from admin_http.api.route import Route
from admin_http.country_names import name_of
from admin_http.i18n import LANGUAGES
from admin_http.services import Services
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.services.countries import NO_SOURCES, NOT_A_REGISTRY, UNDER_WAY, Phase, Prefixes, Update


class CountryRow(msgspec.Struct, kw_only=True):
    """``code`` is ISO 3166-1's; ``names`` by language; ``in_use``: a rule in force names it."""

    code: str
    names: dict[str, str]
    prefixes4: int
    prefixes6: int
    addresses4: int
    in_use: bool


class CountryTable(msgspec.Struct, kw_only=True):
    """``since`` is the day of the registries' data (``2026-02-01``)."""

    since: str
    source: str
    licence: str
    countries: Sequence[CountryRow]


class UpdateShown(msgspec.Struct, kw_only=True):
    """The update that goes on, or the last one: see ``began`` and ``ended`` (seconds since 1970; 0: not yet).

    ``since`` is the day of the lists that were taken; ``error_id`` says why they were not.
    """

    phase: Phase
    by: str
    began: float
    ended: float
    file: str
    done: int
    total: int
    number: int
    files: int
    since: str
    error_id: str = ""
    what: str = ""
    remedy: str = ""


class WantedUpdate(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``from_files``: of the files handed over before, instead of the settings' sources."""

    from_files: bool = False


async def table(services: Services, actor: Actor) -> CountryTable:
    told = await services.countries.table(actor)
    return CountryTable(
        since=told.since,
        source=told.source,
        licence=told.licence,
        countries=[
            CountryRow(
                code=row.code,
                names={language.replace("_", "-"): name_of(row.code, language) for language in LANGUAGES},
                prefixes4=row.prefixes4,
                prefixes6=row.prefixes6,
                addresses4=row.addresses4,
                in_use=row.code in told.in_use,
            )
            for row in told.countries
        ],
    )


async def one(services: Services, actor: Actor, code: str) -> Prefixes:
    return await services.countries.prefixes(actor, code)


async def status(services: Services, actor: Actor) -> UpdateShown:
    return shown(services.countries.status(actor))


async def update(services: Services, actor: Actor, body: WantedUpdate) -> UpdateShown:
    return shown(await services.countries.update(actor, body.from_files))


async def keep(services: Services, actor: Actor, registry: str, request: web.Request) -> None:
    services.countries.keep(actor, registry, await request.read())


def shown(update: Update) -> UpdateShown:
    refusal = update.refusal
    return UpdateShown(
        phase=update.phase,
        by=update.by,
        began=update.began,
        ended=update.ended,
        file=update.file,
        done=update.done,
        total=update.total,
        number=update.number,
        files=update.files,
        since=update.since,
        error_id=refusal.error_id if refusal else "",
        what=refusal.what if refusal else "",
        remedy=refusal.remedy if refusal else "",
    )


ROUTES = (
    Route(
        method="GET",
        path="/firewall/countries",
        handle=table,
        summary="The country lists of this server's guard: their day, source, and how many prefixes each has",
        act=Act.SEE_FIREWALL,
    ),
    Route(
        method="GET",
        path="/firewall/countries/update",
        handle=status,
        summary="How the update of the country lists goes, or how the last one ended",
        act=Act.SEE_FIREWALL,
    ),
    Route(
        method="POST",
        path="/firewall/countries/update",
        handle=update,
        summary="Begin to fetch the registries' files; the guard checks them and takes them, or all stays as it is",
        act=Act.CHANGE_FIREWALL,
        status=202,
        problems=(UNDER_WAY, NO_SOURCES),
    ),
    Route(
        method="PUT",
        path="/firewall/countries/files/{registry}",
        handle=keep,
        summary="Hand over a registry's delegated-extended file, plain or compressed, for an update from files",
        act=Act.CHANGE_FIREWALL,
        problems=(NOT_A_REGISTRY,),
        takes=bytes,
    ),
    Route(
        method="GET",
        path="/firewall/countries/{code}",
        handle=one,
        summary="The prefixes of one country",
        act=Act.SEE_FIREWALL,
    ),
)
