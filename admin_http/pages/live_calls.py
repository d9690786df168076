"""Live calls: the table as it is now; ``static/live_calls.js`` keeps it so."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from aiohttp import web

from admin_http.api.live_calls import may_look
from admin_http.i18n import N_
from admin_http.keys import SERVICES
from admin_http.pages.frame import done, page, visitor
from admin_http.privacy import calls_for, snapshot_for
from admin_http.sessions import Strip
from asterisk_ext.domain.access import Act, require
from asterisk_ext.domain.call_news import Silent
from asterisk_ext.domain.call_rows import Destination, epoch_of
from asterisk_ext.domain.call_rows import Row as Call
from asterisk_ext.domain.emergency import dialled_forms
from asterisk_ext.ports import Fleet
from asterisk_ext.services.live_calls import UNKNOWN

ICONS = {
    "Up": "dot",
    "Ring": "waves",
    "Ringing": "waves",
    "Busy": "struck",
    "Down": "ring",
}
KINDS = {"Up": "ok", "Ring": "warn", "Ringing": "warn", "Busy": "bad"}
ORDERS = {
    "": N_("newest first"),
    "oldest": N_("longest first"),
    "pbx": N_("by virtual PBX"),
    "server": N_("by server"),
    "caller": N_("by caller"),
}
BLANK: Call = {
    "linkedid": "",
    "pbx": None,
    "server": None,
    "started": "",
    "answered": None,
    "origin": {"channel": "", "state": "", "caller": "", "name": "", "dialled": "", "codecs": []},
    "destinations": [],
}
BLANK_SILENT = Silent(server="", since=0.0)
BLANK_LEG: Destination = {"channel": "", "state": "", "codecs": [], "answerer": None, "name": ""}


async def show(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    may_look(actor)
    services = request.app[SERVICES]
    snapshot = snapshot_for(actor, await services.live_calls.table(actor))
    query = {name: request.query.get(name, "") for name in ("text", "pbx", "server", "state", "codec", "order")}
    calls = list(snapshot.calls)
    names = {str(pbx.id): pbx.name for pbx in sorted(services.fleet.tenants(), key=lambda pbx: pbx.name.casefold())}
    return page(
        request,
        "live_calls.html",
        calls=sorted((call for call in calls if _wanted(call, query)), key=_order(query["order"], names)),
        orders=ORDERS,
        everything=calls,
        sure=snapshot.sure,
        late=snapshot.late,
        silent=snapshot.silent,
        hosts=sorted(server.name for server in services.fleet.servers() if server.technology.hosts),
        query=query,
        names=names,
        emergency=emergency_forms(services.fleet),
        calls_on=len({call["server"] for call in calls}),
        blank=BLANK,
        blank_silent=BLANK_SILENT,
        blank_leg=BLANK_LEG,
        codec_counts=codec_counts(calls),
        short=short,
        seconds=lambda started: max(0, int(services.clock() - epoch_of(started))),
        icons=ICONS,
        kinds=KINDS,
        hour=services.call_history.last_hour(actor) if actor.pbx is None else [],
        zone=str(services.zone),
    )


async def ask(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    require(actor, Act.HANG_UP)
    services = request.app[SERVICES]
    call = await _find(request)
    names = {str(pbx.id): pbx.name for pbx in services.fleet.tenants()}
    return page(request, "hang_up.html", call=calls_for(actor, [call])[0], names=names)


async def hang_up(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    require(actor, Act.HANG_UP)
    services, linkedid = request.app[SERVICES], request.match_info["linkedid"]
    await services.live_calls.hang_up(actor, linkedid, request.query.get("server", ""))
    strip = Strip(said=N_("**Call {call} hung up** at {time}"), params={"call": linkedid}, at=services.clock())
    raise done(session, strip, "/calls")


async def _find(request: web.Request) -> Call:
    linkedid = request.match_info["linkedid"]
    actor, _ = visitor(request)
    server = request.query.get("server", "")
    for call in (await request.app[SERVICES].live_calls.table(actor)).calls:
        if call["linkedid"] == linkedid and server in ("", call["server"]):
            return call
    raise UNKNOWN.refuse(linkedid=linkedid)


def emergency_forms(fleet: Fleet) -> list[str]:
    """Every way in which one of the fleet's virtual PBXs may dial an emergency number."""
    forms: set[str] = set()
    for numbers, prefixes in {(pbx.emergency_numbers, pbx.outside_prefixes) for pbx in fleet.tenants()}:
        forms |= dialled_forms(numbers, prefixes).keys()
    return sorted(forms)


def codec_counts(calls: list[Call]) -> list[tuple[str, int]]:
    """How many calls are up with each codec of their caller, the most used first."""
    counts: dict[str, int] = {}
    for call in calls:
        if call["origin"]["state"] == "Up" and call["origin"]["codecs"]:
            codec = call["origin"]["codecs"][0]
            counts[codec] = counts.get(codec, 0) + 1
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def short(channel: str) -> str:
    """A channel's name without Asterisk's serial: ``PJSIP/1_200``."""
    return re.sub(r"-[0-9a-f]{8}(;[12])?$", "", channel)


def _order(order: str, names: Mapping[str, str]) -> Callable[[Call], str]:
    """The key to sort by; calls come newest first, and stay so where the key is the same."""
    match order:
        case "oldest":
            return lambda call: call["started"]
        case "pbx":
            return lambda call: names.get(call["pbx"] or "", "").casefold()
        case "server":
            return lambda call: call["server"] or ""
        case "caller":
            return lambda call: call["origin"]["caller"]
        case _:
            return lambda call: ""


def _wanted(call: Call, query: dict[str, str]) -> bool:
    legs = [call["origin"], *call["destinations"]]
    text = query["text"].casefold()
    shown = [call["linkedid"], call["origin"]["caller"], call["origin"]["dialled"], call["origin"]["name"]]
    shown += [leg["channel"] for leg in legs] + [leg["answerer"] or "" for leg in call["destinations"]]
    return (
        query["pbx"] in ("", call["pbx"])
        and query["server"] in ("", call["server"])
        and (not query["state"] or any(leg["state"] == query["state"] for leg in legs))
        and (not query["codec"] or any(query["codec"] in leg["codecs"] for leg in legs))
        and (not text or any(text in value.casefold() for value in shown))
    )
