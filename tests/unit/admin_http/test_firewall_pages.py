"""The firewall's pages: rules beside those derived, the editor, the plan with its tick, the minute of trial."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest

from admin_http.firewall_words import sentence
from admin_http.i18n import Catalogues
from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.firewall_rule import Direction, Rule, Verdict
from asterisk_ext.ports.asterisk import Contact
from tests.unit.admin_http.conftest import Visitor
from tests.unit.admin_http.world import ZONE, World

Visit = Callable[[str], Awaitable[Visitor]]
HERE = "/servers/FLN-CORE-01/firewall"


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


async def test_the_table_shows_the_rules_in_order_and_that_the_rest_is_denied(visit: Visit) -> None:
    page = text_of(await (await visit("operator")).read(HERE))
    assert page.index("SIP UDP") < page.index("10000–20000") < page.index("Todo o resto é negado")
    assert "Vale o modelo padrão" in page


async def test_a_rule_is_kept_in_the_draft_and_said_in_a_sentence(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    fields = {
        "rule": "new",
        "direction": "in",
        "verdict": "allow",
        "type": "wss",
        "origins": "country:BR, AR",
        "enabled": "1",
    }
    status, page = await browser.act(f"{HERE}/save", **fields, revision="0")
    assert status == 200
    assert "Rascunho com 1 mudança" in page
    rule = (await world.services.firewall.table(ROOT, "FLN-CORE-01")).draft[-1]
    assert rule.origins == ("country:BR", "country:AR")
    editor = text_of(await browser.read(f"{HERE}?edit={rule.id}"))
    assert "quem vem de BR Brasil ou AR Argentina pode usar WebRTC / WSS pela porta 8089" in editor.replace("  ", " ")


async def test_a_wrong_rule_stays_in_the_editor_with_the_reason_beside_its_field(visit: Visit) -> None:
    browser = await visit("operator")
    fields = {"rule": "new", "type": "ssh", "origins": "203.0.113.5/24", "description": "Escritório", "revision": "0"}
    status, page = await browser.act(f"{HERE}/save", **fields)
    assert status == 422
    assert 'value="203.0.113.5/24"' in page and 'value="Escritório"' in page
    assert "Escreva 203.0.113.0/24 para a rede" in page


async def test_of_two_editors_the_second_is_told_and_loses_nothing(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    await world.services.firewall.drafts.put(ROOT, "FLN-CORE-01", Rule(id="", type="https"))
    status, page = await browser.act(f"{HERE}/save", rule="new", type="http", origins="", revision="0")
    assert (status, "root mudou o rascunho" in page) == (409, True)


async def test_the_question_is_answered_with_the_rule_that_decides(visit: Visit) -> None:
    page = text_of(await (await visit("support")).read(f"{HERE}?from=192.0.2.1&to=udp/5060"))
    assert "Sim: regra 1 permite." in page
    page = text_of(await (await visit("support")).read(f"{HERE}?from=192.0.2.1&to=tcp/8089"))
    assert "Não: nenhuma regra permite." in page


async def test_the_plan_names_who_would_be_cut_and_the_tick_carries_their_number(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    world.phones.there = [Contact("1_200", "192.0.2.33"), Contact("1_201", "192.0.2.33")]
    await world.services.firewall.drafts.remove(ROOT, "FLN-CORE-01", "default-1")
    page = await browser.read(f"{HERE}/plan")
    assert "2 ramais de" in text_of(page)
    digest = re.findall(r'name="digest" value="([0-9a-f]+)"', page)[0]
    status, page = await browser.act(f"{HERE}/apply", digest=digest)
    assert (status, "foram reconhecidos" in page) == (409, True)
    status, page = await browser.act(f"{HERE}/apply", digest=digest, acknowledged="2")
    assert status == 200
    assert "Tudo continua funcionando?" in page
    assert "data-trial=" in page
    status, page = await browser.act(f"{HERE}/confirm", digest=digest)
    assert "Regras novas de FLN-CORE-01 mantidas" in text_of(page)


async def test_going_back_keeps_the_draft(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    await world.services.firewall.drafts.put(ROOT, "FLN-CORE-01", Rule(id="", type="https"))
    page = await browser.read(f"{HERE}/plan")
    digest = re.findall(r'name="digest" value="([0-9a-f]+)"', page)[0]
    await browser.act(f"{HERE}/apply", digest=digest)
    _, page = await browser.act(f"{HERE}/rollback")
    assert "o rascunho continua" in page and "Rascunho com 1 mudança" in page


async def test_another_servers_rules_are_planned_applied_and_confirmed_from_here(visit: Visit) -> None:
    browser, there = await visit("operator"), "/servers/SPO-NODE-01/firewall"
    status, page = await browser.act(f"{there}/save", rule="new", type="https", origins="", revision="0")
    assert status == 200
    assert "Ele é consultado por meio de FLN-CORE-01" in text_of(page) and "Este endereço entra?" in page
    assert "Sim: regra 1 permite." in text_of(await browser.read(f"{there}?from=192.0.2.1&to=udp/5060"))
    digest = re.findall(r'name="digest" value="([0-9a-f]+)"', await browser.read(f"{there}/plan"))[0]
    status, page = await browser.act(f"{there}/apply", digest=digest)
    assert (status, "Tudo continua funcionando?" in page) == (200, True)
    _, page = await browser.act(f"{there}/confirm", digest=digest)
    assert "Regras novas de SPO-NODE-01 mantidas" in text_of(page)


async def test_a_server_that_does_not_answer_is_said_as_such(visit: Visit, world: World) -> None:
    world.elsewhere.nodes.clear()
    browser, there = await visit("operator"), "/servers/SPO-NODE-01/firewall"
    page = text_of(await browser.read(there))
    assert "SPO-NODE-01 não responde." in page and "Como foi confirmado lá por último." in page
    assert "Este endereço entra?" not in page
    assert "SPO-NODE-01 não responde" in text_of(await browser.read(f"{there}/plan"))


@pytest.mark.parametrize("language", ["pt_BR", "en"])
def test_every_kind_of_rule_has_its_sentence(language: str) -> None:
    words = Catalogues().words(language, ZONE)
    told = {
        str(sentence(Rule(id="1", type=kind, direction=direction, verdict=verdict, origins=origins), words))
        for kind in ("sip", "any", "icmp")
        for direction in Direction
        for verdict in Verdict
        for origins in ((), ("country:BR",), ("list:offices", "192.0.2.1-192.0.2.9"))
    }
    assert len(told) == 36
    assert not any("{" in text for text in told)
