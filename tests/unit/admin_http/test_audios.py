"""Audios and blocked calls over the API and the pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from io import BytesIO

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.audio import Kind
from asterisk_ext.domain.gate import Audio, BlockedCall, Direction
from tests.unit.admin_http.conftest import Visitor
from tests.unit.admin_http.world import NOW, World

Client = TestClient[Request, Application]
Token = Callable[..., Awaitable[dict[str, str]]]
Visit = Callable[[str], Awaitable[Visitor]]
API = "/api/v1/audios"
CALL = BlockedCall(
    at=NOW - 60, pbx=17, channel="PJSIP/17_trunk14-1", caller="4899991234", number="4833334444",
    direction=Direction.INBOUND, audio=Audio.NEUTRAL, file="/sounds/x", recording="numero-indisponivel", heard=7.2,
)  # fmt: skip


async def posted(client: Client, query: str, data: bytes, headers: dict[str, str]) -> tuple[int, dict[str, object]]:
    async with client.post(f"{API}?{query}", data=BytesIO(data), headers=headers) as response:
        return response.status, await response.json()


async def test_an_upload_is_listed_chosen_listened_to_and_removed(client: Client, token: Token) -> None:
    headers = await token("operator")
    status, made = await posted(client, "file=Aviso.wav", b"RIFF 8", headers)
    assert (status, made["name"], made["uses"]) == (201, "aviso", [])
    use = {"kind": "partial_block", "pbx": 1, "name": "aviso"}
    async with client.post(f"{API}/uses", json=use, headers=headers) as response:
        assert (response.status, (await response.json())["pbx"]) == (200, 1)
    async with client.get(API, headers=headers) as response:
        assert [(a["name"], a["uses"][0]["kind"]) for a in await response.json()] == [("aviso", "partial_block")]
    async with client.get(f"{API}/uses", headers=headers) as response:
        assert (await response.json())["uses"] == [{**use, "language": ""}]
    async with client.get(f"{API}/aviso/telephone", headers=headers) as response:
        heard = await response.read()
        assert (response.content_type, heard[:4], heard[-14:]) == ("audio/wav", b"RIFF", b"alaw of RIFF 8")
    async with client.get(f"{API}/aviso/original", headers=headers) as response:
        assert (response.content_type, await response.read()) == ("audio/flac", b"fLaC of RIFF 8")
    async with client.delete(f"{API}/aviso", headers=headers) as response:
        assert (response.status, (await response.json())["error_id"]) == (409, "audio.in_use")
    async with client.post(f"{API}/uses", json={**use, "name": ""}, headers=headers) as response:
        assert response.status == 200
    async with client.delete(f"{API}/aviso", headers=headers) as response:
        assert response.status == 204


@pytest.mark.parametrize(
    ("query", "data", "expected"),
    [
        ("file=x.mp3", b"#EXTM3U", (422, "audio.not_audio")),
        ("file=..%2F..%2Fetc%2Fx.mp3", b"RIFF 8", (422, "audio.bad_name")),
        ("file=x.wav&name=..%2Fx", b"RIFF 8", (422, "audio.bad_name")),
        ("file=x.wav", b"RIFF" + bytes(21_000_000), (413, "request.too_large")),
        ("", b"RIFF 8", (422, "audio.bad_name")),
    ],
)
async def test_a_hostile_upload_changes_nothing(
    client: Client, token: Token, world: World, query: str, data: bytes, expected: tuple[int, str]
) -> None:
    headers = await token("operator")
    before = await world.truth()
    status, answer = await posted(client, query, data, headers)
    assert (status, answer["error_id"]) == expected
    assert await world.truth() == before


async def test_an_upload_may_be_larger_than_any_other_request(client: Client, token: Token) -> None:
    status, _ = await posted(client, "file=x.wav", b"RIFF 8 " + bytes(15_000_000), await token("operator"))
    assert status == 201


async def test_a_tenants_token_reaches_no_audio(client: Client, token: Token) -> None:
    async with client.get(API, headers=await token("viewer", 1)) as response:
        assert (response.status, (await response.json())["error_id"]) == (403, "access.out_of_scope")


async def sent(browser: Visitor, file: str, data: bytes, **fields: str) -> tuple[int, str]:
    form = FormData({"csrf": browser.csrf, **fields}, quote_fields=False)
    form.add_field("file", data, filename=file, content_type="audio/mpeg")
    async with browser.client.post("/audios/add", data=form, headers={"Origin": browser.origin}) as response:
        return response.status, await response.text()


async def test_a_file_is_sent_and_used_at_once_and_the_strip_leads_back(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    status, page = await sent(browser, "Natal 2025.mp3", b"RIFF 26", use="partial_block/pt_BR")
    assert status == 200
    assert "<strong>natal-2025 passa a ser ouvido</strong>" in page
    assert world.audios.library(ROOT).defaults == {"partial_block/pt_BR": "natal-2025"}
    status, page = await browser.act("/audios/use", kind="partial_block", language="pt_BR", name="")
    assert status == 200
    assert world.audios.library(ROOT).defaults == {}


async def test_a_refusal_stands_beside_its_field_and_what_was_typed_is_kept(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    before = await world.truth()
    status, page = await sent(browser, "musica.mp3", b"<svg/>", name="natal", use="music")
    assert status == 422
    reason = page[page.index('id="h-file"') :][:600]
    assert "não é WAV, MP3, Ogg, FLAC nem M4A" in reason and "audio.not_audio" in reason
    assert 'value="natal"' in page
    assert '<option value="music" selected>' in page
    assert await world.truth() == before


async def test_an_upload_without_the_sessions_proof_is_refused(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    browser.csrf = "guessed"
    assert (await sent(browser, "x.wav", b"RIFF 8"))[0] == 403
    assert world.audios.library(ROOT).recordings == {}


async def test_the_page_says_who_hears_what_and_what_was_before(visit: Visit, world: World) -> None:
    await world.audios.add(ROOT, "aviso.wav", b"RIFF 18")
    await world.audios.use(ROOT, Kind.PARTIAL, "aviso", language="pt_BR")
    await world.audios.add(ROOT, "escola.wav", b"RIFF 12")
    await world.audios.use(ROOT, Kind.NEUTRAL, "escola", pbx=31)
    await world.report("FLN-CORE-01")
    page = await (await visit("operator")).read("/audios")
    assert "<b>aviso</b> · ouvido por 5 PABX · " in page
    assert "em 1 de 4 servidores; ainda não em CWB-NODE-01, POA-CORE-01, SPO-NODE-01" in page
    assert "Trocado por root" in page and "Voltar ao padrão" in page
    assert "ouvido por 4 PABX" in page, "one of five has its own neutral audio"
    assert "Transportes Pampa" in page and "escola" in page


async def test_the_shipped_audios_can_be_listened_to_by_whoever_is_logged_in(visit: Visit, client: Client) -> None:
    browser = await visit("viewer")
    async with browser.client.get("/audios/shipped/neutral/en") as response:
        assert (response.status, response.content_type) == (200, "audio/wav")
    async with browser.client.get("/audios/shipped/neutral/..%2F..%2Fen") as response:
        assert response.status == 404
    client.session.cookie_jar.clear()
    async with client.get("/audios/shipped/neutral/en", allow_redirects=False) as response:
        assert response.headers["Location"].startswith("/login")


async def test_blocked_calls_are_listed_and_their_numbers_masked_for_viewers(
    client: Client, token: Token, visit: Visit, world: World
) -> None:
    world.blocked.noted.append(CALL)
    world.peers.blocked["POA-CORE-01"].noted.append(replace(CALL, at=NOW - 30, pbx=52))
    async with client.get("/api/v1/blocked-calls", headers=await token("support")) as response:
        calls = await response.json()
    assert [(c["server"], c["caller"], c["heard"]) for c in calls] == [
        ("POA-CORE-01", "4899991234", 7.2), ("FLN-CORE-01", "4899991234", 7.2),
    ]  # fmt: skip
    async with client.get("/api/v1/blocked-calls?pbx=17", headers=await token("viewer")) as response:
        (call,) = await response.json()
    assert (call["caller"], call["number"]) == ("••••••••34", "••••••••44")
    page = await (await visit("viewer")).read("/blocked-calls")
    assert "••••••••34" in page and "4899991234" not in page and "numero-indisponivel" in page
    page = await (await visit("support")).read("/blocked-calls?pbx=17")
    assert "4899991234" in page and "Auto Peças Litoral" in page


async def test_a_tenants_token_sees_its_own_blocked_calls(client: Client, token: Token, world: World) -> None:
    world.blocked.noted += [CALL, replace(CALL, pbx=1)]
    headers = await token("viewer", 17)
    async with client.get("/api/v1/blocked-calls", headers=headers) as response:
        assert [(c["pbx"], c["caller"]) for c in await response.json()] == [(17, "4899991234")]
    async with client.get("/api/v1/blocked-calls?pbx=1", headers=headers) as response:
        assert response.status == 403


async def test_a_silent_servers_blocked_calls_are_said_to_be_unknown(visit: Visit, world: World) -> None:
    world.peers.silent.add("POA-CORE-01")
    page = await (await visit("support")).read("/blocked-calls")
    assert "POA-CORE-01: sem resposta." in page
    assert "não estão nesta lista nem nas contagens" in page
