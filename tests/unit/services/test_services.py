"""The use cases, over a registry in memory."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.access import ROOT, Actor, Role
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Status
from asterisk_ext.domain.server import Server, State, Technology
from tests.unit.services.conftest import NOW, World

FILE = b"""
tenants:
- id: 1
  name: Padaria
  domain: padaria.example.net
  home: node1
  extensions: [{number: "200", secret: given}, {number: "201"}]
  trunks: [{name: trunk14, host: 198.18.20.1}]
  dids: [{number: "4831210114", target: "200"}]
  emergency_trunks: [trunk14]
"""


async def test_a_tenant_follows_its_server_into_maintenance_and_back(world: World) -> None:
    await world.tenants.import_file(ROOT, FILE)
    await world.maintenance.enter(ROOT, "node1", "node2")
    assert (world.tenants.one(ROOT, 1).server, world.tenants.one(ROOT, 1).visiting) == ("node2", True)
    assert [(row.state, row.home, row.served) for row in world.servers.table(ROOT)] == [
        (State.MAINTENANCE, 1, 0),
        (State.ACTIVE, 0, 1),
    ]
    await world.maintenance.leave(ROOT, "node1")
    assert (world.tenants.one(ROOT, 1).server, world.tenants.one(ROOT, 1).visiting) == ("node1", False)


async def test_the_preview_says_in_numbers_what_would_move_and_moves_nothing(world: World) -> None:
    await world.tenants.import_file(ROOT, FILE)
    await world.report("node1", registered=2, calls=1)
    preview = world.maintenance.preview(ROOT, "node1", "node2")
    assert (preview.tenants, preview.extensions, preview.registered, preview.calls) == (1, 2, 2, 1)
    assert world.fleet.maintenance().entries == {}


async def test_a_destination_that_is_silent_is_refused_and_nothing_changes(world: World) -> None:
    world.now = NOW + 60
    with pytest.raises(Refusal) as refusal:
        await world.maintenance.enter(ROOT, "node1", "node2")
    assert refusal.value.error_id == "maintenance.dead_end"
    assert await world.registry.get("maintenance") is None


async def test_every_act_is_in_the_journal_with_its_way_back(world: World) -> None:
    await world.tenants.import_file(ROOT, FILE)
    await world.tenants.set_status(ROOT, 1, Status.PARTIAL_BLOCK, "falta de pagamento")
    entry = world.audit.latest(ROOT)[0]
    assert (entry.who, entry.act, entry.thing, entry.undo) == ("root", "pbx.change", "1", "pbx/1/status/active")


async def test_a_viewer_changes_nothing(world: World) -> None:
    viewer = Actor("someone", Role.VIEWER)
    await world.tenants.import_file(ROOT, FILE)
    for act in (
        world.maintenance.enter(viewer, "node1", "node2"),
        world.tenants.set_status(viewer, 1, Status.TOTAL_BLOCK),
        world.servers.remove(viewer, "node2"),
        world.users.save(viewer, "someone", "long enough for all", Role.ADMINISTRATOR),
    ):
        with pytest.raises(Refusal) as refusal:
            await act
        assert refusal.value.error_id == "access.forbidden"


async def test_importing_the_same_file_twice_changes_nothing(world: World) -> None:
    first = await world.tenants.import_file(ROOT, FILE)
    assert first.changed == (1,)
    assert list(first.passwords) == ["1_201"]
    again = await world.tenants.import_file(ROOT, FILE)
    assert (again.changed, dict(again.passwords)) == ((), {})


async def test_a_dry_run_says_what_would_change_and_writes_nothing(world: World) -> None:
    said = await world.tenants.import_file(ROOT, FILE, dry_run=True)
    assert said.changed == (1,)
    assert world.fleet.tenants() == []


@pytest.mark.parametrize(
    "data", [b"\xff\xfe", b"tenants: 5", b"tenants: [{id: x}]", b"tenants: [{id: 1, surprise: 2}]"]
)
async def test_a_file_that_is_none_is_refused_whole(world: World, data: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        await world.tenants.import_file(ROOT, data)
    assert refusal.value.error_id == "pbx.file_unreadable"
    assert world.fleet.tenants() == []


async def test_one_bad_tenant_in_a_file_keeps_all_out(world: World) -> None:
    bad = FILE + b"- {id: 2, name: B, domain: b.example.net, home: nowhere, mode: gate_only}\n"
    with pytest.raises(Refusal) as refusal:
        await world.tenants.import_file(ROOT, bad)
    assert refusal.value.error_id == "pbx.no_host"
    assert world.fleet.tenants() == []


async def test_a_server_with_tenants_or_visitors_cannot_be_removed(world: World) -> None:
    await world.tenants.import_file(ROOT, FILE)
    with pytest.raises(Refusal) as hosting:
        await world.servers.remove(ROOT, "node1")
    await world.maintenance.enter(ROOT, "node1", "node2")
    with pytest.raises(Refusal) as serving:
        await world.servers.remove(ROOT, "node2")
    assert (hosting.value.error_id, serving.value.error_id) == ("server.hosts_tenants", "server.is_destination")


async def test_a_name_or_id_that_is_taken_is_refused(world: World) -> None:
    with pytest.raises(Refusal) as refusal:
        await world.servers.add(ROOT, Server(id=1, name="other", technology=Technology.CDN, ip="198.18.1.9"))
    assert refusal.value.error_id == "server.exists"


async def test_a_user_enters_by_the_right_password_only(world: World) -> None:
    await world.users.save(ROOT, "plantao-1", "uma senha comprida", Role.OPERATOR)
    assert await world.users.log_in("plantao-1", "uma senha comprida") == Actor("plantao-1", Role.OPERATOR)
    for name, password in (("plantao-1", "outra"), ("ninguem", "uma senha comprida"), ("", "")):
        with pytest.raises(Refusal) as refusal:
            await world.users.log_in(name, password)
        assert refusal.value.error_id == "login.refused"


async def test_a_short_password_is_refused_and_nobody_is_made(world: World) -> None:
    with pytest.raises(Refusal) as refusal:
        await world.users.save(ROOT, "plantao-1", "123456789", Role.OPERATOR)
    assert refusal.value.error_id == "user.short_password"
    assert world.fleet.items("user/") == []


async def test_a_token_acts_in_its_role_and_scope_and_is_kept_as_a_hash(world: World) -> None:
    text = await world.users.issue_token(ROOT, "cobrança", Role.VIEWER, pbx=1)
    assert world.users.by_token(text) == Actor("cobrança", Role.VIEWER, 1)
    assert all(text.encode() not in item.value and text not in item.key for item in world.fleet.items(""))
    with pytest.raises(Refusal):
        world.users.by_token("guessed")


async def test_the_copy_knows_its_age(world: World) -> None:
    await world.tenants.import_file(ROOT, FILE)
    world.now = NOW + 40
    assert world.fleet.age(world.now) == 40
    await world.fleet.hear(world.registry)
    assert world.fleet.age(world.now) == 0
