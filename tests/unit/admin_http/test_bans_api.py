"""Blocked IPs over the API: who is spared, what happens, and the guard's figures for a monitoring system."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asterisk_ext.ports.guard import GuardEvent
from tests.unit.admin_http.conftest import Client
from tests.unit.admin_http.test_stream import event
from tests.unit.admin_http.world import World

Token = Callable[..., Awaitable[dict[str, str]]]


async def test_a_ban_comes_with_the_attempts_that_decided_it(client: Client, token: Token) -> None:
    async with client.get("/api/v1/bans", headers=await token("viewer")) as response:
        ban = next(row for row in await response.json() if row["address"] == "203.0.113.45")
    assert [attempt["account"] for attempt in ban["attempts"]] == ["1_200", "1_201", "1_201", "1_202"]
    assert ban["attempts"][0]["transport"] == "UDP"


async def test_who_is_spared_is_listed_with_the_accounts_that_failed(client: Client, token: Token) -> None:
    async with client.get("/api/v1/bans/spared", headers=await token("viewer")) as response:
        rows = await response.json()
    assert [(row["address"], row["reason"], row["accounts"]) for row in rows] == [
        ("203.0.113.160", "own_account", ["17_200"])
    ]


async def test_what_the_guard_does_is_streamed(client: Client, token: Token, world: World) -> None:
    world.guard.happens = [GuardEvent("banned", "192.0.2.9", failures=4), GuardEvent("repaired", rules=True)]
    async with client.get("/api/v1/bans/stream", headers=await token("viewer")) as response:
        name, data = await event(response)
        assert (name, data["source"], data["failures"]) == ("banned", "192.0.2.9", 4)
        assert (await event(response))[0] == "repaired"


async def test_the_guards_metrics_are_prometheus_text(client: Client, token: Token) -> None:
    async with client.get("/api/v1/metrics", headers=await token("viewer")) as response:
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = await response.text()
    assert "asterisk_ext_guard_up 1\n" in text and "asterisk_ext_guard_bans 2\n" in text
    assert "203.0.113" not in text


async def test_the_metrics_of_a_silent_guard_say_so(client: Client, token: Token, world: World) -> None:
    world.guard.silent = True
    async with client.get("/api/v1/metrics", headers=await token("viewer")) as response:
        assert (response.status, (await response.text()).splitlines()[-1]) == (200, "asterisk_ext_guard_up 0")


async def test_metrics_events_and_spared_addresses_are_not_for_strangers_nor_for_a_tenants_token(
    client: Client, token: Token
) -> None:
    for path in ("metrics", "bans/stream", "bans/spared"):
        async with client.get(f"/api/v1/{path}") as response:
            assert response.status == 401, path
        async with client.get(f"/api/v1/{path}", headers=await token("viewer", 1)) as response:
            assert (response.status, (await response.json())["error_id"]) == (403, "access.out_of_scope"), path
