"""One call: its legs, and how the audio of each fares."""

from __future__ import annotations

from aiohttp import web

from admin_http.api.live_calls import may_look
from admin_http.keys import SERVICES
from admin_http.pages.frame import page, visitor
from admin_http.pages.live_calls import ICONS, KINDS, emergency_forms
from admin_http.privacy import detail_for
from asterisk_ext.domain.call_media import Media, media_of
from asterisk_ext.domain.call_rows import epoch_of


async def show(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    may_look(actor)
    services = request.app[SERVICES]
    linkedid, server = request.match_info["linkedid"], request.query.get("server", "")
    found = detail_for(actor, await services.live_calls.detail(actor, linkedid, server))
    call = found["call"]
    media: dict[str, Media] = {each["channel"]: each for each in found["media"]}
    for leg in (call["origin"], *call["destinations"]):
        media.setdefault(leg["channel"], media_of(leg["channel"], None))
    return page(
        request,
        "call_detail.html",
        call=call,
        media=media,
        names={str(pbx.id): pbx.name for pbx in services.fleet.tenants()},
        emergency=emergency_forms(services.fleet),
        epoch=epoch_of,
        icons=ICONS,
        kinds=KINDS,
    )
