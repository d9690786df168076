"""The pages: what they say, what they do, and what hostile text does not do to them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest

from admin_http.pages.bans import highlighted
from admin_http.pages.live_calls import short
from admin_http.pages.virtual_pbx import ranges
from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.call_rows import epoch_of
from asterisk_ext.domain.emergency import DEFAULT_NUMBERS
from asterisk_ext.domain.pbx import Status
from asterisk_ext.domain.server import Report, State
from asterisk_ext.ports.guard import Attempt, Banned, Spared
from asterisk_ext.services import records
from asterisk_ext.services.records import encode
from tests.unit.admin_http.conftest import Client, Visitor
from tests.unit.admin_http.world import LINE, NOW, ZONE, World, call, leg

Visit = Callable[[str], Awaitable[Visitor]]

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


async def test_the_line_of_truth_counts_who_answers_and_names_who_does_not(visit: Visit) -> None:
    page = await (await visit("viewer")).read("/truth")
    assert "4 de 5 servidores respondem" in page
    assert "CWB-NODE-01 sem contato desde 03:08" in page


async def test_old_data_is_said_to_be_old(visit: Visit, world: World) -> None:
    browser = await visit("viewer")
    world.now += 40
    page = await browser.read("/")
    assert "Sem contato com o registro" in page
    assert "dados de há 40\u00a0s" in page


async def test_what_is_unknown_is_said_and_never_counted_as_zero(visit: Visit, world: World) -> None:
    world.guard.silent = True
    world.peers.silent = {server.name for server in world.fleet.servers()}
    browser = await visit("viewer")
    page = await browser.read("/")
    assert "<b>61</b>" in page and "+ CWB-NODE-01: desconhecido" in page
    assert "<b>?</b>" in page
    assert "4? às 03:08" in page
    page = await browser.read("/bans")
    assert "Não se sabe quem está bloqueado." in page
    assert "Nenhum IP bloqueado" not in page
    world.peers.silent = set()
    world.peers.banned["SPO-NODE-01"]["192.0.2.9"] = Banned("192.0.2.9", world.now, world.now + 60, 4, "")
    page = await browser.read("/bans")
    assert "FLN-CORE-01: sem resposta." in page and "192.0.2.9" in page


async def test_maintenance_is_said_done_and_undone(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    page = await browser.read("/servers/FLN-CORE-01/maintenance?destination=SPO-NODE-01")
    assert "Mover 2 PABX para SPO-NODE-01" in page
    path = "/servers/FLN-CORE-01/maintenance"
    status, page = await browser.act(f"{path}/enter", destination="SPO-NODE-01", reason="troca de fonte")
    assert status == 200
    assert "<strong>FLN-CORE-01 em manutenção</strong>" in page and "motivo: troca de fonte" in page
    assert "Ainda não desligue" in page
    assert world.fleet.maintenance().follow("FLN-CORE-01") == "SPO-NODE-01"
    assert "Pôs <strong>FLN-CORE-01</strong> em manutenção, 2 PABX para SPO-NODE-01" in await browser.read("/")
    status, page = await browser.act(f"{path}/leave")
    assert "FLN-CORE-01 fora de manutenção" in page
    assert not world.fleet.maintenance().entries


async def test_a_maintenance_can_be_planned_for_a_time_to_come_and_called_off(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    path = "/servers/FLN-CORE-01/maintenance"
    starts = datetime.fromtimestamp(world.now + 3600, ZONE).strftime("%Y-%m-%dT%H:%M")
    _, page = await browser.act(f"{path}/enter", destination="SPO-NODE-01", starts=starts)
    assert "Até lá nada muda." in page
    assert not world.fleet.maintenance().entries
    await browser.act(f"{path}/leave")
    _, page = await browser.act(f"{path}/enter", destination="SPO-NODE-01", starts="yesterday")
    assert "maintenance.bad_time" in page or "não foi planejada" in page


async def test_before_a_maintenance_what_does_not_follow_by_itself_is_said_and_what_is_not_known(
    visit: Visit, world: World
) -> None:
    world.certificates.names = {"FLN-CORE-01": None}
    browser = await visit("operator")
    page = await browser.read("/servers/FLN-CORE-01/maintenance?destination=SPO-NODE-01")
    assert "O que não acompanha sozinho" in page
    assert "Se SPO-NODE-01 tem certificados para os nomes dos PABX Virtuais" in page
    assert "Se SPO-NODE-01 tem lugar não sabemos" in page


async def test_before_a_maintenance_the_names_that_the_destination_has_no_certificate_for_are_told_and_what_to_do(
    visit: Visit, world: World
) -> None:
    domains = sorted(pbx.domain for pbx in world.fleet.tenants() if pbx.home == "FLN-CORE-01")
    world.certificates.names = {"FLN-CORE-01": tuple(domains), "SPO-NODE-01": (domains[0],)}
    browser = await visit("operator")
    page = await browser.read("/servers/FLN-CORE-01/maintenance?destination=SPO-NODE-01")
    assert f"Nomes para os quais SPO-NODE-01 não tem certificado<small>{', '.join(domains[1:])}</small>" in page
    assert not world.fleet.maintenance().entries


async def test_a_maintenance_shows_its_steps_with_what_is_done_and_what_is_under_way(
    visit: Visit, world: World
) -> None:
    browser = await visit("operator")
    path = "/servers/FLN-CORE-01/maintenance"
    _, page = await browser.act(f"{path}/enter", destination="SPO-NODE-01")
    assert (
        page.index("Ponteiro mudado no registro")
        < page.index("SPO-NODE-01 atende")
        < page.index("Esvaziar FLN-CORE-01")
    )
    assert "Ainda não desligue" in page
    served = Report(at=world.now, map_revision=world.fleet.map_revision, registered=0, calls=0)
    for node in ("FLN-CORE-01", "SPO-NODE-01"):
        await world.registry.beat(node, 6.0, records.encode(served))
    await world.fleet.hear(world.registry)
    await world.runner.step("FLN-CORE-01")
    page = await browser.read(path)
    assert "<h2>Seguro desligar</h2>" in page


async def test_a_return_to_a_server_that_does_not_answer_is_refused_and_leaves_them_served(
    visit: Visit, world: World
) -> None:
    browser = await visit("operator")
    path = "/servers/FLN-CORE-01/maintenance"
    await browser.act(f"{path}/enter", destination="SPO-NODE-01")
    world.now += 60
    _, page = await browser.act(f"{path}/leave")
    assert "maintenance.host_silent" in page
    assert world.fleet.maintenance().follow("FLN-CORE-01") == "SPO-NODE-01"


async def test_a_destination_that_cannot_serve_is_shown_with_its_reason(visit: Visit) -> None:
    browser = await visit("operator")
    page = await browser.read("/servers/FLN-CORE-01/maintenance?destination=CWB-NODE-01")
    assert "não responde" in page
    assert "para CWB-NODE-01" not in page
    status, page = await browser.act("/servers/FLN-CORE-01/maintenance/enter", destination="CWB-NODE-01")
    assert status == 409
    assert "maintenance.dead_end" in page


async def test_an_act_that_cannot_be_done_stays_listed_with_its_reason(visit: Visit) -> None:
    page = await (await visit("operator")).read("/servers")
    assert "hospeda 2 PABX Virtuais: mova-os antes" in page
    assert "não está em manutenção" in page


async def test_a_refused_form_keeps_what_was_typed_and_says_why_beside_the_field(visit: Visit) -> None:
    browser = await visit("operator")
    status, page = await browser.act(
        "/servers/add", name="good-name", id="9", technology="CDN", ip="300.1.1.1", registration="a.example.com"
    )
    assert status == 422
    assert 'value="good-name"' in page and 'value="300.1.1.1"' in page and "<option selected>CDN</option>" in page
    assert re.search(r'id="f-ip"[^>]*aria-invalid="true"', page)


async def test_a_server_is_added_edited_back_and_removed(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    _, page = await browser.act("/servers/add", name="new", id="9", technology="NODE", ip="198.18.9.1")
    assert "<strong>new adicionado</strong>" in page
    _, page = await browser.act("/servers/new/edit", ip="198.18.9.2", registration="")
    assert world.fleet.server("new").ip == "198.18.9.2"
    assert 'name="ip" value="198.18.9.1"' in page, "the way back is in the strip"
    _, page = await browser.act("/servers/new/remove")
    assert "<strong>new excluído</strong>" in page
    status, page = await browser.act("/servers/FLN-CORE-01/remove")
    assert (status, "server.hosts_tenants" in page) == (409, True)


async def test_a_block_is_put_and_taken_away_by_the_strips_own_button(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    _, page = await browser.act("/pbx/31/status", status="partial_block", reason="Falta de pagamento", note="07/2026")
    assert "<strong>Transportes Pampa em Bloqueio Parcial</strong>" in page
    assert world.fleet.tenant(31).reason == "Falta de pagamento: 07/2026"
    assert "Pôs <strong>Transportes Pampa</strong> em Bloqueio Parcial" in await browser.read("/audit")
    _, page = await browser.act("/pbx/31/status", status="active", reason="")
    assert world.fleet.tenant(31).status is Status.ACTIVE


async def test_a_ban_is_lifted_with_a_way_back_and_only_there(visit: Visit, world: World) -> None:
    browser = await visit("support")
    _, page = await browser.act("/bans/lift", address="203.0.113.45")
    assert "<strong>203.0.113.45 desbloqueado</strong>" in page and "Bloquear de novo" in page
    assert "203.0.113.45" not in world.guard.banned
    _, page = await browser.act("/bans/add", address="203.0.113.45")
    assert "<strong>203.0.113.45 bloqueado</strong>" in page and "Desbloquear" in page
    status, page = await browser.act("/bans/add", address="not an address")
    assert (status, 'value="not an address"' in page) == (422, True)


async def test_the_strip_goes_after_ten_minutes(visit: Visit, world: World) -> None:
    browser = await visit("support")
    await browser.act("/bans/lift", address="203.0.113.45")
    assert 'class="strip"' in await browser.read("/servers")
    world.now += 601
    assert 'class="strip"' not in await browser.read("/servers")


async def test_a_call_is_hung_up_after_asking_and_an_emergency_call_is_not_offered(visit: Visit, world: World) -> None:
    browser = await visit("support")
    page = await browser.read("/calls/1786601653.100/hangup")
    assert "Não dá para desfazer." in page
    await browser.act("/calls/1786601653.100/hangup")
    assert world.calls.hung_up == ["1786601653.100"]
    status, page = await browser.act("/calls/1786601653.100/hangup")
    assert (status, "call.unknown" in page) == (404, True)
    offered = re.compile(r'class="button danger small-button (hidden-choice)?\s*"')
    emergency = offered.search(await browser.read("/calls/1786600912.114"))
    other = offered.search(await browser.read("/calls/1786601555.302"))
    assert emergency and emergency[1]
    assert other and not other[1]


async def test_hostile_names_stay_text(visit: Visit, world: World) -> None:
    world.calls.say(call(EVIL, EVIL, 1, EVIL, EVIL, "Up", leg(EVIL, EVIL, EVIL, EVIL, EVIL), name=EVIL, channel=EVIL))
    world.guard.banned["192.0.2.9"] = Banned(
        "192.0.2.9", NOW, NOW + 9, 4, EVIL, EVIL, (Attempt(NOW, EVIL, EVIL, EVIL, EVIL, EVIL + LINE),)
    )
    world.guard.spares.append(Spared(EVIL, NOW, NOW + 9, 4, EVIL, (EVIL,), world.guard.banned["192.0.2.9"].attempts))
    await world.audit.note(ROOT, "odd", EVIL, reason=EVIL)  # type: ignore[arg-type]
    browser = await visit("administrator")
    for path in ("/calls", "/bans?why=192.0.2.9", f"/bans?text={EVIL}", "/audit", f"/pbx?text={EVIL}", f"/{EVIL}"):
        page = await browser.read(path)
        assert "<script>alert" not in page and "<img" not in page, path
    _, page = await browser.act("/bans/add", address=EVIL, reason=EVIL)
    assert "<img" not in page
    _, page = await browser.act("/servers/add", name=EVIL, id=EVIL, technology=EVIL, ip=EVIL)
    assert "<img" not in page


async def test_numbers_are_masked_for_viewers_on_the_page_and_in_its_filters(visit: Visit) -> None:
    page = await (await visit("viewer")).read("/calls")
    assert "4835063033" not in page and "••••••••33" in page
    assert "Quarto 114" in page, "an extension is nobody's number"
    page = await (await visit("viewer")).read("/calls?text=4835063033")
    assert "1786601653.100" not in page.split("<template")[0], "a filter must not tell what is masked"
    assert "4835063033" in await (await visit("support")).read("/calls")


async def test_language_and_theme_are_the_readers_choice(visit: Visit) -> None:
    browser = await visit("viewer")
    _, page = await browser.act("/preferences", language="en", theme="dark", back="/servers")
    assert '<html lang="en" data-theme="dark">' in page and "SIP servers" in page
    _, page = await browser.act("/preferences", language="xx", theme="<b>", back="https://evil.example")
    assert '<html lang="en" data-theme="dark">' in page


@pytest.mark.parametrize(
    ("header", "language"),
    [("en-US,en;q=0.9", "en"), ("pt-PT", "pt-BR"), ("fr, en;q=0.3, pt;q=0.8", "pt-BR"), ("de", "pt-BR"), ("", "pt-BR")],
)
async def test_the_browser_chooses_the_language_first(client: Client, header: str, language: str) -> None:
    async with client.get("/login", headers={"Accept-Language": header}) as response:
        assert f'<html lang="{language}"' in await response.text()


async def test_a_page_that_is_not_there_is_a_page_with_a_way_on(visit: Visit) -> None:
    browser = await visit("viewer")
    async with browser.client.get("/nowhere") as response:
        page = await response.text()
    assert response.status == 404
    assert "Não há nada em /nowhere." in page and 'href="/"' in page


async def test_static_files_are_kept_by_browsers_only_under_their_hash(client: Client) -> None:
    async with client.get("/static/base.css") as response:
        assert response.headers["Cache-Control"] == "no-cache"
    async with client.get("/static/base.css?v=abc") as response:
        assert "immutable" in response.headers["Cache-Control"]
    async with client.get("/static/../app.py") as response:
        assert response.status == 404


def test_only_the_true_peer_of_a_log_line_is_highlighted() -> None:
    assert str(highlighted(LINE, "203.0.113.45")).count("<mark>IPV4/UDP/203.0.113.45/5071</mark>") == 1
    forged = 'AccountID="x",RemoteAddress="IPV4/UDP/203.0.113.45/1",x="' + LINE
    assert "<mark>" not in str(highlighted(forged, "203.0.113.45")), "two candidates: none is vouched for"
    assert "<mark>" not in str(highlighted(LINE, "192.0.2.1"))


def test_the_emergency_numbers_are_said_as_ranges() -> None:
    assert ranges(DEFAULT_NUMBERS) == "100, 112, 180, 181, 185, 188, 190–194, 197–199, 911"


def test_a_channels_name_is_shown_without_asterisks_serial() -> None:
    assert short("PJSIP/1_200-0000000a") == "PJSIP/1_200"
    assert short("PJSIP/1-a-b") == "PJSIP/1-a-b"
    assert epoch_of("2026-08-13T06:14:22.000Z") == NOW


async def test_every_state_of_a_server_has_its_word(visit: Visit) -> None:
    page = await (await visit("viewer")).read("/servers")
    for state in State:
        assert f'<option value="{state}"' in page
    assert "Aguardando instalação do servidor" in page and "Sem contato" in page


@pytest.mark.parametrize(
    ("order", "first"), [("", "1786601660.8"), ("oldest", "1786600912.114"), ("odd", "1786601660.8")]
)
async def test_without_a_script_calls_stand_in_the_order_asked_for(visit: Visit, order: str, first: str) -> None:
    page = await (await visit("support")).read(f"/calls?order={order}")
    found = re.search(r'<tr class="call" data-id="([^"]+)"', page)
    assert found and found[1] == first


async def test_a_hosters_program_that_did_not_hear_of_a_maintenance_is_said_on_the_servers_page(
    visit: Visit, world: World
) -> None:
    browser = await visit("viewer")
    assert "O seu próprio programa" not in await browser.read("/servers/FLN-CORE-01")
    await world.registry.beat("FLN-CORE-01", 6.0, encode(Report(hook="enter a b: <boom>")))
    await world.fleet.hear(world.registry)
    page = await browser.read("/servers/FLN-CORE-01")
    assert "O seu próprio programa não foi avisado da manutenção." in page
    assert "enter a b: &lt;boom&gt;" in page
