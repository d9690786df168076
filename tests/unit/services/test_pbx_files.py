"""Files of virtual PBXs: what they may leave out, what they may not say, and that an export can be imported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from asterisk_ext.domain.access import ROOT, Actor, Role
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Mode, Pbx, Status, digest
from asterisk_ext.services import tenant_file
from asterisk_ext.services.pbx_claims import national
from tests.unit.services.conftest import World

WHOLE = b"""
tenants:
- id: 1
  name: Padaria
  domain: padaria.example.net
  home: node1
  max_calls: 4
  language: en
  extensions:
  - {number: "200", secret: given, caller_id: "4831210114"}
  - {number: "201", webrtc: true, codecs: [opus, alaw], contacts: 2}
  trunks:
  - {name: trunk14, host: 198.18.20.1, caller_id: "4831210114", addresses: [198.18.20.2]}
  - {name: trunk15, host: sip.carrier.example, transport: tls, port: 5061, username: u15, secret: pa55, register: true}
  ring_groups: [{number: "600", members: ["200", "201"], strategy: in_order, timeout: 15}]
  dids: [{number: "4831210114", target: "600"}, {number: "4831210115", target: announcement}]
  routes: [{pattern: "00.", trunks: [trunk15, trunk14], strip: 2, prepend: "0021", name: Fora}]
  emergency_trunks: [trunk14, trunk15]
  emergency_numbers: ["190", "192", "193", "199"]
"""


DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = {language: (DOCS / language / "virtual-pbx.md").read_text() for language in ("en", "pt-BR")}


def exported(world: World, *, secrets: bool) -> bytes:
    return tenant_file.encoded(tenant_file.exported(world.fleet.tenants(), secrets), "yaml")


async def test_an_export_with_secrets_makes_the_same_records_elsewhere(world: World) -> None:
    await world.tenants.import_file(ROOT, WHOLE)
    await world.tenants.set_status(ROOT, 1, Status.PARTIAL_BLOCK, "falta de pagamento")
    record = world.fleet.tenant(1)
    file = exported(world, secrets=True)
    await world.tenants.remove(ROOT, 1)
    assert world.fleet.tenants() == []
    assert dict((await world.tenants.import_file(ROOT, file)).passwords) == {}
    assert world.fleet.tenant(1) == record


async def test_an_export_holds_no_secret_unless_it_is_asked_for_and_still_changes_nothing(world: World) -> None:
    await world.tenants.import_file(ROOT, WHOLE)
    record, file = world.fleet.tenant(1), exported(world, secrets=False)
    for secret in ("pa55", digest("1_200", "given"), record.extensions[1].digest):
        assert secret.encode() not in file
    again = await world.tenants.import_file(ROOT, file)
    assert (again.changed, again.unchanged, world.fleet.tenant(1)) == ((), 1, record)


async def test_secrets_leave_by_an_administrator_alone_and_it_is_noted(world: World) -> None:
    await world.tenants.import_file(ROOT, WHOLE)
    with pytest.raises(Refusal) as refusal:
        await world.tenants.export(Actor("someone", Role.OPERATOR), with_secrets=True)
    assert refusal.value.error_id == "access.forbidden"
    await world.tenants.export(ROOT, with_secrets=True)
    await world.fleet.reached((await world.registry.snapshot(""))[1])
    assert world.audit.latest(ROOT)[0].act == "pbx.export_secrets"


async def test_a_file_that_says_nothing_of_the_status_lifts_no_block(world: World) -> None:
    await world.tenants.import_file(ROOT, WHOLE)
    await world.tenants.set_status(ROOT, 1, Status.TOTAL_BLOCK, "falta de pagamento")
    await world.tenants.import_file(ROOT, WHOLE.replace(b"max_calls: 4", b"max_calls: 5"))
    pbx = world.fleet.tenant(1)
    assert (pbx.status, pbx.reason, pbx.max_calls) == (Status.TOTAL_BLOCK, "falta de pagamento", 5)
    await world.tenants.import_file(ROOT, WHOLE.replace(b"max_calls: 4", b"status: active"))
    assert world.fleet.tenant(1).status is Status.ACTIVE


async def test_a_trunk_keeps_its_password_until_another_is_given_or_its_carrier_is_another(world: World) -> None:
    await world.tenants.import_file(ROOT, WHOLE)
    without = WHOLE.replace(b"secret: pa55, ", b"")
    await world.tenants.import_file(ROOT, without)
    assert world.fleet.tenant(1).trunks[1].secret == "pa55"
    with pytest.raises(Refusal) as refusal:
        await world.tenants.import_file(ROOT, without.replace(b"sip.carrier.example", b"sip.other.example"))
    assert refusal.value.error_id == "pbx.trunk_without_credentials"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (
            b'caller_id: "4831210114", addresses',
            b'calller_id: "4831210114", addresses',
            "tenants[0].trunks[0].calller_id",
        ),
        (b"max_calls", b"max_cals", "tenants[0].max_cals"),
        (b"strip: 2", b"strip: two", "tenants[0].routes[0].strip"),
        (b"timeout: 15", b"surprise: 15", "tenants[0].ring_groups[0].surprise"),
    ],
)
async def test_a_field_that_does_not_exist_is_refused_by_its_place(
    world: World, old: bytes, new: bytes, field: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        await world.tenants.import_file(ROOT, WHOLE.replace(old, new))
    assert (refusal.value.error_id, refusal.value.field) == ("pbx.file_unreadable", field)
    assert world.fleet.tenants() == []


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"tenants: {}", b"tenants: []\nmore: 1", b'{"tenants": [5]}', b"&a [*a]"]
)
async def test_what_is_no_file_of_virtual_pbxs_is_refused(world: World, data: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        await world.tenants.import_file(ROOT, data)
    assert refusal.value.error_id == "pbx.file_unreadable"


def other(**fields: object) -> Pbx:
    plain = Pbx(id=2, name="B", domain="b.example.net", home="node1", mode=Mode.GATE_ONLY)
    return replace(plain, **fields)  # type: ignore[arg-type]


async def test_a_number_of_another_virtual_pbx_cannot_be_taken_not_even_with_the_countrys_55(world: World) -> None:
    await world.tenants.import_file(ROOT, WHOLE)
    mine = world.fleet.tenant(1)
    for number in ("4831210114", "554831210114"):
        with pytest.raises(Refusal) as refusal:
            await world.tenants.save(
                ROOT, replace(mine, id=2, domain="b.example.net", dids=(replace(mine.dids[0], number=number),))
            )
        assert (refusal.value.error_id, refusal.value.params["other"]) in [
            ("pbx.did_taken", 1),
            ("pbx.foreign_caller_id", 1),
        ]
    with pytest.raises(Refusal) as taken:
        await world.tenants.save(ROOT, other(domain="padaria.example.net"))
    assert taken.value.error_id == "pbx.domain_taken"
    assert national("554831210114") == national("4831210114") == "4831210114"
    assert national("5599") == "5599"


async def test_an_id_twice_in_a_file_keeps_all_out(world: World) -> None:
    whole = msgspec.yaml.decode(WHOLE)
    whole["tenants"] *= 2
    with pytest.raises(Refusal) as refusal:
        await world.tenants.import_file(ROOT, json.dumps(whole).encode())
    assert refusal.value.error_id == "pbx.id_twice"
    assert world.fleet.tenants() == []


async def test_who_changed_a_record_first_wins(world: World) -> None:
    await world.tenants.import_file(ROOT, WHOLE)
    seen = world.tenants.one(ROOT, 1)
    assert await world.tenants.save(ROOT, replace(seen.pbx, max_calls=7), seen.revision)
    with pytest.raises(Refusal) as refusal:
        await world.tenants.save(ROOT, replace(seen.pbx, max_calls=8), seen.revision)
    assert refusal.value.error_id == "registry.conflict"
    with pytest.raises(Refusal):
        await world.tenants.save(ROOT, replace(seen.pbx, max_calls=9), 0)
    assert world.fleet.tenant(1).max_calls == 7


async def test_a_virtual_pbx_with_calls_stays_and_one_without_goes(world: World) -> None:
    await world.tenants.import_file(ROOT, WHOLE)
    with pytest.raises(Refusal) as refusal:
        await world.tenants.remove(ROOT, 1, calls=2)
    assert (refusal.value.error_id, refusal.value.params["calls"]) == ("pbx.has_calls", 2)
    await world.tenants.remove(ROOT, 1)
    assert world.fleet.tenants() == []


@pytest.mark.parametrize("language", ["en", "pt-BR"])
async def test_the_documents_example_is_accepted(world: World, language: str) -> None:
    example = PAGES[language].partition("```yaml\n")[2].partition("```")[0]
    assert (await world.tenants.import_file(ROOT, example.encode())).changed == (1,)
    pbx = world.fleet.tenant(1)
    assert [route.pattern for route in pbx.routes] == ["00.", "ZXXXXXXXXX!"]
