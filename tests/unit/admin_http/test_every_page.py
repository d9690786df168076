"""What holds for every page and every act of the console, whichever it is."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest

from tests.unit.admin_http.conftest import Client, Visitor
from tests.unit.admin_http.world import World

Visit = Callable[[str], Awaitable[Visitor]]

PAGES = (
    "/", "/calls", "/servers", "/servers/add", "/servers/FLN-CORE-01", "/servers/FLN-CORE-01/edit",
    "/servers/RIO-CORE-01/remove", "/servers/FLN-CORE-01/maintenance", "/pbx", "/pbx/1", "/bans", "/bans/add",
    "/bans/fleet", "/servers/FLN-CORE-01/firewall",
    "/servers/FLN-CORE-01/firewall?edit=default-1", "/servers/FLN-CORE-01/firewall?edit=new&direction=out",
    "/servers/SPO-NODE-01/firewall", "/servers/FLN-CORE-01/firewall/plan",
    "/pbx/add", "/pbx/1/edit", "/pbx/1/remove", "/pbx/1/parts", "/pbx/1/extensions/add", "/pbx/1/routes/add",
    "/pbx/1/trunks/trunk14/edit", "/pbx/1/dids/4831210101/edit", "/pbx/1/ring_groups/600/remove",
    "/audit", "/calls/1786601653.100/hangup", "/firewall/countries", "/firewall/countries/UY", "/audios",
    "/audios?tab=pbx", "/audios?tab=music", "/audios?tab=files",
    "/audios/choose?pbx=1", "/audios/choose?kind=partial_block&language=en", "/blocked-calls", "/blocked-calls?pbx=1",
    "/pbx/files", "/pbx/blocks",
)  # fmt: skip


@pytest.mark.parametrize("language", ["pt-BR", "en"])
async def test_every_page_says_its_language_and_has_one_heading(visit: Visit, language: str) -> None:
    browser = await visit("administrator")
    for path in PAGES:
        async with browser.client.get(path, headers={"Accept-Language": language}) as response:
            page = await response.text()
        assert response.status == 200, path
        assert f'<html lang="{language}"' in page, path
        assert len(re.findall("<h1", page)) == 1, path
        assert "{" not in re.sub(r'data-[a-z-]+="[^"]*"', "", page), f"{path}: a place was left unfilled"


async def test_no_page_needs_a_weaker_policy(visit: Visit) -> None:
    browser = await visit("administrator")
    for path in ("/login", *PAGES):
        async with browser.client.get(path, allow_redirects=False) as response:
            page = await response.text()
            policy = response.headers["Content-Security-Policy"]
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy, path
        assert response.headers["X-Content-Type-Options"] == "nosniff", path
        assert response.headers["Cache-Control"] == "no-store", path
        assert not re.search(r"<[^>]+\sstyle=", page), path
        assert not re.search(r"<[^>]+\son[a-z]+=", page), path
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page)), path


ACTS = (
    "/servers/add", "/servers/RIO-CORE-01/edit", "/servers/RIO-CORE-01/remove",
    "/servers/FLN-CORE-01/join",
    "/servers/FLN-CORE-01/maintenance/enter", "/servers/FLN-CORE-01/maintenance/leave", "/pbx/1/status", "/bans/add",
    *(
        f"/servers/FLN-CORE-01/firewall/{act}"
        for act in ("save", "move", "remove", "discard", "use-template", "save-template")
    ),
    *(f"/servers/FLN-CORE-01/firewall/{act}" for act in ("apply", "confirm", "rollback")),
    "/pbx/add", "/pbx/1/edit", "/pbx/1/remove", "/pbx/1/extensions/add", "/pbx/1/extensions/202/edit",
    "/pbx/1/extensions/202/remove",
    *(f"/bans/fleet/{act}" for act in ("never", "again", "withdraw")),
    "/bans/lift", "/calls/1786601653.100/hangup", "/firewall/countries/update",
    "/firewall/lists/save", "/firewall/lists/remove", "/audios/add", "/audios/use",
    "/audios/remove",
    "/pbx/files/import", "/pbx/files/propose", "/pbx/files/export", "/pbx/blocks",
)  # fmt: skip
FIELDS = {
    "id": "9", "name": "new", "technology": "NODE", "ip": "198.18.9.1", "destination": "SPO-NODE-01",
    "status": "total_block", "address": "203.0.113.45", "kind": "music",
    "network": "203.0.113.45", "server": "SPO-NODE-01",
}  # fmt: skip


def test_the_acts_tested_here_are_all_the_acts_there_are(client: Client) -> None:
    app = client.server.app  # type: ignore[attr-defined]
    posts = {route.resource.canonical for route in app.router.routes() if route.method == "POST" and route.resource}
    pages = {path for path in posts if not path.startswith("/api/")} - {"/login", "/logout", "/preferences"}
    assert len(pages) == len(ACTS)


async def test_a_viewer_is_refused_every_act_with_the_role_it_takes(visit: Visit, world: World) -> None:
    browser = await visit("viewer")
    before = await world.truth()
    for path in ACTS:
        status, page = await browser.act(path, **FIELDS)
        assert (status, "access.forbidden" in page) == (403, True), path
        assert await world.truth() == before, path


async def test_a_stranger_is_sent_to_the_login_by_every_act(client: Client, world: World) -> None:
    before = await world.truth()
    for path in ACTS:
        async with client.post(path, data=FIELDS, allow_redirects=False) as response:
            assert response.headers["Location"] == "/login", path
        assert await world.truth() == before, path
