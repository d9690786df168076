"""Who gets in, what a session is worth, and what a changing request must prove."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from admin_http.identity import HEADER
from admin_http.sessions import COOKIE, IDLE, LIFE
from asterisk_ext.services.records import CONSOLES, USERS, encode
from tests.unit.admin_http.conftest import Client, Visitor
from tests.unit.admin_http.world import PASSWORD, PEER, World

Visit = Callable[[str], Awaitable[Visitor]]
Token = Callable[..., Awaitable[dict[str, str]]]


async def test_a_stranger_is_led_to_the_login_and_from_there_to_where_he_wanted(client: Client) -> None:
    async with client.get("/servers?state=active", allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Location"] == "/login?next=/servers?state%3Dactive"
    async with client.post(
        "/login", data={"name": "viewer", "password": PASSWORD, "next": "/servers"}, allow_redirects=False
    ) as response:
        assert response.headers["Location"] == "/servers"


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "/\\evil.example", "/a\r\nb"])
async def test_the_login_leads_to_no_other_site(client: Client, wanted: str) -> None:
    data = {"name": "viewer", "password": PASSWORD, "next": wanted}
    async with client.post("/login", data=data, allow_redirects=False) as response:
        assert response.headers["Location"] == "/"


async def test_a_wrong_password_is_refused_beside_its_field_and_the_name_stays(client: Client) -> None:
    async with client.post("/login", data={"name": "viewer", "password": "mistaken"}) as response:
        page = await response.text()
    assert response.status == 401
    assert "O nome ou a senha não confere." in page
    assert 'value="viewer"' in page
    assert "mistaken" not in page


async def test_after_ten_tries_even_the_right_password_has_to_wait(client: Client, world: World) -> None:
    for _ in range(10):
        async with client.post("/login", data={"name": "viewer", "password": "wrong"}) as response:
            assert response.status == 401
    async with client.post("/login", data={"name": "viewer", "password": PASSWORD}) as response:
        assert response.status == 429
    world.now += 7
    async with client.post("/login", data={"name": "viewer", "password": PASSWORD}) as response:
        assert response.status == 200


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(client: Client) -> None:
    async with client.post("/login", data={"name": "viewer", "password": PASSWORD}, allow_redirects=False) as response:
        cookie = response.cookies[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert len(cookie.value) >= 32


async def test_a_session_ends_when_nobody_uses_it_and_at_the_end_of_its_life(visit: Visit, world: World) -> None:
    browser = await visit("viewer")
    world.now += IDLE + 1
    assert (await visit("viewer")) and "Entrar" not in (await browser.read("/"))[:400]
    began = world.now
    while world.now < began + LIFE:
        world.now += IDLE / 2
        await browser.read("/api/v1/me")
    world.now += 1
    async with browser.client.get("/api/v1/me") as response:
        assert response.status == 401


async def test_a_page_that_refreshes_itself_keeps_no_session_alive(visit: Visit, world: World) -> None:
    browser = await visit("viewer")
    for _ in range(3):
        world.now += IDLE / 2.5
        await browser.read("/truth", **{"X-Background": "1"})
    async with browser.client.get("/api/v1/me") as response:
        assert response.status == 401


async def test_a_user_who_was_removed_is_out_at_once(visit: Visit, world: World) -> None:
    browser = await visit("support")
    item = world.fleet.item(USERS + "support")
    assert item is not None
    await world.fleet.reached(await world.registry.delete(USERS + "support", item.revision))
    async with browser.client.get("/api/v1/me") as response:
        assert response.status == 401


async def test_logging_out_ends_the_session_on_the_server_too(visit: Visit) -> None:
    browser = await visit("viewer")
    cookies = {cookie.key: cookie.value for cookie in browser.client.session.cookie_jar}
    await browser.act("/logout")
    async with browser.client.get("/api/v1/me", cookies=cookies) as response:
        assert response.status == 401


async def test_a_form_without_the_sessions_proof_changes_nothing(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    browser.csrf = "guessed"
    status, page = await browser.act("/bans/lift", address="203.0.113.45")
    assert status == 403
    assert "csrf.missing" in page
    assert "203.0.113.45" in world.guard.banned


async def test_a_form_from_another_site_changes_nothing(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    data = {"csrf": browser.csrf, "address": "203.0.113.45"}
    for origin in ("https://evil.example", "null"):
        async with browser.client.post("/bans/lift", data=data, headers={"Origin": origin}) as response:
            assert response.status == 403
    assert "203.0.113.45" in world.guard.banned


async def test_another_site_cannot_log_anybody_in(client: Client) -> None:
    data = {"name": "viewer", "password": PASSWORD}
    async with client.post("/login", data=data, headers={"Origin": "https://evil.example"}) as response:
        assert response.status == 403


async def test_the_api_takes_the_sessions_cookie_only_with_its_proof(visit: Visit, world: World) -> None:
    browser = await visit("support")
    path = "/api/v1/bans/203.0.113.45/lift"
    async with browser.client.post(path) as response:
        assert (response.status, (await response.json())["error_id"]) == (403, "csrf.missing")
    async with browser.client.get("/api/v1/me") as response:
        csrf = (await response.json())["csrf"]
    async with browser.client.post(path, headers={HEADER: csrf}) as response:
        assert response.status == 200
    assert "203.0.113.45" not in world.guard.banned


async def test_a_token_opens_the_api_and_no_page(client: Client, token: Token) -> None:
    headers = await token("viewer")
    async with client.get("/api/v1/me", headers=headers) as response:
        assert (await response.json())["role"] == "viewer"
    async with client.get("/servers", headers=headers, allow_redirects=False) as response:
        assert response.status == 303


async def test_an_unknown_token_is_refused_with_a_reason(client: Client) -> None:
    async with client.get("/api/v1/me", headers={"Authorization": "Bearer unknown"}) as response:
        assert (response.status, (await response.json())["error_id"]) == (401, "token.refused")
        assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_another_node_reads_the_calls_with_the_fleets_secret_and_changes_no_server(client: Client) -> None:
    headers = {"X-Test-Node": PEER}
    async with client.get("/api/v1/calls", headers=headers) as response:
        assert len(await response.json()) == 5
    async with client.delete("/api/v1/servers/RIO-CORE-01", headers=headers) as response:
        assert (response.status, (await response.json())["error_id"]) == (403, "access.not_between_nodes")


async def test_a_console_of_the_fleet_acts_for_its_users_and_any_other_node_looks_on(
    client: Client, world: World
) -> None:
    headers = {"X-Test-Node": PEER}
    async with client.get("/api/v1/me", headers=headers) as response:
        assert (await response.json())["role"] == "viewer"
    async with client.get("/api/v1/calls", headers=headers) as response:
        assert "•" not in await response.text()
    await world.fleet.reached(await world.registry.create(CONSOLES, encode(["FLN-CORE-01", "node2"])))
    async with client.get("/api/v1/me", headers=headers) as response:
        assert (await response.json())["role"] == "support"


async def test_another_nodes_user_is_named_with_the_fleets_secret_only(client: Client, token: Token) -> None:
    peer = {"X-Test-Node": PEER, "X-Acting-User": "Jos%C3%A9"}
    async with client.get("/api/v1/me", headers=peer) as response:
        assert (await response.json())["name"] == "José"
    async with client.get("/api/v1/me", headers=await token("viewer") | {"X-Acting-User": "root"}) as response:
        assert (await response.json())["name"] == "viewer's token"
