"""The console's pages: plain HTML that works by itself; scripts only add what moves."""

from __future__ import annotations

from aiohttp import web

from admin_http.pages import (
    audios,
    audit,
    bans,
    blocked_calls,
    countries,
    firewall,
    firewall_trial,
    live_calls,
    login,
    maintenance,
    overview,
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
            web.get("/servers/{name}/firewall", firewall.show),
            web.post("/servers/{name}/firewall/save", firewall.save),
            web.post("/servers/{name}/firewall/move", firewall.move),
            web.post("/servers/{name}/firewall/remove", firewall.remove),
            web.post("/servers/{name}/firewall/discard", firewall.discard),
            web.post("/servers/{name}/firewall/use-template", firewall.use_template),
            web.post("/servers/{name}/firewall/save-template", firewall.save_template),
            web.get("/servers/{name}/firewall/plan", firewall_trial.plan),
            web.post("/servers/{name}/firewall/apply", firewall_trial.apply),
            web.get("/servers/{name}/firewall/trial", firewall_trial.trial),
            web.post("/servers/{name}/firewall/confirm", firewall_trial.confirm),
            web.post("/servers/{name}/firewall/rollback", firewall_trial.roll_back),
            web.get("/pbx", virtual_pbx.show),
            web.get("/pbx/{pbx}", virtual_pbx.one),
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
