"""The page of the whole fleet's bans, and what a server that is no console says."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from html import unescape

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.server import Report
from asterisk_ext.services import consoles, records
from tests.unit.admin_http.conftest import Visitor
from tests.unit.admin_http.world import World

Visit = Callable[[str], Awaitable[Visitor]]
PAGE = "/bans/fleet"
HERE, THERE = "FLN-CORE-01", "SPO-NODE-01"


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


async def reported(world: World, **of: Report) -> None:
    for name, report in of.items():
        await world.registry.beat(name.replace("_", "-"), 6.0, records.encode(report))
    await world.fleet.hear(world.registry)


async def test_an_address_is_never_blocked_and_blocked_like_others_again_by_the_strips_own_button(
    visit: Visit, world: World
) -> None:
    browser = await visit("operator")
    page = (await browser.act(f"{PAGE}/never", network="203.0.113.0/28", note="our office"))[1]
    assert "203.0.113.0/28 nunca é bloqueado" in plain(page) and "our office" in page
    assert [one.network for one in world.services.fleet_bans.never(ROOT)] == ["203.0.113.0/28"]
    assert f'action="{PAGE}/again"' in page[page.index('class="strip"') :]
    page = (await browser.act(f"{PAGE}/again", network="203.0.113.0/28", note="our office"))[1]
    assert "203.0.113.0/28 pode ser bloqueado de novo" in plain(page)
    assert world.services.fleet_bans.never(ROOT) == []
    strip = page[page.index('class="strip"') :]
    assert f'action="{PAGE}/never"' in strip and 'value="our office"' in strip


async def test_a_network_that_is_too_wide_is_refused_beside_its_field_with_what_was_typed(visit: Visit) -> None:
    status, page = await (await visit("operator")).act(f"{PAGE}/never", network="203.0.0.0/16", note="all of it")
    assert status == 422
    assert 'value="203.0.0.0/16"' in page and 'value="all of it"' in page and 'aria-invalid="true"' in page


async def test_a_lift_shows_who_has_carried_it_out_and_who_has_not_yet(visit: Visit, world: World) -> None:
    await world.services.bans.ban(ROOT, "203.0.113.45", "")
    await world.services.bans.lift(ROOT, "203.0.113.45")
    await caught_up(world)
    lifted = world.services.fleet_bans.lifts(ROOT)[0]
    await reported(world, FLN_CORE_01=Report(lifts=world.fleet.revision), SPO_NODE_01=Report(lifts=0))
    page = plain(await (await visit("viewer")).read(PAGE))
    assert lifted.address == "203.0.113.45"
    row = page[page.index("203.0.113.45") :]
    assert f"de {len(world.fleet.reports())} servidores {HERE}" in row
    assert THERE in row[row.index(HERE) : row.index("quando souberem")]


async def test_what_a_server_has_told_is_withdrawn_and_what_is_held_back_of_it_is_said(
    visit: Visit, world: World
) -> None:
    await reported(world, FLN_CORE_01=Report(held_of={THERE: 7}))
    browser = await visit("operator")
    page = plain(await browser.read(PAGE))
    assert f"{THERE} 7 ele informa demais de uma vez" in page
    page = plain((await browser.act(f"{PAGE}/withdraw", server=THERE))[1])
    assert f"O que {THERE} informou até" in page
    assert world.fleet.item(records.withdrawn_key(THERE)) is not None
    assert f"Retirou o que {THERE} havia informado" in plain(await (await visit("administrator")).read("/audit"))


async def test_consoles_are_named_and_a_server_that_is_none_offers_nothing_of_the_fleets(
    visit: Visit, world: World
) -> None:
    browser = await visit("administrator")
    assert "só consulta" not in await browser.read("/servers")
    await appointed(world, HERE)
    page = await browser.read("/servers")
    assert len(re.findall(r">console</div>", page)) == 1 and "só consulta" not in page
    await appointed(world, THERE)
    for path in ("/servers", PAGE):
        page = plain(await browser.read(path))
        assert f"{HERE} não é console: aqui você só consulta." in page and f"alterado em {THERE}." in page
    assert f'action="{PAGE}/never"' not in await browser.read(PAGE)


async def appointed(world: World, name: str) -> None:
    await consoles.appoint(world.registry, world.fleet, [name])
    await caught_up(world)


async def caught_up(world: World) -> None:
    await world.fleet.reached((await world.registry.snapshot(""))[1])
