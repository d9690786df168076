"""A server's firewall from another node over real mutual TLS, and what that node's API says to it."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiohttp import web

from admin_http.app import build
from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.firewall_rule import Rule, Verdict
from asterisk_ext.domain.firewall_trial import Question
from asterisk_ext.domain.firewall_types import Protocol
from asterisk_ext.domain.server import Server
from asterisk_ext.peer.firewall import PeerFirewalls
from asterisk_ext.peer.link import PeerLink
from asterisk_ext.services import records
from asterisk_ext.services.firewall_elsewhere import Order
from asterisk_ext.tasks import Tasks
from asterisk_ext.trust import identity
from asterisk_ext.trust.admission import Admission
from asterisk_ext.trust.authority import authority_at
from tests.unit.admin_http.world import World

ASKED = "FLN-CORE-01"
SIP = Question("192.0.2.1", Protocol.UDP, 5060)


@dataclass
class Fleet:
    world: World
    server: Server
    firewalls: PeerFirewalls
    """As another node asks."""


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    world = World(tmp_path / "copy.sqlite")
    authority = authority_at(tmp_path / "authority", time.time())
    known, serials = {}, {}
    for name in (ASKED, "SPO-NODE-01"):
        request = identity.request_for(name)
        signed = authority.sign(request.text, name, "127.0.0.1", time.time())
        identity.keep(tmp_path / name, request.key, signed.pem, authority.pem, None)
        known[name] = identity.Identity(tmp_path / name)
        serials[name] = signed.serial
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with Tasks() as tasks:
        tasks.start("copy", world.fleet.follow(world.registry))
        await world.fill()
        await world.registry.create(records.CONSOLES, records.encode(["SPO-NODE-01"]))
        for name, serial in serials.items():
            revision = await world.registry.create(records.certificate_key(name), records.encode([serial]))
            await world.fleet.reached(revision)
        app = build(replace(world.services, peer_of=Admission(world.fleet).peer_of))
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=known[ASKED].serving).start()
        link = PeerLink(known["SPO-NODE-01"].asking)
        server = replace(world.fleet.server(ASKED), ip="127.0.0.1", fleet_port=port)
        yield Fleet(world, server, PeerFirewalls(link))
        await link.close()
        await runner.cleanup()
    world.fleet.close()


async def refused(work: object) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await work  # type: ignore[misc]
    return refusal.value


async def test_rules_plan_trial_and_answers_come_as_that_node_has_them(fleet: Fleet) -> None:
    own = fleet.world.services.firewall
    await own.drafts.put(ROOT, ASKED, Rule(id="", type="any", verdict=Verdict.DENY), number=1)
    table = await fleet.firewalls.table(fleet.server, "operator")
    assert records.encode(table) == records.encode(await own.table(ROOT, ASKED))
    now, then = await fleet.firewalls.explain(fleet.server, "support", SIP, table.revision)
    assert (now, then) == await own.explain(ROOT, ASKED, SIP)
    view = await fleet.firewalls.plan(fleet.server, "operator", [SIP], fleet.world.fleet.revision)
    assert (view.cut_count, view.cut[0].address) == (1, SIP.address)
    order = Order(digest=view.digest, acknowledged=1, session=[], force=False, revision=0)
    pending = await fleet.firewalls.apply(fleet.server, "operator", order)
    assert pending == fleet.world.firewall_guard.pending
    await fleet.firewalls.roll_back(fleet.server, "operator")
    assert fleet.world.firewall_guard.pending is None
    await fleet.firewalls.apply(fleet.server, "operator", order)
    await fleet.firewalls.confirm(fleet.server, "operator", view.digest)
    assert fleet.world.firewall_guard.confirmed.firewall.rules[0].verdict is Verdict.DENY
    await fleet.world.fleet.reached((await fleet.world.registry.snapshot(""))[1])
    assert fleet.world.audit.latest(ROOT)[0].who == "operator"


async def test_a_refusal_comes_with_its_own_words_and_places(fleet: Fleet) -> None:
    refusal = await refused(fleet.firewalls.confirm(fleet.server, "operator", "0" * 12))
    assert refusal.error_id == "firewall.not_on_trial"
    refusal = await refused(fleet.firewalls.plan(fleet.server, "viewer", [], 0))
    assert (refusal.error_id, refusal.params, refusal.problem.status) == (
        "access.forbidden",
        {"actor": "viewer", "role": "operator"},
        403,
    )
    assert refusal.problem.what.startswith("{actor} may not")


async def test_a_node_that_is_down_or_another_than_was_asked_is_silent(fleet: Fleet) -> None:
    away = replace(fleet.server, fleet_port=9)
    assert (await refused(fleet.firewalls.table(away, "operator"))).error_id == "server.silent"
    assert (await refused(fleet.firewalls.confirm(away, "operator", "0" * 12))).error_id == "server.silent"
    other = replace(fleet.server, name="POA-CORE-01")
    assert (await refused(fleet.firewalls.table(other, "operator"))).error_id == "server.silent"
