"""The API: its routes, its refusals and the document that describes it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from admin_http.api import ROUTES
from admin_http.api.openapi import document, problems_of
from admin_http.api.route import ROOT
from admin_http.app import build
from asterisk_ext.domain.pbx import Status
from tests.unit.admin_http.conftest import Client
from tests.unit.admin_http.world import PEER, World

Token = Callable[..., Awaitable[dict[str, str]]]
Json = dict[str, Any]


def references(part: object) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(references(value) for value in part.values()))
    return set().union(*(references(value) for value in part)) if isinstance(part, list) else set()


def filled(path: str) -> str:
    """The path with its places taken by things that exist."""
    things = {
        "pbx": "1",
        "name": "FLN-CORE-01",
        "address": "203.0.113.45",
        "linkedid": "1786601653.100",
        "code": "UY",
        "registry": "lacnic",
        "rule": "default-1",
        "list": "offices",
    }
    things |= {"kind": "extensions", "key": "202"}
    for place, thing in things.items():
        path = path.replace(f"{{{place}}}", thing)
    return path


async def test_every_route_that_is_served_below_the_root_is_in_the_document(client: Client) -> None:
    served = {
        (route.method, route.resource.canonical.removeprefix(ROOT))
        for route in client.server.app.router.routes()  # type: ignore[attr-defined]
        if route.resource and route.resource.canonical.startswith(ROOT) and route.method != "HEAD"
    }
    async with client.get(f"{ROOT}/openapi.json") as response:
        described = await response.json()
    told = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert served - told == {("GET", "/openapi.json")}
    assert told <= served


def test_the_document_is_whole() -> None:
    described = json.loads(json.dumps(document(ROUTES, "1")))
    assert described["openapi"] == "3.1.0"
    assert {"title", "version"} <= described["info"].keys()
    schemas = described["components"]["schemas"]
    assert references(described) <= {f"#/components/schemas/{name}" for name in schemas}
    ids = [operation["operationId"] for methods in described["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))
    for path, methods in described["paths"].items():
        for operation in methods.values():
            places = {item["name"] for item in operation["parameters"] if item["in"] == "path"}
            assert places == {part[1:-1] for part in path.split("/") if part.startswith("{")}
            assert any(status.startswith("2") for status in operation["responses"])


def test_the_document_names_every_problem_of_every_route() -> None:
    described = document(ROUTES, "1")
    for route in ROUTES:
        answers = described["paths"][route.path][route.method.lower()]["responses"]
        for problem in problems_of(route):
            assert problem.error_id in answers[str(problem.status)]["description"]


def test_answers_about_virtual_pbxs_have_no_place_for_a_secret() -> None:
    schemas = document(ROUTES, "1")["components"]["schemas"]
    for view in ("ExtensionView", "TrunkView"):
        assert not {"digest", "secret", "password"} & schemas[view]["properties"].keys()
    assert "secret" in schemas["Extension"]["properties"]


async def test_every_answer_tells_the_age_of_what_it_rests_on(client: Client, token: Token, world: World) -> None:
    headers = await token("viewer")
    for seconds in (0.0, 40.0):
        world.now += seconds
        for path in ("/servers", "/pbx", "/bans", "/pbx/999"):
            async with client.get(ROOT + path, headers=headers) as response:
                assert float(response.headers["Data-Age"]) == pytest.approx(seconds, abs=1.0), path


async def test_no_answer_holds_a_digest(client: Client, token: Token, world: World) -> None:
    stored = world.fleet.tenant(1).extensions[0].digest
    for path in ("/pbx", "/pbx/1"):
        async with client.get(ROOT + path, headers=await token("administrator")) as response:
            assert stored not in await response.text()


async def test_nobody_gets_nothing(client: Client) -> None:
    for route in ROUTES:
        if not route.public:
            async with client.request(route.method, ROOT + filled(route.path)) as response:
                told = (response.status, response.content_type, (await response.json())["error_id"])
            assert told == (401, "application/problem+json", "login.needed"), route.path


BODIES: dict[tuple[str, str], Json] = {
    ("POST", "/servers/{name}/firewall/rules"): {"type": "ssh"},
    ("PUT", "/servers/{name}/firewall/rules/{rule}"): {"type": "ssh"},
    ("POST", "/servers/{name}/firewall/rules/{rule}/move"): {"number": 1},
    ("POST", "/servers/{name}/firewall/apply"): {"digest": "0123456789ab"},
    ("POST", "/servers/{name}/firewall/confirm"): {"digest": "0123456789ab"},
    ("PUT", "/firewall/lists/{list}"): {"entries": ["203.0.113.5"]},
    ("POST", "/servers"): {"id": 9, "name": "new", "technology": "NODE", "ip": "198.18.9.1"},
    ("PATCH", "/servers/{name}"): {"ip": "198.18.9.9"},
    ("POST", "/servers/{name}/maintenance/enter"): {"destination": "SPO-NODE-01"},
    ("PUT", "/pbx/{pbx}"): {"id": 1, "name": "x", "domain": "x.example.com", "home": "FLN-CORE-01"},
    ("POST", "/pbx/{pbx}/status"): {"status": "total_block"},
    ("POST", "/pbx/{pbx}/move"): {"server": "SPO-NODE-01"},
    ("POST", "/pbx/blocks"): {"blocks": [{"pbx": 1, "status": "total_block"}]},
    ("PUT", "/pbx/{pbx}/extensions/{key}"): {"number": "202"},
    ("PUT", "/pbx/{pbx}/trunks/{key}"): {"name": "trunk9", "host": "198.18.9.1"},
    ("PUT", "/pbx/{pbx}/ring_groups/{key}"): {"number": "601", "members": ["200"]},
    ("PUT", "/pbx/{pbx}/dids/{key}"): {"number": "4831219999", "target": "200"},
    ("PUT", "/pbx/{pbx}/routes/{key}"): {"pattern": "X.", "trunks": ["trunk14"]},
    ("POST", "/audios/uses"): {"kind": "music", "name": ""},
    ("POST", "/bans"): {"address": "192.0.2.1"},
    ("POST", "/bans/never"): {"network": "192.0.2.0/24"},
    ("POST", "/bans/never/remove"): {"network": "192.0.2.0/24"},
    ("POST", "/users"): {"name": "x", "password": "long enough for it", "role": "viewer"},
    ("POST", "/tokens"): {"name": "x"},
}


async def test_a_viewer_changes_nothing_and_a_stolen_node_neither(client: Client, token: Token, world: World) -> None:
    viewer, stolen = await token("viewer"), {"X-Test-Node": PEER, "X-Acting-User": "root"}
    before = await world.truth()
    for route in ROUTES:
        if route.method == "GET":
            continue
        path, body = filled(route.path), BODIES.get((route.method, route.path), {})
        for headers in (viewer, stolen):
            async with client.request(route.method, ROOT + path, json=body, headers=headers) as response:
                assert response.status == 403, path
                assert (await response.json())["error_id"] in {"access.forbidden", "access.not_between_nodes"}, path
        assert await world.truth() == before, path


async def test_a_server_is_added_changed_and_removed(client: Client, token: Token) -> None:
    headers = await token("operator")
    body = {"id": 9, "name": "new", "technology": "NODE", "ip": "198.18.9.1"}
    async with client.post(f"{ROOT}/servers", json=body, headers=headers) as response:
        assert (response.status, (await response.json())["state"]) == (201, "awaiting_installation")
    async with client.patch(f"{ROOT}/servers/new", json={"ip": "198.18.9.2"}, headers=headers) as response:
        assert (await response.json())["server"]["ip"] == "198.18.9.2"
    async with client.delete(f"{ROOT}/servers/new", headers=headers) as response:
        assert response.status == 204
    async with client.get(f"{ROOT}/servers/new", headers=headers) as response:
        assert (response.status, (await response.json())["error_id"]) == (404, "server.unknown")


async def test_maintenance_is_previewed_entered_and_left(client: Client, token: Token) -> None:
    headers = await token("operator")
    path = f"{ROOT}/servers/FLN-CORE-01"
    async with client.get(f"{path}/maintenance/preview?destination=SPO-NODE-01", headers=headers) as response:
        assert (await response.json())["preview"]["tenants"] == 2
    body = {"destination": "SPO-NODE-01", "reason": "new power supply"}
    async with client.post(f"{path}/maintenance/enter", json=body, headers=headers) as response:
        assert (await response.json())["state"] == "in_maintenance"
    async with client.get(f"{ROOT}/pbx/1", headers=headers) as response:
        assert ((await response.json())["server"], (await response.json())["visiting"]) == ("SPO-NODE-01", True)
    async with client.post(f"{path}/maintenance/leave", headers=headers) as response:
        assert (await response.json())["state"] == "active"


async def test_a_refusal_says_what_why_and_what_to_do_in_the_callers_language(client: Client, token: Token) -> None:
    headers = {**await token("operator"), "Accept-Language": "pt-BR"}
    async with client.delete(f"{ROOT}/servers/FLN-CORE-01", headers=headers) as response:
        answer = await response.json()
    assert answer == {
        "type": "urn:asterisk-ext:problem:server.hosts_tenants",
        "title": "server: hosts tenants",
        "status": 409,
        "detail": "FLN-CORE-01 não foi excluído: hospeda 2 PABX Virtuais.",
        "error_id": "server.hosts_tenants",
        "remedy": "Ponha-o em manutenção ou mova-os, depois exclua.",
    }
    headers["Accept-Language"] = "en"
    async with client.delete(f"{ROOT}/servers/FLN-CORE-01", headers=headers) as response:
        assert (await response.json())["detail"] == "FLN-CORE-01 was not removed: it hosts 2 virtual PBXs."


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"id": "two", "name": "x", "technology": "NODE", "ip": "198.18.9.1"}', "id"),
        (b'{"id": 2, "name": "x", "technology": "PBX", "ip": "198.18.9.1"}', "technology"),
        (b'{"id": 9, "name": "x y", "technology": "NODE", "ip": "198.18.9.1"}', "name"),
        (b'{"id": 9, "name": "x", "technology": "NODE", "ip": "999"}', "ip"),
    ],
)
async def test_a_field_that_does_not_fit_is_named(client: Client, token: Token, body: bytes, field: str) -> None:
    async with client.post(f"{ROOT}/servers", data=body, headers=await token("operator")) as response:
        assert (response.status, (await response.json())["field"]) == (422, field)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"{" * 5000, b'{"unknown": 1}'])
async def test_a_body_that_is_no_request_is_refused_and_not_a_fault(client: Client, token: Token, body: bytes) -> None:
    async with client.post(f"{ROOT}/servers", data=body, headers=await token("operator")) as response:
        assert (response.status, (await response.json())["error_id"]) == (422, "request.invalid")


async def test_what_is_too_large_is_not_read(client: Client, token: Token) -> None:
    headers = await token("operator")
    async with client.post(f"{ROOT}/servers", data=BytesIO(b"x" * (9 * 1024 * 1024)), headers=headers) as response:
        assert (response.status, (await response.json())["error_id"]) == (413, "request.too_large")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nope", 404), ("DELETE", "/me", 405)])
async def test_what_there_is_not_is_a_problem_too(client: Client, method: str, path: str, status: int) -> None:
    async with client.request(method, ROOT + path) as response:
        assert (response.status, response.content_type) == (status, "application/problem+json")


async def test_a_fault_tells_nothing_of_itself(
    client: Client, token: Token, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> object:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr(world.servers, "table", broken)
    async with client.get(f"{ROOT}/servers", headers=await token("viewer")) as response:
        text = await response.text()
    assert response.status == 500
    assert json.loads(text)["error_id"] == "internal.error"
    assert "42" not in text
    assert "the secret is 42" in caplog.text


async def test_a_status_is_set_and_is_in_force(client: Client, token: Token, world: World) -> None:
    body = {"status": "partial_block", "reason": "unpaid"}
    async with client.post(f"{ROOT}/pbx/31/status", json=body, headers=await token("operator")) as response:
        assert (await response.json())["pbx"]["status"] == "partial_block"
    assert world.fleet.tenant(31).status is Status.PARTIAL_BLOCK


async def test_saving_a_virtual_pbx_lifts_no_block_and_keeps_passwords(
    client: Client, token: Token, world: World
) -> None:
    headers = await token("operator")
    await world.tenants.set_status(world.root, 1, Status.TOTAL_BLOCK, "unpaid")
    before = world.fleet.tenant(1)
    body = {
        "id": 1,
        "name": "Clínica Nova",
        "domain": before.domain,
        "home": before.home,
        "extensions": [{"number": "200"}, {"number": "299"}],
        "trunks": [{"name": "trunk14", "host": "198.18.250.1"}],
        "emergency_trunks": ["trunk14"],
    }
    async with client.put(f"{ROOT}/pbx/1", json=body, headers=headers) as response:
        answer = await response.json()
    after = world.fleet.tenant(1)
    assert list(answer["passwords"]) == ["1_299"]
    assert (after.name, after.status) == ("Clínica Nova", Status.TOTAL_BLOCK)
    assert after.extensions[0].digest == before.extensions[0].digest


async def test_a_file_of_virtual_pbxs_is_imported_after_a_dry_run(client: Client, token: Token, world: World) -> None:
    file = b"""
tenants:
  - id: 7
    name: New
    domain: new.example.com
    home: FLN-CORE-01
    trunks: [{name: trunk1, host: 198.18.250.1}]
    emergency_trunks: [trunk1]
    extensions: [{number: "200"}]
"""
    headers = await token("operator")
    async with client.post(f"{ROOT}/pbx/import?dry_run=true", data=file, headers=headers) as response:
        assert (await response.json())["changed"] == [7]
    assert all(pbx.id != 7 for pbx in world.fleet.tenants())
    async with client.post(f"{ROOT}/pbx/import", data=file, headers=headers) as response:
        assert list((await response.json())["passwords"]) == ["7_200"]
    assert world.fleet.tenant(7).name == "New"


async def test_an_address_is_blocked_and_unblocked(client: Client, token: Token) -> None:
    headers = await token("support")
    async with client.post(f"{ROOT}/bans", json={"address": "192.0.2.7", "reason": "x"}, headers=headers) as response:
        assert (response.status, (await response.json())["address"]) == (201, "192.0.2.7")
    async with client.get(f"{ROOT}/bans", headers=headers) as response:
        assert "192.0.2.7" in [ban["address"] for ban in await response.json()]
    async with client.post(f"{ROOT}/bans/192.0.2.7/lift", headers=headers) as response:
        assert await response.json() == {"confirmed": ["FLN-CORE-01"], "silent": []}
    async with client.post(f"{ROOT}/bans", json={"address": "not one"}, headers=headers) as response:
        assert (response.status, (await response.json())["field"]) == (422, "address")


async def test_a_user_is_made_and_a_token_is_shown_once(client: Client, token: Token, world: World) -> None:
    headers = await token("administrator")
    body = {"name": "novo", "password": "long enough for it", "role": "support"}
    async with client.post(f"{ROOT}/users", json=body, headers=headers) as response:
        assert await response.json() == {"name": "novo", "role": "support"}
    assert (await world.users.log_in("novo", "long enough for it")).role.word == "support"
    async with client.post(f"{ROOT}/users", json={**body, "role": "king"}, headers=headers) as response:
        assert (response.status, (await response.json())["field"]) == (422, "role")
    async with client.post(f"{ROOT}/tokens", json={"name": "billing", "pbx": 1}, headers=headers) as response:
        made = (await response.json())["token"]
    async with client.get(f"{ROOT}/me", headers={"Authorization": f"Bearer {made}"}) as response:
        assert await response.json() == {
            "name": "billing", "role": "viewer", "pbx": 1, "acts": ["call.see", "pbx.see"], "csrf": ""
        }  # fmt: skip


async def test_a_token_of_one_virtual_pbx_sees_that_one_alone(client: Client, token: Token) -> None:
    headers = await token("viewer", 31)
    async with client.get(f"{ROOT}/pbx", headers=headers) as response:
        assert [row["pbx"]["id"] for row in await response.json()] == [31]
    async with client.get(f"{ROOT}/calls", headers=headers) as response:
        assert {row["pbx"] for row in await response.json()} == {"31"}
    for path in ("/pbx/1", "/servers", "/bans", "/status"):
        async with client.get(ROOT + path, headers=headers) as response:
            assert (response.status, (await response.json())["error_id"]) == (403, "access.out_of_scope")


async def test_the_journal_is_for_support_and_above(client: Client, token: Token) -> None:
    async with client.get(f"{ROOT}/audit?count=3", headers=await token("support")) as response:
        assert len(await response.json()) == 3
    async with client.get(f"{ROOT}/audit?count=0", headers=await token("support")) as response:
        assert response.status == 422
    async with client.get(f"{ROOT}/audit", headers=await token("viewer")) as response:
        assert response.status == 403


async def test_health_is_public_and_status_says_who_answers(client: Client, token: Token) -> None:
    async with client.get(f"{ROOT}/health") as response:
        assert await response.json() == {"status": "ok"}
    async with client.get(f"{ROOT}/status", headers=await token("viewer")) as response:
        answer = await response.json()
    assert (answer["answering"], answer["expected"], answer["silent"]) == (4, 5, ["CWB-NODE-01"])


async def test_root_needs_no_token_at_the_local_socket(world: World, tmp_path: Any) -> None:
    from aiohttp import ClientSession, UnixConnector

    runner = web.AppRunner(build(world.services))
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "admin.sock")).start()
    try:
        async with (
            ClientSession(connector=UnixConnector(str(tmp_path / "admin.sock"))) as session,
            session.get("http://node/api/v1/me") as response,
        ):
            assert (await response.json())["role"] == "administrator"
    finally:
        await runner.cleanup()


async def test_a_mounted_application_guards_itself(world: World) -> None:
    async def echo(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(body=str(len(await request.read())).encode(), status=418)
        raise web.HTTPGone

    app, inner = build(world.services), web.Application()
    inner.router.add_route("*", "/x", echo)
    app.add_subapp("/registry/v1", inner)
    async with TestClient(TestServer(app)) as client:
        large = b"x" * (9 * 1024 * 1024)
        headers = {"Origin": "https://other.example", "Authorization": "Bearer theirs"}
        async with client.post("/registry/v1/x", data=BytesIO(large), headers=headers) as response:
            assert (response.status, await response.text()) == (418, str(len(large)))
        async with client.get("/registry/v1/x") as response:
            assert response.status == 410
            assert "Content-Security-Policy" not in response.headers
        async with client.get("/registry/v1/nothing") as response:
            assert (response.status, await response.text()) == (404, "404: Not Found")


async def test_a_calls_audio_is_told_and_its_numbers_are_masked_for_viewers(client: Client, token: Token) -> None:
    async with client.get(f"{ROOT}/calls", headers=await token("support")) as response:
        call = next(row for row in await response.json() if len(row["origin"]["caller"]) > 6)
    path = f"{ROOT}/calls/{call['linkedid']}"
    async with client.get(path, headers=await token("support")) as response:
        detail = await response.json()
    assert detail["call"] == call
    assert [(leg["loss_percent"], leg["jitter_ms"], leg["mes"]) for leg in detail["media"]] == [(1.0, 2.0, None)]
    async with client.get(path, headers=await token("viewer")) as response:
        assert call["origin"]["caller"] not in await response.text()
    async with client.get(path, headers=await token("viewer", 9999)) as response:
        assert (response.status, (await response.json())["error_id"]) == (404, "call.unknown")
