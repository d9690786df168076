"""The console's pages: plain HTML that works by itself; scripts only add what moves."""

from __future__ import annotations

from aiohttp import web

from admin_http.pages import (
    audios,
    audit,
    bans,
    blocked_calls,
    countries,
    live_calls,
    login,
    maintenance,
    overview,
    pbx_parts,
    pbx_record,
    preferences,
    servers,
    virtual_pbx,
)


def add_routes(app: web.Application) -> None:
    """Every page and every act of a page, on one screen."""
    app.add_routes(
        [
            web.get("/", overview.show),
            web.get("/login", login.show),
            web.post("/login", login.enter),
            web.post("/logout", login.leave),
            web.post("/preferences", preferences.save),
            web.get("/truth", overview.line),
            web.get("/calls", live_calls.show),
            web.get("/calls/{linkedid}/hangup", live_calls.ask),
            web.post("/calls/{linkedid}/hangup", live_calls.hang_up),
            web.get("/servers", servers.show),
            web.get("/servers/add", servers.ask_new),
            web.post("/servers/add", servers.add),
            web.get("/servers/{name}", servers.one),
            web.get("/servers/{name}/edit", servers.ask_edit),
            web.post("/servers/{name}/edit", servers.edit),
            web.get("/servers/{name}/remove", servers.ask_remove),
            web.post("/servers/{name}/remove", servers.remove),
            web.get("/servers/{name}/maintenance", maintenance.show),
            web.post("/servers/{name}/maintenance/enter", maintenance.enter),
            web.post("/servers/{name}/maintenance/leave", maintenance.leave),
            web.get("/pbx", virtual_pbx.show),
            web.get("/pbx/add", pbx_record.ask_new),
            web.post("/pbx/add", pbx_record.add),
            web.get("/pbx/{pbx}", virtual_pbx.one),
            web.get("/pbx/{pbx}/edit", pbx_record.ask_edit),
            web.post("/pbx/{pbx}/edit", pbx_record.edit),
            web.get("/pbx/{pbx}/remove", pbx_record.ask_remove),
            web.post("/pbx/{pbx}/remove", pbx_record.remove),
            web.get("/pbx/{pbx}/parts", pbx_parts.show),
            web.get("/pbx/{pbx}/{kind}/add", pbx_parts.ask_new),
            web.post("/pbx/{pbx}/{kind}/add", pbx_parts.save),
            web.get("/pbx/{pbx}/{kind}/{key}/edit", pbx_parts.ask_edit),
            web.post("/pbx/{pbx}/{kind}/{key}/edit", pbx_parts.save),
            web.get("/pbx/{pbx}/{kind}/{key}/remove", pbx_parts.ask_remove),
            web.post("/pbx/{pbx}/{kind}/{key}/remove", pbx_parts.remove),
            web.post("/pbx/{pbx}/status", virtual_pbx.set_status),
            web.get("/audios", audios.show),
            web.post("/audios/add", audios.add),
            web.get("/audios/choose", audios.choose),
            web.post("/audios/use", audios.use),
            web.post("/audios/remove", audios.remove),
            web.get("/audios/shipped/{kind}/{language}", audios.shipped),
            web.get("/blocked-calls", blocked_calls.show),
            web.get("/bans", bans.show),
            web.get("/bans/add", bans.ask),
            web.post("/bans/add", bans.add),
            web.post("/bans/lift", bans.lift),
            web.get("/firewall/countries", countries.show),
            web.post("/firewall/countries/update", countries.update),
            web.get("/firewall/countries/{code}", countries.one),
            web.get("/audit", audit.show),
        ]
    )
